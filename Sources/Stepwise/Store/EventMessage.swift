internal import StepwiseRedis

/// An event on its way: to one run, or to everybody who waits for it.
struct EventMessage: Sendable {
    /// Its name as it is stored.
    var event: String
    /// Its value as JSON.
    var value: [UInt8]
    /// The event's own id: with it, what is sent twice arrives once.
    var id: String?

    /// What came of an event for one run.
    enum Reply: Sendable, Hashable {
        case received
        case kept
        case seen
        case over(RunStatus)
        case full
        /// The mailbox has as many pushed events as it may have.
        case half
        /// It has as many bytes of pushed events as it may have.
        case large
        /// Pushed events wait already for as many runs that do not exist as they may, or for so many that this one is too large.
        case crowded(PushedShare?)
        case unknown
        case stale
    }

    /// The most messages that a run may have and has not asked for. Pushed ones may be half of them, with half as many bytes as its outcomes may
    /// have.
    static let mostMessages = 10_000
    /// How many bytes a run may have waiting that does not exist, of events that others push. Where they wait for many such runs, it is less.
    static let mostWaitingBytes = 1_048_576

    /// What came of an event for everybody.
    enum Broadcast: Sendable, Hashable {
        /// The text is of the work item that tells it to whoever waits.
        case sent(text: String)
        /// Another one of this name is kept, and this one was to be kept as well.
        case keptAlready
        /// As many names have a pushed event that is kept as may have, or so many that this one is too large.
        case tooManyKept(PushedShare?)
        /// It was sent before, or somebody else does it.
        case nothing
    }

    /// Sends the event to one run.
    ///
    /// - Parameters:
    ///   - claim: the pushed item that asks for it; `nil` for a client or a step.
    ///   - sender: is recorded with the outcome.
    ///   - mostExpected: for how many runs that do not exist events that were pushed to one queue may wait.
    ///   - evaluate: sends one script.
    func send(
        to run: String, claim: PushedClaim?, sender: String, maximumRunSize: Int, mostExpected: Int = 0, keys: Keys,
        _ evaluate: (RedisScript, [String], [RedisArgument]) async throws -> RedisValue
    ) async throws -> Reply {
        // The script knows better which queue the run has, and says so.
        var queue = "default"
        while true {
            let call = ScriptCall.notify(
                keys, self, to: run, queue: queue, claim: claim, sender: sender, maximumRunSize: maximumRunSize,
                mostExpected: mostExpected)
            let reader = try call.reply(try await evaluate(call.script.redis, call.keys, call.arguments))
            switch reader.word {
            case "received": return .received
            case "kept": return .kept
            case "seen": return .seen
            case "over": return .over(RunStatus(rawValue: try reader.text(1)))
            case "full": return .full
            case "half": return .half
            case "large": return .large
            case "crowded": return .crowded(try reader.share())
            case "unknown": return .unknown
            case "stale": return .stale
            case "queue": queue = try reader.text(1)
            case "again": continue
            default: throw reader.unexpected
            }
        }
    }

    /// Sends the event to everybody who waits for it now, by way of a queue.
    ///
    /// - Parameters:
    ///   - keep: for how many milliseconds it is kept for those who come later.
    ///   - sender: the run that sends it, if one does.
    ///   - claim: the pushed item that asks for it, if one does.
    ///   - mostKept: how many names may have a pushed event that is kept.
    func send(
        queue: String, keep: Int?, sender: String? = nil, claim: PushedClaim? = nil, mostKept: Int = 0, keys: Keys,
        _ evaluate: (RedisScript, [String], [RedisArgument]) async throws -> RedisValue
    ) async throws -> Broadcast {
        let call = ScriptCall.broadcast(
            keys, self, queue: queue, keep: keep, sender: sender, claim: claim, mostKept: mostKept)
        return try call.reply(try await evaluate(call.script.redis, call.keys, call.arguments))
    }
}

/// An entry of `mail:<id>` for a step that waits: `<event> w <generation> <number of the call, nine digits> <step>`.
package struct MailWaiter: Sendable, Hashable {
    package var event: String
    package var generation: String
    package var number: Int
    package var step: String

    package init(event: String, generation: String, number: Int, step: String) {
        (self.event, self.generation, self.number, self.step) = (event, generation, number, step)
    }

    package var text: String {
        let digits = String(number)
        return "\(event) w \(generation) \(String(repeating: "0", count: max(0, 9 - digits.count)))\(digits) \(step)"
    }
}

/// An entry of `event:<name>`: `<queue> <run> <generation> <step>`.
package struct EventWaiter: Sendable, Hashable {
    package var queue: String
    package var run: String
    package var generation: String
    package var step: String

    package init(queue: String, run: String, generation: String, step: String) {
        (self.queue, self.run, self.generation, self.step) = (queue, run, generation, step)
    }

    package init?(_ text: String) {
        let parts = text.words(atMost: 4)
        guard parts.count == 4, Generation.isOne(parts[2]) else { return nil }
        self.init(queue: parts[0], run: parts[1], generation: parts[2], step: parts[3])
    }

    package var text: String { "\(queue) \(run) \(generation) \(step)" }
}
