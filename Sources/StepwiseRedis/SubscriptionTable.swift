/// Who listens to what, and what the server has been asked and has confirmed. No socket and no clock in it.
struct SubscriptionTable {
    typealias Receiver = ([UInt8]) -> Void

    private struct Channel {
        var receivers: [(id: Int, receive: Receiver)] = []
        /// Those whose subscription is not confirmed yet.
        var requests: [(id: Int, command: RedisCommand)] = []
        var isConfirmed = false
    }

    enum Change: Hashable {
        case nothing
        case subscribe(String)
        case unsubscribe(String)
    }

    private var channels: [String: Channel] = [:]
    /// The channels of the `SUBSCRIBE`s that the server has not answered, in the order in which it will.
    private var unanswered: [String] = []
    private var lastID = 0

    /// Every channel that somebody listens to, in a fixed order.
    var wanted: [String] { channels.keys.sorted() }

    // MARK: What callers want

    mutating func add(_ command: RedisCommand, to name: String, _ receive: @escaping Receiver) -> Change {
        lastID += 1
        let isNew = channels[name] == nil
        var channel = channels[name] ?? Channel()
        channel.receivers.append((lastID, receive))
        if channel.isConfirmed {
            command.complete(.success(.integer(lastID)))
        } else {
            channel.requests.append((lastID, command))
        }
        channels[name] = channel
        return isNew ? .subscribe(name) : .nothing
    }

    mutating func remove(_ id: Int, from name: String) -> Change {
        guard let count = channels[name]?.receivers.count else { return .nothing }
        channels[name]?.receivers.removeAll { $0.id == id }
        guard count > 0, channels[name]?.receivers.isEmpty == true else { return .nothing }
        channels[name] = nil
        return .unsubscribe(name)
    }

    /// Removes the requests that `isOver` picks, with their receivers.
    mutating func removeRequests(where isOver: (RedisCommand) -> Bool) -> [Change] {
        wanted.flatMap { name -> [Change] in
            let over = channels[name]?.requests.filter { isOver($0.command) }.map(\.id) ?? []
            channels[name]?.requests.removeAll { over.contains($0.id) }
            return over.map { remove($0, from: name) }
        }
    }

    /// All commands that wait, each with its deadline still ahead.
    var requests: [RedisCommand] { channels.values.flatMap { $0.requests.map(\.command) } }

    // MARK: What the connection says

    /// A `SUBSCRIBE` was sent.
    mutating func sent(_ name: String) {
        unanswered.append(name)
    }

    mutating func disconnected() {
        unanswered = []
        for name in channels.keys { channels[name]?.isConfirmed = false }
    }

    mutating func confirmed(_ name: String) {
        guard let index = unanswered.firstIndex(of: name) else { return }
        unanswered.remove(at: index)
        // An earlier SUBSCRIBE's answer, with an UNSUBSCRIBE on its heels, promises nothing to a later one.
        guard !unanswered.contains(name), var channel = channels[name] else { return }
        channel.isConfirmed = true
        let requests = channel.requests
        channel.requests = []
        channels[name] = channel
        for request in requests { request.command.complete(.success(.integer(request.id))) }
    }

    /// The server refused the oldest `SUBSCRIBE` that it has not answered.
    mutating func refused(_ error: RedisError) {
        guard !unanswered.isEmpty else { return }
        let name = unanswered.removeFirst()
        guard !unanswered.contains(name), let channel = channels.removeValue(forKey: name) else { return }
        for request in channel.requests { request.command.complete(.failure(error)) }
    }

    func deliver(_ message: [UInt8], on name: String) {
        guard let channel = channels[name] else { return }
        for receiver in channel.receivers { receiver.receive(message) }
    }

    /// Ends everything that waits, as when the owner closes.
    mutating func failAll(_ error: RedisError) {
        let failing = requests
        channels = [:]
        unanswered = []
        for command in failing { command.complete(.failure(error)) }
    }
}
