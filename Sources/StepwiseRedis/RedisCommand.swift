import NIOCore

/// A command on its way: what to send, until when, and who waits for the reply.
///
/// It is made on any thread, handed to the event loop once, and touched only there from then on; that makes it safe to
/// send, which the compiler cannot see.
final class RedisCommand: @unchecked Sendable {
    typealias Completion = (Result<RedisValue, RedisError>) -> Void

    let arguments: [RedisArgument]
    let timeout: TimeAmount
    let deadline: NIODeadline
    /// The most bytes of a string in the reply; a longer one becomes an excerpt. `nil`: the connection's limit holds, and a longer
    /// one fails the command, because its caller does not look for excerpts.
    let maximumBulk: Int?
    /// Whether it is sent to a server that is not admitted, too; see ``ServerGate``.
    let passesGate: Bool
    private var completion: Completion?
    private var isAdopted = false
    private var isCancelled = false

    /// - Parameter deadline: `nil`: `timeout` from now.
    init(
        _ arguments: [RedisArgument], timeout: TimeAmount, deadline: NIODeadline? = nil, maximumBulk: Int? = nil,
        passesGate: Bool = false
    ) {
        precondition(!arguments.isEmpty, "a command has at least its name")
        self.arguments = arguments
        self.timeout = timeout
        self.maximumBulk = maximumBulk
        self.passesGate = passesGate
        self.deadline = deadline ?? .now() + timeout
    }

    /// Says who waits. Before the command is handed to the event loop, so that a cancellation may run ahead of it.
    func onCompletion(_ completion: @escaping Completion) {
        self.completion = completion
    }

    /// The first thing that happens to a command on the event loop.
    func adopt() {
        isAdopted = true
        if isCancelled { complete(.failure(.cancelled)) }
    }

    /// Tells who waits; nothing more after the first time. A command that was written keeps its place in the queue of
    /// replies after that, so that its late reply is not taken for another's.
    func complete(_ result: Result<RedisValue, RedisError>) {
        guard let completion else { return }
        self.completion = nil
        completion(result)
    }

    func cancel() {
        isCancelled = true
        if isAdopted { complete(.failure(.cancelled)) }
    }

    var isComplete: Bool { completion == nil }

    /// The name for messages, never the arguments: they may be a user's secrets.
    var name: String {
        if case .string(let name) = arguments[0] { name } else { "a command" }
    }
}

extension RedisError {
    static var cancelled: RedisError { RedisError(.cancelled, "the task that waited for redis was cancelled") }
    static var closed: RedisError { RedisError(.closed, "the redis client was closed") }
}
