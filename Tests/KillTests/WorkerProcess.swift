import Foundation
import Synchronization

/// A worker process of the test's own, that can be killed, frozen and asked to leave.
///
/// Started with `posix_spawn`: Foundation's `Process` takes a frozen child for an ended one.
final class WorkerProcess: Sendable {
    let id: Int32
    private let hasEnded = Mutex(false)
    private let status = Mutex<Int32>(0)
    private let ended = DispatchSemaphore(value: 0)
    private let log: String

    struct Failure: Error { var errno: Int32 }

    /// Starts the program TestWorker.
    convenience init(
        redis: String, ledgerRedis: String, ledger: String, author: String, namespace: String, lease: Int = 1000,
        concurrency: Int = 10, grace: Int = 5000, bodyStartLimit: Int = 3_600_000, folder: String,
        environment: [String: String] = [:]
    ) throws {
        try self.init(
            program: "TestWorker",
            [redis, ledgerRedis, ledger, author, namespace, String(lease), String(concurrency), String(grace)]
                + ["bodyStartLimit=\(bodyStartLimit)"],
            log: folder + "/" + namespace + "-" + author + ".log", environment: environment)
    }

    /// Starts a program that is built beside the tests.
    ///
    /// - Parameter more: goes into its environment beside the tests' own.
    init(program name: String, _ arguments: [String], log: String, environment more: [String: String] = [:]) throws {
        let program = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
            .appendingPathComponent(name).path
        self.log = log
        let words = [program] + arguments
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
        arguments.append(nil)
        defer { for argument in arguments { free(argument) } }
        let variables = ProcessInfo.processInfo.environment.merging(more) { $1 }
        var environment: [UnsafeMutablePointer<CChar>?] = variables.map { strdup("\($0.key)=\($0.value)") }
        environment.append(nil)
        defer { for variable in environment { free(variable) } }
        var id: pid_t = 0
        let result = posix_spawn(&id, program, &actions, nil, arguments, environment)
        if result != 0 { throw Failure(errno: result) }
        self.id = id
        // Keeps this object until the process is reaped, so that its number is nobody else's meanwhile.
        Thread.detachNewThread { self.reap() }
    }

    private func reap() {
        var info = siginfo_t()
        // Looks without reaping, so that no signal can go to a number that is free again.
        while waitid(P_PID, id_t(id), &info, WEXITED | WNOWAIT) < 0, errno == EINTR {}
        hasEnded.withLock { hasEnded in
            hasEnded = true
            var status: Int32 = 0
            _ = waitpid(id, &status, 0)
            self.status.withLock { $0 = status }
        }
        ended.signal()
    }

    var isRunning: Bool { !hasEnded.withLock { $0 } }
    var logText: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

    func signal(_ number: Int32) {
        hasEnded.withLock { if !$0 { _ = Glibc.kill(id, number) } }
    }

    func kill() { signal(SIGKILL) }
    func freeze() { signal(SIGSTOP) }
    func thaw() { signal(SIGCONT) }

    /// Asks it to leave and waits for that.
    func terminate() async {
        signal(SIGTERM)
        await waitForEnd()
    }

    /// Waits until it has ended by itself.
    ///
    /// - Returns: the code with which it has; `nil` if a signal has ended it.
    func exitCode() async -> Int32? {
        await waitForEnd()
        let status = self.status.withLock { $0 }
        return status & 0x7f == 0 ? (status >> 8) & 0xff : nil
    }

    private func waitForEnd() async {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { [ended] in
                ended.wait()
                ended.signal()
                continuation.resume()
            }
        }
    }
}
