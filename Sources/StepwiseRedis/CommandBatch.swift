import NIOCore

/// Commands that are sent together, and their replies in the same order.
///
/// The commands and the completion follow the rule of ``RedisCommand``: the event loop's once they are handed to it.
final class CommandBatch: @unchecked Sendable {
    typealias Completion = ([Result<RedisValue, RedisError>]) -> Void

    let commands: [RedisCommand]
    private var replies: [Result<RedisValue, RedisError>]
    private var missing: Int
    private var completion: Completion?

    init(_ commands: [[RedisArgument]], timeout: TimeAmount, maximumBulk: Int? = nil) {
        self.commands = commands.map { RedisCommand($0, timeout: timeout, maximumBulk: maximumBulk) }
        missing = commands.count
        replies = Array(repeating: .failure(.closed), count: commands.count)
    }

    /// Says who waits, before the commands are handed over; `completion` is called on the event loop with the last reply.
    func onCompletion(_ completion: @escaping Completion) {
        self.completion = completion
        for (index, command) in commands.enumerated() {
            command.onCompletion { [self] reply in set(reply, at: index) }
        }
    }

    private func set(_ reply: Result<RedisValue, RedisError>, at index: Int) {
        replies[index] = reply
        missing -= 1
        guard missing == 0, let completion else { return }
        self.completion = nil
        completion(replies)
    }
}
