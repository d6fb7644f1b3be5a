import Dispatch
import NIOCore
import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Reads what a setting names: a regular file, and no large one.
enum SettingsFile {
    static let mostBytes = 1024 * 1024

    struct Problem: Error {
        /// What follows the path.
        let reason: String
    }

    static func bytes(of path: String) throws(Problem) -> [UInt8] {
        // A pipe is opened at once, and then seen to be none; without the flag it would be waited for.
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw Problem(reason: reason(errno)) }
        defer { _ = close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw Problem(reason: "is not a regular file, but a folder, a pipe or a device")
        }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 16 * 1024)
        // What its status says of its size may change meanwhile.
        while bytes.count <= mostBytes {
            let count = part.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Problem(reason: reason(errno)) }
            if count == 0 { return bytes }
            bytes += part[..<count]
        }
        throw Problem(reason: "has more than 1 MiB")
    }

    private static func reason(_ code: Int32) -> String {
        switch code {
        case ENOENT, ENOTDIR: "does not exist"
        case EACCES, EPERM: "may not be read by this process' user"
        default: "cannot be read as a file (\(String(cString: strerror(code))))"
        }
    }

    /// One thread for all: a file system that hangs holds no more than that.
    private static let queue = DispatchQueue(label: "stepwise.redis.settings")

    /// Does what reads files on another thread than the event loop's, and calls `body` once on the event loop: with what came of it, or after the
    /// limit with `late`.
    static func apart<Value: Sendable>(
        from eventLoop: any EventLoop, within limit: TimeAmount, late: Value, _ work: @escaping @Sendable () -> Value,
        _ body: @escaping @Sendable (Value) -> Void
    ) {
        let answer = FirstAnswer(eventLoop, body)
        eventLoop.scheduleTask(in: limit) { answer.give(late) }
        queue.async { answer.give(work()) }
    }
}

/// What somebody returns, or that it takes too long; whatever is first.
final class FirstAnswer<Value: Sendable>: Sendable {
    private let isGiven = Atomic(false)
    private let eventLoop: any EventLoop
    private let body: @Sendable (Value) -> Void

    init(_ eventLoop: any EventLoop, _ body: @escaping @Sendable (Value) -> Void) {
        self.eventLoop = eventLoop
        self.body = body
    }

    func give(_ answer: Value) {
        guard !isGiven.exchange(true, ordering: .relaxed) else { return }
        eventLoop.execute { [body] in body(answer) }
    }
}
