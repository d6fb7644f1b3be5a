/// The workers, as far as they were looked at. A value.
package struct SeenFleet: Sendable, Hashable {
    /// Those whose entries were read, and that were not declared dead.
    package var workers: [SeenWorker] = []
    /// Workers that were declared dead and hold something, with when that was.
    package var dead: [String: Int] = [:]
    /// Workers that hold something, and that nobody knows.
    package var unknown: Set<String> = []
    /// How many there are that were not declared dead; `nil` if that was not looked at.
    package var count: Int?
    /// How many of these have beaten lately.
    package var alive = 0

    package init() {}

    /// Whether every worker was looked at.
    package var isComplete: Bool { count.map { workers.count >= $0 } ?? false }

    package func worker(_ name: String) -> SeenWorker? { workers.first { $0.name == name } }
}

/// What a worker's entry says.
package struct SeenWorker: Sendable, Hashable {
    package var name: String
    /// Milliseconds since its last beat.
    package var silence: Int
    package var host = ""
    package var queues: Set<String> = []
    package var workflows: [String] = []
    package var versions: [String: String] = [:]
    package var concurrency: Int?
    package var maximumWorkerLosses: Int?
    package var lease: Int?
    /// How many slots were free at its last beat.
    package var free: Int?
    /// How many milliseconds its clock is ahead of Redis'.
    package var clock: Int?
    /// Whether it claims nothing because user code holds its threads, or Swift's pool.
    package var isStopped = false
    /// The bodies that run there for longer than a beat; `nil` if not looked at.
    package var bodies: [SeenBody]?

    package init(name: String, silence: Int) { (self.name, self.silence) = (name, silence) }

    package init(name: String, silence: Int, _ fields: [String: String]) {
        self.init(name: name, silence: silence)
        func words(_ field: String) -> [String] { fields[field]?.split(separator: " ").map(String.init) ?? [] }
        func number(_ field: String) -> Int? { fields[field].flatMap { Int($0)?.bounded } }
        host = fields["host"] ?? ""
        queues = Set(words("queues"))
        workflows = words("workflows")
        let pairs = words("versions").compactMap { word in
            word.lastIndex(of: "=").map { (String(word[..<$0]), String(word[word.index(after: $0)...])) }
        }
        versions = Dictionary(pairs) { first, _ in first }
        (concurrency, maximumWorkerLosses) = (number("concurrency"), number("maximumWorkerLosses"))
        (lease, free, clock) = (number("lease"), number("free"), number("clock"))
        isStopped = fields["stopped"] == "1" || fields["pool"] != nil
    }

    /// The fields that it reads.
    package static let names = [
        "state", "host", "queues", "workflows", "versions", "concurrency", "maximumWorkerLosses", "lease", "free",
        "clock", "stopped", "pool",
    ]

    /// How old the last beat of a worker that is well may be: it beats twice a second.
    package static let quiet = 2000

    /// Whether it has missed some beats.
    package var isSilent: Bool { silence >= Self.quiet }
    /// Whether others should have declared it dead by now.
    package var isOverdue: Bool { silence >= (lease ?? WorkerListing.silence) }

    /// What keeps it from a workflow's work items in a queue.
    package enum Hindrance: Int, Sendable, Hashable, CaseIterable {
        case silent
        case otherQueue
        case noWorkflow
        case version
        case stopped
    }

    /// - Parameter versions: those that cannot replay the run.
    package func hindrance(queue: String, workflow: String, unfit versions: [String]) -> Hindrance? {
        if isSilent { return .silent }
        if !queues.contains(queue) { return .otherQueue }
        if !workflows.contains(workflow) { return .noWorkflow }
        if let version = self.versions[workflow], versions.contains(version) { return .version }
        return isStopped ? .stopped : nil
    }
}

/// A body that runs on a worker for longer than a beat.
package struct SeenBody: Sendable, Hashable {
    package var run: String
    package var step: String
    package var since: Int?
    package var limit: Int?

    package init(run: String, step: String, since: Int? = nil, limit: Int? = nil) {
        (self.run, self.step, self.since, self.limit) = (run, step, since, limit)
    }

    package init?(json: [UInt8]) {
        guard let members = JSONMembers(json), let run = members.string("run"), let step = members.string("step") else {
            return nil
        }
        self.init(
            run: run, step: step, since: members.integer("since")?.bounded, limit: members.integer("limit")?.bounded)
    }
}

