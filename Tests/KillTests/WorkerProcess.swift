import Foundation
import Synchronization

/// A worker process of the test's own, that can be killed, frozen and asked to leave.
///
/// Started with `posix_spawn`: Foundation's `Process` takes a frozen child for an ended one.
final class WorkerProcess: Sendable {
    let id: Int32
    private let hasEnded = Mutex(false)
    private let ended = DispatchSemaphore(value: 0)
    private let log: String

    struct Failure: Error { var errno: Int32 }

    /// Starts the program TestWorker.
    convenience init(
        redis: String, ledgerRedis: String, ledger: String, author: String, namespace: String, lease: Int = 1000,
        concurrency: Int = 10, grace: Int = 5000, bodyStartLimit: Int = 3_600_000, folder: String
    ) throws {
        try self.init(
            program: "TestWorker",
            [redis, ledgerRedis, ledger, author, namespace, String(lease), String(concurrency), String(grace)]
                + ["bodyStartLimit=\(bodyStartLimit)"],
            log: folder + "/" + namespace + "-" + author + ".log")
    }

    /// Starts a program that is built beside the tests.
    init(program name: String, _ arguments: [String], log: String) throws {
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
        var id: pid_t = 0
        let result = posix_spawn(&id, program, &actions, nil, arguments, environ)
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
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { [ended] in
                ended.wait()
                ended.signal()
                continuation.resume()
            }
        }
    }
}
