#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

extension StepwiseClient {
    /// How many keys of a kind are measured.
    private static let measuredKeys = 10
    /// How many queues, lists and workers are asked for what they have.
    private static let mostNames = 1000

    /// What the namespace holds, of whatever data format. Only reads, in at most one command for each 1,000 keys that are looked at, and some
    /// thousands more where there are a thousand workers and a thousand queues.
    ///
    /// - Parameter limit: at how many keys of the database to look, about; at least 1,000. Beyond it counts of keys are too small.
    /// - Throws: ``StepwiseError``, one of the `redis…` codes.
    package func namespaceSummary(lookingAt limit: Int = 100_000) async throws -> NamespaceSummary {
        var summary = NamespaceSummary()
        let standing = try await askInAnyFormat(.standing(keys), doing: "reading \(keys.meta)")
        summary.format = standing[0]
        summary.isReadable = standing[0] == nil || standing[0] == DataFormat.current
        if standing[0] == DeletionMark.format {
            summary.deletingSince = Date(milliseconds: standing[1].flatMap { Int($0) })
        }
        try await count(&summary)
        let found = try await lookThrough(limit, &summary)
        try await measure(found.samples, &summary)
        try await listQueues(found.queues, &summary)
        let unserved = found.unserved.map { StoreCommand<Int>.length(keys.unserved($0.queue, $0.workflow)) }
        summary.unserved = try await numbers(unserved).reduce(0, +)
        return summary
    }

    /// Sends one command to a namespace of whatever data format.
    func askInAnyFormat<Reply>(_ command: StoreCommand<Reply>, doing what: @autoclosure () -> String)
        async throws(StepwiseError) -> Reply
    {
        try await all([command], inAnyFormat: true, doing: what())[0]
    }

    /// Redis' clock, in milliseconds since 1970, whatever the namespace's data format.
    func timeInAnyFormat() async throws(StepwiseError) -> Int {
        (try await askInAnyFormat(.time, doing: "asking for the time") ?? 0) / 1000
    }

    private func numbers(_ commands: [StoreCommand<Int>]) async throws(StepwiseError) -> [Int] {
        var numbers: [Int] = []
        for page in commands.pages() {
            numbers += try await all(page, inAnyFormat: true, doing: "counting what the namespace holds")
        }
        return numbers
    }

    private func count(_ summary: inout NamespaceSummary) async throws {
        let since = try await timeInAnyFormat() - WorkerListing.silence
        let runs = try await numbers(RunStatus.all.map { .count(keys.runs($0)) })
        for (status, count) in zip(RunStatus.all, runs) where count > 0 { summary.runs[status] = count }
        let counts = try await numbers([
            .count(keys.dead), .fields(of: keys.schedules), .delayedCount(keys), .length(keys.malformed),
            .count(keys.expected), .fields(of: keys.paused), .databaseSize(),
            .workers(keys, from: String(since), to: "+inf"), .workers(keys, from: "(0", to: "(\(since)"),
            .workers(keys, from: "-inf", to: "0"),
        ])
        (summary.dead, summary.schedules, summary.delayed, summary.malformed) = (
            counts[0], counts[1], counts[2], counts[3]
        )
        (summary.expected, summary.paused, summary.databaseSize) = (counts[4], counts[5], counts[6])
        (summary.workersAlive, summary.workersSilent, summary.workersDead) = (counts[7], counts[8], counts[9])
    }

    /// What is worth a second look, of the keys that were looked through.
    private struct Found {
        var queues: Set<String> = []
        var unserved: Set<UnservedList> = []
        /// Some whole names of each kind. In the order in which Redis has them, which says nothing of their sizes.
        var samples: [String: [String]] = [:]
    }

    private func lookThrough(_ limit: Int, _ summary: inout NamespaceSummary) async throws -> Found {
        var found = Found()
        var (cursor, pages) = ("0", 0)
        repeat {
            let page = try await askInAnyFormat(
                .keys(keys, "", after: cursor, count: Self.page),
                doing: "looking through the keys of namespace \"\(keys.namespace)\"")
            for name in page.elements {
                let kind = NamespaceSummary.kind(of: name)
                summary.kinds[kind, default: .init()].count += 1
                if found.samples[kind, default: []].count < Self.measuredKeys {
                    found.samples[kind, default: []].append(keys.prefix + name)
                }
                switch NamespaceKey(name) {
                case .queue(let queue)? where found.queues.count < Self.mostNames,
                    .inbox(let queue)? where found.queues.count < Self.mostNames:
                    found.queues.insert(queue)
                case .unserved(let list)? where found.unserved.count < Self.mostNames: found.unserved.insert(list)
                default: break
                }
            }
            (cursor, pages) = (page.next, pages + 1)
        } while cursor != "0" && pages * Self.page < limit
        summary.isComplete = cursor == "0"
        summary.looked = summary.isComplete ? summary.databaseSize : min(pages * Self.page, summary.databaseSize)
        return found
    }

    /// Without the right to ask for it nothing is measured.
    private func measure(_ samples: [String: [String]], _ summary: inout NamespaceSummary) async throws {
        for (kind, names) in samples {
            let sizes: [Int?]
            do throws(StepwiseError) {
                sizes = try await all(names.map { .bytes(ofKey: $0) }, inAnyFormat: true, doing: "measuring keys")
            } catch {
                guard error.code == .redisDenied || error.code == .redisRefused else { throw error }
                return
            }
            let measured = sizes.compactMap { $0 }
            summary.kinds[kind]?.measured = measured.count
            summary.kinds[kind]?.measuredBytes = measured.reduce(0, +)
        }
    }

    /// The queues that were found, and those from which the living workers claim.
    private func listQueues(_ found: Set<String>, _ summary: inout NamespaceSummary) async throws {
        let since = try await timeInAnyFormat() - WorkerListing.silence
        let beats = try await askInAnyFormat(
            .beats(keys, from: 0, count: Self.mostNames), doing: "reading \(keys.workers)")
        let alive = beats.filter { $0.at >= since }.map { $0.name }
        var workers: [String: Int] = [:]
        for page in alive.pages() {
            let queues: [[String]] = try await all(
                page.map { .queues(keys, ofWorker: $0) }, inAnyFormat: true, doing: "reading the workers")
            for queue in queues.joined() { workers[queue, default: 0] += 1 }
        }
        let names = found.union(workers.keys).sorted().prefix(Self.mostNames)
        let paused: Set<String> =
            try await names.isEmpty
            ? [] : askInAnyFormat(.paused(keys, among: names.map { "queue:\($0)" }), doing: "reading \(keys.paused)")
        let lengths = try await numbers(
            names.flatMap { [StoreCommand<Int>.length(keys.inbox($0)), .length(keys.queue($0))] })
        summary.queues = names.enumerated().map { index, name in
            NamespaceSummary.Queue(
                name: name, pushed: lengths[2 * index], ready: lengths[2 * index + 1], workers: workers[name] ?? 0,
                isPaused: paused.contains("queue:\(name)"))
        }
    }
}