/// How many workers can take a work item, and what keeps the others from it: the numbers add up to all that were looked at.
package struct WorkerSums: Sendable, Hashable {
    package private(set) var able: [SeenWorker] = []
    package private(set) var hindered: [SeenWorker.Hindrance: [SeenWorker]] = [:]
    private let queue: String
    private let workflow: String

    /// - Parameter versions: those that cannot replay the run.
    package init(_ workers: [SeenWorker], queue: String, workflow: String, unfit versions: [String]) {
        (self.queue, self.workflow) = (queue, workflow)
        for worker in workers {
            if let hindrance = worker.hindrance(queue: queue, workflow: workflow, unfit: versions) {
                hindered[hindrance, default: []].append(worker)
            } else {
                able.append(worker)
            }
        }
    }

    package var total: Int { able.count + hindered.values.reduce(0) { $0 + $1.count } }

    package func count(_ hindrance: SeenWorker.Hindrance) -> Int { hindered[hindrance]?.count ?? 0 }

    /// Whether one that is silent, and that nobody had to declare dead yet, could take it if it came back.
    package func mayComeBack(unfit versions: [String]) -> Bool {
        (hindered[.silent] ?? []).contains { worker in
            var worker = worker
            if worker.isOverdue { return false }
            worker.silence = 0
            return worker.hindrance(queue: queue, workflow: workflow, unfit: versions) == nil
        }
    }

    /// Slots of those that can take it: how many are free, and how many there are; `nil` unless every one tells.
    package var slots: (free: Int, all: Int)? {
        var (free, all) = (0, 0)
        for worker in able {
            guard let its = worker.free, let slots = worker.concurrency, slots >= 0 else { return nil }
            (free, all) = (free + max(0, its), all + slots)
        }
        return able.isEmpty ? nil : (free, all)
    }

    /// The hindrances with their numbers, in words.
    package var text: String {
        SeenWorker.Hindrance.allCases.compactMap { hindrance in
            let count = self.count(hindrance)
            return count == 0 ? nil : "\(count) \(words(hindrance, isOne: count == 1))"
        }.joined(separator: ", ")
    }

    /// The same of one worker.
    private func words(_ hindrance: SeenWorker.Hindrance, isOne: Bool) -> String {
        switch hindrance {
        case .silent: isOne ? "is silent" : "are silent"
        case .otherQueue: (isOne ? "does" : "do") + " not serve queue \(Facts.name(queue))"
        case .noWorkflow: (isOne ? "does" : "do") + " not have workflow \(Facts.name(workflow))"
        case .version: (isOne ? "has" : "have") + " only a version that cannot replay it"
        case .stopped: (isOne ? "claims" : "claim") + " nothing, because user code holds its threads"
        }
    }

    /// Each worker with what keeps it, those that can take it first; at most 100.
    package var list: [Explanation.Worker] {
        var list = able.map { worker in
            let room = worker.free.flatMap { free in worker.concurrency.map { "\(free) of \($0) slots free" } }
            return Explanation.Worker(name: Facts.name(worker.name), can: true, why: room ?? "can take it")
        }
        for hindrance in SeenWorker.Hindrance.allCases {
            list += (hindered[hindrance] ?? []).map { worker in
                Explanation.Worker(name: Facts.name(worker.name), can: false, why: why(worker, hindrance))
            }
        }
        return Array(list.prefix(100))
    }

    private func why(_ worker: SeenWorker, _ hindrance: SeenWorker.Hindrance) -> String {
        switch hindrance {
        case .silent: "is silent for \(Facts.length(worker.silence))"
        case .noWorkflow:
            words(.noWorkflow, isOne: true) + (nearest(worker.workflows).map { "; it has \(Facts.name($0))" } ?? "")
        case .otherQueue: words(.otherQueue, isOne: true) + "; it serves \(Facts.names(worker.queues.sorted()))"
        case .version, .stopped: words(hindrance, isOne: true)
        }
    }

    /// The name that is most like the workflow's, of those that the workers of its queue have; `nil` if none is like it.
    package var nearest: String? { nearest((hindered[.noWorkflow] ?? []).flatMap(\.workflows)) }

    private func nearest(_ names: [String]) -> String? {
        let near = Set(names).sorted().prefix(200).map { (name: $0, distance: Self.distance($0, workflow)) }
        guard let first = near.min(by: { $0.distance < $1.distance }) else { return nil }
        return first.distance <= max(2, workflow.utf8.count / 3) ? first.name : nil
    }

    /// How many bytes have to be added, removed or replaced to make the one of the other.
    private static func distance(_ one: String, _ other: String) -> Int {
        let (one, other) = (Array(one.utf8), Array(other.utf8))
        var row = Array(0...other.count)
        for (i, byte) in one.enumerated() {
            var previous = row[0]
            row[0] = i + 1
            for (j, its) in other.enumerated() {
                let replaced = previous + (byte == its ? 0 : 1)
                previous = row[j + 1]
                row[j + 1] = min(replaced, row[j] + 1, row[j + 1] + 1)
            }
        }
        return row[other.count]
    }
}
