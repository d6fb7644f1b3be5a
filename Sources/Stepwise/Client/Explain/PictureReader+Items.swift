/// Where the work items are. In the direction in which they move, so that one which moves meanwhile is still met: what waits for its time, what
/// lies apart, queues, claims.
extension PictureReader {
    mutating func find(_ search: inout ItemSearch, _ picture: inout RunPicture, _ run: SeenRun) async throws {
        index = nil
        let entries = search.entries
        let times = entries.isEmpty ? [] : try await ask(.delays(keys, entries))
        picture.retries = search.note(entries, times)
        let apart = keys.unserved(run.queue, run.workflow)
        let apartLength = try await askAll([StoreCommand<Int>.length(apart)]).first ?? 0
        picture.unservedLength = apartLength
        if apartLength > 0 { try await findApart(&search, apart, run) }
        let length = try await findQueued(&search, run)
        picture.queueLength = length
        let areClaimsSeen = try await findClaimed(&search, run)
        let isQueueSeen = length <= PictureLimits.queue && apartLength <= 10 * PictureLimits.queue
        search.end(isQueueSeen: isQueueSeen, areClaimsSeen: areClaimsSeen)
        picture.items = search.items
    }

    /// What is still looked for; what the turn's holder has is with it.
    private func missing(_ search: ItemSearch, _ run: SeenRun) -> [Int] {
        search.items.indices.filter { index in
            search.items[index].place == nil && (search.items[index].kind != .turn || run.holder == nil)
        }
    }

    private mutating func findApart(_ search: inout ItemSearch, _ key: String, _ run: SeenRun) async throws {
        let wanted = missing(search, run)
        let commands = wanted.map { index in
            StoreCommand<Int?>.place(key, Array(search.items[index].text.utf8), most: 10 * PictureLimits.queue)
        }
        for (index, place) in zip(wanted, try await askAll(commands)) where place != nil {
            search.place(.unserved, at: index)
        }
    }

    /// - Returns: how long the queue is.
    private mutating func findQueued(_ search: inout ItemSearch, _ run: SeenRun) async throws -> Int {
        let queue = keys.queue(run.queue)
        let wanted = missing(search, run)
        var texts = wanted.map { (index: $0, text: Array(search.items[$0].text.utf8)) }
        if let turn = wanted.first(where: { search.items[$0].kind == .turn }), let text = try await firstTurn(run) {
            texts.append((turn, text))
        }
        var length = try await look(for: texts, in: queue, fromLeft: false, &search)
        // What was enqueued just now is at the other end.
        let others = texts.filter { search.items[$0.index].place == nil }
        if length > PictureLimits.queue, !others.isEmpty {
            length = try await look(for: others, in: queue, fromLeft: true, &search)
        }
        return length
    }

    /// Looks through one end of a queue.
    ///
    /// - Returns: how long the queue is.
    private mutating func look(
        for texts: [(index: Int, text: [UInt8])], in queue: String, fromLeft: Bool, _ search: inout ItemSearch
    ) async throws -> Int {
        var commands = texts.map {
            StoreCommand<Int?>.place(queue, $0.text, most: PictureLimits.queue, fromLeft: fromLeft)
        }
        commands.append(.listLength(queue))
        let replies = try await askAll(commands)
        let length = replies.last.flatMap { $0 } ?? 0
        for (text, place) in zip(texts, replies) {
            if let place { search.place(.queue(ahead: max(0, length - 1 - place)), at: text.index) }
        }
        return length
    }

    /// The text of a run's first turn, if it brings along what the function begins with.
    private mutating func firstTurn(_ run: SeenRun) async throws -> [UInt8]? {
        guard run.turn == "queue", run.recorded == 0, run.delivered < 0, run.parentText == nil else { return nil }
        guard let payload = try await ask(.runFields(keys, id, ["payload"]))["payload"], payload.utf8.count <= 1024
        else {
            return nil
        }
        return Array("\(WorkItem.turnText(run: id, generation: run.generation)) \(run.workflow) \(payload)".utf8)
    }

    // MARK: Claims

    /// - Returns: whether every worker's claims were looked through, as far as something is missing.
    private mutating func findClaimed(_ search: inout ItemSearch, _ run: SeenRun) async throws -> Bool {
        if let holder = run.holder, let turn = search.items.firstIndex(where: { $0.kind == .turn }) {
            let text = Array(search.items[turn].text.utf8)
            let list = keys.claimed(holder, run.queue)
            if try await ask(.place(list, text, most: PictureLimits.queue)) != nil {
                search.place(.claimed(worker: holder), at: turn)
            }
        }
        if missing(search, run).isEmpty { return true }
        let names = try await readHolders(run)
        // Entries of workers are to be read, too.
        let most = max(4, left - reserve(run) - 8)
        let some = names.prefix(most)
        let lists = try await askAll(
            some.map { StoreCommand<[ListExcerpt]>.excerpts(keys.claimed($0, run.queue), from: 0, to: 999) })
        for (worker, claims) in zip(some, lists) {
            let texts = Set(claims.filter(\.isWhole).map { Mover($0.text, .queue(run.queue)).text })
            for index in missing(search, run) where texts.contains(search.items[index].text) {
                search.place(.claimed(worker: worker), at: index)
            }
        }
        let isIndexWhole = index.map { $0.count < Self.mostNames } ?? false
        return some.count == names.count && isIndexWhole && lists.allSatisfy { $0.count < 1000 }
    }

    /// The workers that may hold something of the run's queue.
    private mutating func readHolders(_ run: SeenRun) async throws -> [String] {
        let index = try await readIndex()
        let living = index.filter { $0.at > 0 }.map(\.id)
        let dead = index.filter { $0.at <= 0 }.map(\.id)
        if dead.isEmpty { return living }
        // They are named for an hour, and most of them hold nothing any more: one command instead of one for each.
        let holding = try await ask(StoreCommand<Int>.count(existing: dead.map { keys.claimed($0, run.queue) }))
        return holding == 0 ? living : living + dead
    }
}
