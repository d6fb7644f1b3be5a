/// The workers, what their bodies do, and the events that a run waits for.
extension PictureReader {
    /// How many workers' names are read.
    static let mostNames = 1000
    /// How many commands are kept for what is read after the workers: their bodies, events, the server, and whether the run has moved.
    func reserve(_ run: SeenRun) -> Int { run.listens ? 23 : 13 }

    /// How many entries are read at once, where it is not all of them that matter.
    private static let batch = 8

    /// The workers' names, those that have beaten last first.
    mutating func readIndex() async throws -> [IndexEntry] {
        if let index { return index }
        let read = try await ask(.newest(keys.workers, 0, Self.mostNames))
        index = read
        return read
    }

    mutating func readFleet(_ picture: inout RunPicture, _ run: SeenRun, _ search: ItemSearch) async throws {
        let holders = Set(search.items.compactMap(\.holder) + [run.holder].compactMap { $0 })
        if fleet == nil {
            let waits = search.items.contains { $0.place == .unserved || $0.mayBeInQueue || $0.isQueued }
            let children = picture.children.values.contains { child in
                child.run.map { [.queued, .noWorker].contains($0.status) || $0.turn == "queue" } ?? false
            }
            let needsAll = waits || children || run.turn == "unserved" || run.status == .parked
            fleet = try await seeFleet(
                at: picture.now, first: holders, all: needsAll, serving: [run.queue],
                reserve: reserve(run))
            try await addHolders(holders, at: picture.now)
            try await readBodies(run, holders, waits)
        } else {
            try await addHolders(holders, at: picture.now)
        }
        if let fleet {
            picture.fleet = fleet
            for id in picture.children.keys { picture.children[id]?.fleet = fleet }
        }
    }

    /// - Parameters:
    ///   - first: workers to look at before others.
    ///   - all: whether to look at as many as may be; else it is enough that one serves these queues.
    ///   - reserve: how many commands are kept for what comes after.
    mutating func seeFleet(
        at now: Int, first: Set<String> = [], all: Bool, serving queues: [String] = [], reserve: Int
    ) async throws -> SeenFleet {
        var fleet = SeenFleet()
        let index = try await readIndex()
        let counts = try await askAll(
            [1, now - SeenWorker.quiet].map { StoreCommand<Int>.workers(keys, since: $0) })
        fleet.count = counts.first ?? 0
        fleet.alive = counts.count == 2 ? counts[1] : 0
        let scores = Dictionary(index.map { ($0.id, $0.at.bounded) }) { first, _ in first }
        for (name, score) in scores where score <= 0 { fleet.dead[name] = -score }
        let living = index.filter { $0.at > 0 }.map(\.id)
        var order = living.filter(first.contains) + living.filter { !first.contains($0) }
        order = Array(order.prefix(max(first.count, left - reserve)))
        while !order.isEmpty {
            let batch = order.prefix(all ? order.count : Self.batch)
            let entries = try await askAll(batch.map { .workerFields(keys, $0, SeenWorker.names) })
            for (name, fields) in zip(batch, entries) {
                let beat = scores[name] ?? 0
                if fields["state"] == "dead" {
                    fleet.dead[name] = beat
                    fleet.count = fleet.count.map { max(0, $0 - 1) }
                } else {
                    fleet.workers.append(SeenWorker(name: name, silence: max(0, now - beat), fields))
                }
            }
            order.removeFirst(batch.count)
            let isServed = queues.allSatisfy { queue in
                fleet.workers.contains { !$0.isSilent && $0.queues.contains(queue) }
            }
            if !all, isServed { break }
        }
        return fleet
    }

    /// Workers that have come since the first look, or that are not among those which were looked at.
    private mutating func addHolders(_ names: Set<String>, at now: Int) async throws {
        for name in names.sorted() where fleet?.worker(name) == nil && fleet?.dead[name] == nil {
            let beat = try await ask(.score(keys.workers, name)).map { Int(saturating: $0).bounded } ?? 0
            if beat < 0 { fleet?.dead[name] = -beat }
            if beat == 0 { fleet?.unknown.insert(name) }
            if beat <= 0 { continue }
            let fields = try await ask(.workerFields(keys, name, SeenWorker.names))
            fleet?.workers.append(SeenWorker(name: name, silence: max(0, now - beat), fields))
            fleet?.count? += 1
        }
    }

    /// What the bodies do of those that hold something of the run, or that have no slot free for it.
    private mutating func readBodies(_ run: SeenRun, _ holders: Set<String>, _ waits: Bool) async throws {
        guard let workers = fleet?.workers else { return }
        let full = workers.filter { waits && $0.queues.contains(run.queue) && $0.free == 0 }.map(\.name)
        let names = Array((holders.sorted() + full.filter { !holders.contains($0) }).prefix(3))
        let values = try await askAll(names.map { StoreCommand<[ListExcerpt]>.bodies(keys, on: $0) })
        for (name, bodies) in zip(names, values) {
            guard let index = workers.firstIndex(where: { $0.name == name }) else { continue }
            fleet?.workers[index].bodies = bodies.compactMap { SeenBody(json: $0.bytes) }
        }
    }

    // MARK: Events

    /// How many steps' events are looked at.
    private static let mostEvents = 3

    mutating func readEvents(_ picture: inout RunPicture, _ run: SeenRun) async throws {
        guard run.status != .ending else { return }
        let waits = picture.open.sorted { $0.key < $1.key }.compactMap { step, text in
            OpenStep(text)?.event.map { (step: step, name: $0.name, number: $0.number) }
        }
        for wait in waits.prefix(min(Self.mostEvents, max(1, (left - 12) / 3))) {
            let waiter = EventWaiter(queue: run.queue, run: id, generation: run.generation, step: wait.step)
            let mail = MailWaiter(event: wait.name, generation: run.generation, number: wait.number, step: wait.step)
            let since = try await ask(.score(keys.event(wait.name), waiter.text))
            let waiting = try await askAll([StoreCommand<Int>.count(keys.event(wait.name))]).first ?? 0
            let inMail = try await ask(.score(keys.mail(id), mail.text))
            // Microseconds; a repair by hand has put 0 there.
            let time = since.map { Int(saturating: $0 / 1000).bounded }.flatMap { $0 > 0 ? $0 : nil }
            picture.events[wait.step] = SeenEvent(
                since: time, waiting: waiting, isListening: since != nil && inMail != nil)
        }
        let names = Set(waits.map(\.name))
        if waits.contains(where: { !$0.name.hasPrefix("callback:") }), left > 10 {
            picture.mail = try await unwantedMail(names)
        }
    }

    /// The names of events that were sent to the run, and for which no step waits.
    private mutating func unwantedMail(_ names: Set<String>) async throws -> [String] {
        var mail: [String] = []
        // What counts the pushed ones, and names that begin with a space, are not events.
        var bound = "[!"
        for _ in 0..<4 {
            guard let entry = try await ask(.mail(keys, of: id, after: bound)).first?.text else { break }
            let words = entry.words(atMost: 3)
            if words.count > 1, words[1] == "m", !names.contains(words[0]) { mail.append(words[0]) }
            // Behind a name comes a space: this is behind all entries of that name.
            bound = "(\(words[0])!"
        }
        return mail
    }
}

extension SeenItem {
    /// The worker that has it.
    var holder: String? { if case .claimed(let worker)? = place { worker } else { nil } }
    fileprivate var isQueued: Bool { if case .queue? = place { true } else { false } }
}
