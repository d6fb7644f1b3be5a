internal import StepwiseRedis

/// What came after the number that the caller named.
struct HistoryPage: Sendable {
    /// The number before the page's first outcome.
    var from: Int
    var records: [[UInt8]]
    /// The length of the whole history when the page was read.
    var recorded: Int
    /// Up to which outcome a turn has taken the function before; -1 if none has.
    var delivered: Int
}

enum TakeTurnReply: Sendable {
    /// `lost`: how many workers were lost with the step, or with the turn since the last outcome.
    case loaded(number: Int, opened: Int, page: HistoryPage, lost: Int, code: CodeMarks, about: RunAbout?)
    case obsolete
    case stale
    case reset
}

/// What a run has noted about the code that may take it forward.
struct CodeMarks: Sendable {
    /// Up to which outcome a turn has taken the function, -1 if none has, and how many of its calls are opened.
    var delivered = -1
    var opened = 0
    /// The versions of its workflow that could not.
    var incompatibleVersions: [String] = []
    /// Its patches.
    var patches: [String: Int] = [:]
}

/// What a worker needs to start a run's function.
struct RunAbout: Sendable {
    var workflow: String
    var queue: String
    var payload: [UInt8]
    /// The queue of the run that waits for this one's end, if one does.
    var parentQueue: String?
    /// How many runs are above it.
    var depth = 0
    /// When it was created, in milliseconds since 1970.
    var created = 0
    /// How often it has begun anew.
    var continued = 0
}

/// The answer to `advance` and `record_and_advance`.
enum AdvanceReply: Sendable {
    case inline(step: String, attempt: Int, lost: Int)
    case more(opened: Int, page: HistoryPage)
    /// Claims of the caller. `isOwn`: whether it is known to be this turn's call that did what it asked for.
    case released([String], isOwn: Bool)
    /// The run is paused: the turn has gone, nothing of the plan was done; claims of the caller.
    case paused([String])
    /// `status`: how the run has ended, if this turn was its last.
    case finished(status: RunStatus?)
    /// The run's end is decided; the text is of the caller's claim to write it.
    case ending(text: String)
    /// The run has begun anew, or is gone: this generation of it is over. `isOwn`: by this call.
    case continued(isOwn: Bool)
    case rebuild
    case stale
    case reset
}

enum RecordReply: Sendable {
    case done
    case took(number: Int, opened: Int, page: HistoryPage, code: CodeMarks)
    case withdrawn
    case stale
    case reset
}

/// A worker's entry in the index of workers, as a server has it.
enum ComparedEntry: String, Sendable {
    case alive
    case dead
    case gone
}

/// What a server has of what a worker holds.
struct CompareReply: Sendable {
    var entry: ComparedEntry
    /// What lies in the claim lists that were asked for.
    var claims: [[UInt8]]
    /// The indexes of the runs of which the server lacks something that the worker knows.
    var lacking: [Int]
    /// Whether nothing else lies there.
    var hasAllClaims: Bool
    /// How many of the runs were compared: fewer than were named if their last outcomes are long.
    var compared: Int
}

enum AttemptReply: Sendable {
    case begun
    case interrupted
    case stale
}

/// What was written before a step's body was to begin; taken back with a body that does not begin.
struct AttemptMark: Sendable {
    /// Of the call that wrote it.
    let token: String
}

enum RetryReply: Sendable {
    case delayed
    /// It is too late for another attempt; nothing was changed.
    case exhausted
    case more(opened: Int, page: HistoryPage)
    case withdrawn
    case stale
}

/// What came of a wish to have a step's next attempt made at once. All but the first have changed nothing.
enum RetryNowReply: Sendable {
    case queued(attempt: Int)
    /// Its work item waits for no time: it lies in a queue, is unserved or claimed.
    case ready(attempt: Int, generation: String)
    /// Something else moves the step. `turn`: who has the run's turn.
    case elsewhere(OpenStep, turn: String)
    /// It is not open.
    case closed
    /// The run has not begun, and has no steps yet.
    case unbegun(startsAt: Int?)
    /// The run is parked or paused.
    case held(RunStatus)
    /// The run has ended, or its end is decided.
    case over(RunStatus)
    case missing
}

enum AwaitChildReply: Sendable {
    case waits
    case more(opened: Int, page: HistoryPage)
    case withdrawn
    case stale
}

