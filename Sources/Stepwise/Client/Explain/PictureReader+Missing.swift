/// Looks for an id of which there is no run: in inboxes, in queues, with workers, among what was rejected, and in mailboxes.
extension PictureReader {
    /// How many inboxes are looked through, and of how many queues it is said whether they have one.
    private static let mostQueues = 3
    /// How many bytes are read of a list.
    private static let mostBytes = 4_194_304
    /// How many commands are kept for what comes after the inboxes.
    private static let rest = 24
    /// How often keys are looked through for inboxes of queues that nobody serves, and through how many.
    private static let scans = (most: 2, keys: 10_000)
    /// How many items are read of each end of an inbox.
    private static let mostItems = 500

    mutating func readMissing(_ picture: inout RunPicture) async throws {
        var missing = SeenMissing()
        let fleet = try await seeFleet(at: picture.now, all: true, reserve: 42)
        picture.fleet = fleet
        if !fleet.isComplete {
            missing.unseen.append("the queues of \((fleet.count ?? 0) - fleet.workers.count) more workers")
        }
        let pushed = try await ask(.pushedQueues(keys))
        let served = fleet.workers.flatMap { $0.queues.sorted() }
        let queues = Self.unique(["default"] + served + pushed)
        for queue in queues.prefix(Self.mostQueues) where missing.pushed == nil {
            try await look(through: queue, &missing)
        }
        if queues.count > Self.mostQueues {
            missing.unseen.append("the inboxes of \(queues.count - Self.mostQueues) more queues")
        }
        if missing.pushed == nil { try await lookThroughOthers(than: Set(queues), &missing) }
        if missing.pushed == nil { try await lookWithWorkers(queues, fleet, &missing) }
        try await lookAtRejected(&missing)
        try await lookAtMail(queues, &missing)
        if missing.isNothing { try await lookInOtherNamespaces(&missing) }
        try await readServer(&picture)
        // It may have become a run meanwhile: who asks again is told.
        picture.missing = missing
    }

    /// It may have been pushed for a queue that nobody serves: of those only the keys tell.
    private mutating func lookThroughOthers(than known: Set<String>, _ missing: inout SeenMissing) async throws {
        var others: Set<String> = []
        var cursor = "0"
        do {
            for _ in 0..<Self.scans.most {
                let page = try await ask(.keys(keys, "inbox:", after: cursor, count: Self.scans.keys))
                for name in page.elements {
                    if case .inbox(let queue)? = NamespaceKey(name), !known.contains(queue) { others.insert(queue) }
                }
                cursor = page.next
                if cursor == "0" { break }
            }
        } catch let error as StepwiseError where error.code == .redisDenied {
            cursor = ""
        }
        for queue in others.sorted().prefix(Self.mostQueues) where missing.pushed == nil {
            try await look(through: queue, &missing)
        }
        if cursor != "0" || others.count > Self.mostQueues {
            missing.unseen.append("inboxes of queues that no worker serves")
        }
    }

    /// Whoever asks may have the wrong namespace.
    private mutating func lookInOtherNamespaces(_ missing: inout SeenMissing) async throws {
        var names: Set<String> = []
        var cursor = "0"
        do {
            for _ in 0..<Self.scans.most where left > 10 {
                let page = try await ask(.namespaces(withRun: id, after: cursor, count: Self.scans.keys))
                names.formUnion(page.elements)
                cursor = page.next
                if cursor == "0" { break }
            }
        } catch let error as StepwiseError where error.code == .redisDenied {
            return
        }
        missing.elsewhere = names.subtracting([keys.namespace]).sorted()
    }

    private static func unique(_ names: [String]) -> [String] {
        var seen: Set<String> = []
        return names.filter { seen.insert($0).inserted }
    }

    // MARK: Inboxes

    private mutating func look(through queue: String, _ missing: inout SeenMissing) async throws {
        let inbox = keys.inbox(queue)
        let length = try await askAll([StoreCommand<Int>.length(inbox)]).first ?? 0
        if length == 0 { return try await look(atQueue: queue, &missing) }
        // The next to be taken are at the right end; what was pushed just now is at the left.
        var looked = 0
        var cut = 0
        for isNext in [true, false] where looked < length && left > Self.rest {
            let (found, count) = try await search(inbox, length, isNext: isNext, from: isNext ? 0 : looked, &cut)
            if isNext { looked = count }
            guard let (place, item) = found else { continue }
            missing.pushed = .init(
                queue: queue, workflow: Self.member("workflow", of: item), place: place, length: length)
            return
        }
        try await look(atQueue: queue, &missing)
        if cut > 0 {
            missing.unseen.append("the ends of \(cut) long items in the inbox of queue \(Facts.name(queue))")
        }
        if length > 2 * Self.mostItems {
            missing.unseen.append("the middle of the inbox of queue \(Facts.name(queue))")
        }
    }

