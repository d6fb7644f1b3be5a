#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Reads what there is to see of a run, with a bounded number of Redis commands. A thin shell: it judges nothing.
struct PictureReader {
    let client: StepwiseClient
    let id: String
    /// How many commands may still be sent; a few are for a connection that is new, and for scripts that Redis does not know.
    private(set) var left = PictureLimits.commands - 8
    /// What concerns the workers and the server is read once: it is not the run's.
    var fleet: SeenFleet?
    private var memory: RedisMemory?
    private var hindrance: RedisHindrance?
    private var isServerKnown = false
    /// Read once as well, two commands each: `nil` before.
    var children: [String: RunPicture]?
    /// The workers' names and scores, those that have beaten last first; `nil` before it was read.
    var index: [IndexEntry]?

    /// How many commands went into what is read once.
    private var once = 0
    /// How often it is looked until the run is said to have moved at each look.
    private static let looks = 3
    /// Between two looks at what may be wrong.
    private static let pause = Duration.milliseconds(150)

    init(_ client: StepwiseClient, _ id: String) { (self.client, self.id) = (client, id) }

    var keys: Keys { client.keys }

    /// A picture of a settled run: two looks at it, one before everything else and one after, have said the same.
    mutating func read() async throws -> RunPicture {
        var suspicion: Set<Violation> = []
        var count = 0
        while true {
            let (before, onceBefore) = (left, once)
            let seen = try await look()
            var picture = seen.picture
            count += 1
            // Another look reads the same again, and perhaps claims.
            let cost = before - left - (once - onceBefore) + 4
            let isLast = count == Self.looks || left < cost
            if !seen.isSettled {
                suspicion = []
                picture.hasMoved = true
                if isLast { return picture }
                continue
            }
            // What looks wrong counts if the next look says the same of the same.
            let confirmed = picture.violations.filter(suspicion.contains)
            if picture.violations.isEmpty || !confirmed.isEmpty || isLast {
                picture.isSuspect = confirmed.isEmpty && !picture.violations.isEmpty
                picture.violations = confirmed
                return picture
            }
            suspicion = Set(picture.violations)
            try await Task.sleep(atMost: Self.pause)
        }
    }

    // MARK: Commands

    /// Sends commands of one kind in one write.
    mutating func askAll<Reply>(_ commands: [StoreCommand<Reply>]) async throws -> [Reply] {
        if commands.isEmpty { return [] }
        left -= commands.count
        return try await client.all(commands, doing: "explaining run \(id)")
    }

    /// Notes commands that others have sent.
    mutating func spend(_ count: Int) { left -= count }

    mutating func ask<Reply>(_ command: StoreCommand<Reply>) async throws -> Reply {
        left -= 1
        guard let reply = try await client.all([command], doing: "explaining run \(id)").first else {
            throw StepwiseError(.redisRefused, "redis has not answered a command about run \(id)")
        }
        return reply
    }

    // MARK: One look

    private mutating func look() async throws -> (picture: RunPicture, isSettled: Bool) {
        let now = try await ask(.time).map { $0 / 1000 } ?? 0
        var picture = RunPicture(id: id, now: now)
        left -= 1
        let snapshot = try await client.inspectStanding(id)
        let fields = try await ask(.runFields(keys, id, SeenRun.names))
        guard snapshot.fields != nil, var run = SeenRun(fields) else {
            try await readMissing(&picture)
            return (picture, true)
        }
        run.since = try await ask(.since(keys, run.status, of: id))?.bounded
        (picture.run, picture.open, picture.openCount) = (run, snapshot.open, snapshot.openSteps)
        picture.isPartlyRead = snapshot.open.count < snapshot.openCount
        if run.status.isEnded {
            try await readEnd(&picture, run)
            return (picture, true)
        }
        try await readChildren(&picture)
        var search = ItemSearch(id, run, snapshot, picture.children)
        try await find(&search, &picture, run)
        try await readPauses(&picture, run)
        let before = left
        let isFirst = fleet == nil
        try await readFleet(&picture, run, search)
        if isFirst { once += before - left }
        try await readEvents(&picture, run)
        try await readServer(&picture)
        let isSettled = try await isSettled(run, snapshot, search.watchedSteps(picture))
        picture.violations = search.violations(picture, snapshot, keys)
        return (picture, isSettled)
    }

    /// Whether the run stands where it stood when the look began.
    private mutating func isSettled(
        _ run: SeenRun, _ snapshot: RunSnapshot, _ watched: [String]
    ) async throws -> Bool {
        let fields = try await ask(.runFields(keys, id, SeenRun.names))
        guard let again = SeenRun(fields), again.stand == run.stand, snapshot.fields?.generation == run.generation,
            snapshot.fields?.turn == run.turn, snapshot.fields?.recorded == run.recorded
        else { return false }
        let steps = watched.filter { snapshot.open[$0] != nil }
        if steps.isEmpty { return true }
        return try await ask(.openTexts(keys, of: id, steps)) == steps.map { snapshot.open[$0] }
    }

    private mutating func readPauses(_ picture: inout RunPicture, _ run: SeenRun) async throws {
        let pauses = try await ask(.pauses(keys, ["queue:\(run.queue)", "workflow:\(run.workflow)"]))
        guard pauses.count == 2 else { return }
        (picture.queuePause, picture.workflowPause) = (SeenPause(pauses[0]), SeenPause(pauses[1]))
    }

    /// Not for one that may not ask for it: then nothing is known of the server.
    mutating func readServer(_ picture: inout RunPicture) async throws {
        if !isServerKnown, left >= 8 {
            isServerKnown = true
            (left, once) = (left - 6, once + 6)
            memory = try await client.memory()
            hindrance = try await client.hindrance(isSilent: picture.fleet.count != nil && picture.fleet.alive == 0)
        }
        (picture.memory, picture.hindrance) = (memory, hindrance)
    }
}