enum AcceptReply: Sendable {
    case started(RunStore.Run)
    /// There is a run now, and it is to start later.
    case later
    case exists
    /// The id belongs to a run of another workflow.
    case other(workflow: String)
    /// It would have to wait, and may not.
    case crowded(PushedShare?)
    case stale
}

/// Why one more of what was pushed may not wait: the more of its kind wait, the fewer bytes it may have. Where a reply has none, as many wait as may.
struct PushedShare: Sendable, Hashable {
    /// How many wait.
    var waiting: Int
    /// How many bytes it has.
    var size: Int
    /// How many it may have.
    var most: Int
}

/// What came of work that is to wait for somebody who can do it.
enum WaitReply: Sendable {
    case done
    /// It is a pushed run that never began, and may not wait: nothing was changed.
    case crowded(PushedShare?)
}

/// A script's reply that does not look as its header says: a key of the namespace was changed by hand.
struct UnexpectedReply: Error, CustomStringConvertible {
    var script: String
    var reply: RedisValue
    var description: String { "script \(script) answered \(reply), which this version does not know" }
}

/// Reads a reply that is a list headed by a word.
struct ReplyReader {
    let script: String
    let reply: RedisValue
    let items: [RedisValue]

    init(_ script: String, _ reply: RedisValue) {
        self.script = script
        self.reply = reply
        items = reply.array ?? []
    }

    var word: String { items.first?.string ?? "" }
    var unexpected: UnexpectedReply { UnexpectedReply(script: script, reply: reply) }

    func integer(_ index: Int) throws -> Int {
        guard index < items.count, let value = items[index].integer else { throw unexpected }
        return value
    }

    func text(_ index: Int) throws -> String {
        guard index < items.count, let value = items[index].string else { throw unexpected }
        return value
    }

    /// What comes behind the word `crowded`.
    func share() throws -> PushedShare? {
        guard items.count > 1 else { return nil }
        return PushedShare(waiting: try integer(1), size: try integer(2), most: try integer(3))
    }

    /// Whether work may wait.
    func wait() throws -> WaitReply {
        guard word == "crowded" else { return .done }
        return .crowded(try share())
    }

    /// `recorded`, `delivered` and the list of records, in this order.
    func page(_ index: Int, from: Int) throws -> HistoryPage {
        guard index + 2 < items.count, let records = items[index + 2].array else { throw unexpected }
        return HistoryPage(
            from: from, records: records.compactMap(\.bytes), recorded: try integer(index),
            delivered: items[index + 1].integer ?? -1)
    }

    /// `unfit` and `patches`, and from the head of the reply `opened` and `delivered`.
    func code(_ index: Int) throws -> CodeMarks {
        CodeMarks(
            delivered: items.count > 4 ? items[4].integer ?? -1 : -1, opened: try integer(2),
            incompatibleVersions: try text(index).split(separator: " ").map(String.init),
            patches: PatchMarks.read(try text(index + 1).utf8))
    }

    /// What a worker needs to start the run's function.
    func about(_ index: Int) throws -> RunAbout {
        guard index + 6 < items.count, let payload = items[index + 2].bytes else { throw unexpected }
        let parentQueue = try text(index + 3)
        return RunAbout(
            workflow: try text(index), queue: try text(index + 1), payload: payload,
            parentQueue: parentQueue.isEmpty ? nil : parentQueue, depth: try integer(index + 4),
            created: try integer(index + 5), continued: try integer(index + 6))
    }

    func advance(upto: Int) throws -> AdvanceReply {
        switch word {
        case "inline": .inline(step: try text(1), attempt: try integer(2), lost: try integer(3))
        case "more": .more(opened: try integer(1), page: try page(2, from: upto))
        case "released": .released(items.dropFirst().compactMap(\.string), isOwn: true)
        case "gone": .released(items.dropFirst().compactMap(\.string), isOwn: false)
        case "paused": .paused(items.dropFirst().compactMap(\.string))
        case "finished":
            .finished(status: try text(1).isEmpty ? nil : RunStatus(rawValue: text(1)))
        case "ending": .ending(text: try text(1))
        case "continued": .continued(isOwn: try integer(1) == 1)
        case "rebuild": .rebuild
        case "stale": .stale
        case "reset": .reset
        default: throw unexpected
        }
    }
}