    /// Somebody may have pushed it onto the engine's own queue: what was pushed last is at its left end.
    private mutating func look(atQueue queue: String, _ missing: inout SeenMissing) async throws {
        if left <= Self.rest { return }
        let items = try await ask(.excerpts(keys.queue(queue), from: 0, to: 49))
        guard let index = items.firstIndex(where: isPushed) else { return }
        var pushed = SeenMissing.Pushed(
            queue: queue, workflow: Self.member("workflow", of: items[index]), place: index + 1, length: items.count)
        pushed.isMisplaced = true
        missing.pushed = pushed
    }

    /// Looks through one end of a list, in bites, until enough bytes are read.
    ///
    /// - Parameter cut: rises by the number of items that may have the id behind what was read of them.
    /// - Returns: the item with its place from the right end, and how many were looked at.
    private mutating func search(
        _ list: String, _ length: Int, isNext: Bool, from other: Int, _ cut: inout Int
    ) async throws -> (found: (place: Int, item: ListExcerpt)?, count: Int) {
        var (count, bytes, bite) = (0, 0, 20)
        let most = min(Self.mostItems, length - other)
        while count < most, bytes < Self.mostBytes, left > Self.rest {
            let size = min(bite, most - count)
            let range = isNext ? (-count - size, -count - 1) : (count, count + size - 1)
            let items = try await ask(.excerpts(list, from: range.0, to: range.1))
            for (offset, item) in items.enumerated() where isPushed(item) {
                let place = isNext ? count + items.count - offset : length - count - offset
                return (found: (place: max(1, place), item: item), count: count + items.count)
            }
            count += size
            cut += items.count { !$0.isWhole && JSONMembers(beginning: $0.bytes).string("id") == nil }
            bytes += items.reduce(0) { $0 + $1.length }
            bite = max(1, min(240, (Self.mostBytes - bytes) / max(1, bytes / max(1, count))))
        }
        return (nil, count)
    }

    /// Whether an item starts the run that is looked for. In its payload the same may stand, of something else.
    private func isPushed(_ item: ListExcerpt) -> Bool { Self.member("id", of: item) == id }

    private static func member(_ name: String, of item: ListExcerpt) -> String? {
        item.isWhole ? JSONMembers(item.bytes)?.string(name) : JSONMembers(beginning: item.bytes).string(name)
    }

    private mutating func lookWithWorkers(
        _ queues: [String], _ fleet: SeenFleet, _ missing: inout SeenMissing
    ) async throws {
        let living = fleet.workers.flatMap { worker in
            queues.filter(worker.queues.contains).map { (worker: worker.name, queue: $0) }
        }
        // From which queues the dead have claimed was not read.
        let dead = fleet.dead.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.flatMap { worker in
            queues.prefix(Self.mostQueues).map { (worker: worker.key, queue: $0) }
        }
        let all = living + dead
        let lists = all.prefix(max(4, min(12, left - Self.rest)))
        if lists.count < all.count {
            missing.unseen.append("\(all.count - lists.count) lists of what workers have claimed")
        }
        let claims = try await askAll(
            lists.map { StoreCommand<[ListExcerpt]>.excerpts(keys.accepting($0.worker, $0.queue), from: 0, to: 99) })
        if let index = claims.firstIndex(where: { $0.contains(where: isPushed) }) {
            (missing.acceptedBy, missing.acceptedFrom) = (lists[index].worker, lists[index].queue)
        }
    }

    // MARK: Rejected, expected

    private mutating func lookAtRejected(_ missing: inout SeenMissing) async throws {
        var (start, bytes) = (0, 0)
        while start < 1000, bytes < Self.mostBytes, left > 10 {
            let items = try await ask(.items(keys.malformed, from: start, count: 250))
            for item in items.lazy.map({ MalformedItem($0) }) where isRejected(item) {
                missing.rejected = .init(queue: item.queue, reason: item.reason, at: item.at)
                return
            }
            bytes += items.reduce(0) { $0 + $1.count }
            start += items.count
            if items.count < 250 { return }
        }
        missing.unseen.append("what was rejected before the last \(start) items")
    }

    private func isRejected(_ item: MalformedItem) -> Bool {
        JSONMembers(beginning: Array(item.item.utf8)).string("id") == id
    }

    private mutating func lookAtMail(_ queues: [String], _ missing: inout SeenMissing) async throws {
        let lists = [keys.expected] + queues.prefix(Self.mostQueues).map { keys.expectedPushed($0) }
        let times = try await askAll(lists.map { StoreCommand<Double?>.score($0, id) }).compactMap { $0 }
        guard let last = times.max() else { return }
        let count = try await askAll([StoreCommand<Int>.count(keys.mail(id))]).first ?? 0
        let counter = try await ask(.pushedMail(keys, of: id)).first?.text.hasPrefix(" pushed ") ?? false
        missing.events = max(0, count - (counter ? 1 : 0))
        missing.lastEvent = Int(saturating: last)
        if missing.events == 0 { missing.events = nil }
    }
}
