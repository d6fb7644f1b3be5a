/// Which runs are looked for; what is not said does not matter.
package struct RunSearch: Sendable, Hashable {
    /// Of one of these statuses; none: of any.
    package var statuses: [RunStatus]
    package var workflow: String?
    /// Labels that a run must have, all of them.
    package var labels: [String: String]

    package init(statuses: [RunStatus] = [], workflow: String? = nil, labels: [String: String] = [:]) {
        (self.statuses, self.workflow, self.labels) = (statuses, workflow, labels)
    }

    /// The statuses whose lists have all of them.
    var lists: [RunStatus] { statuses.isEmpty ? RunStatus.all : statuses }

    func matches(_ run: RunListing) -> Bool {
        if let workflow, run.workflow != workflow { return false }
        return labels.isEmpty || RunLabels(run.labels).contains(RunLabels(labels))
    }
}

/// What a page of a search for labels has looked through.
public struct SearchScope: Sendable, Hashable {
    /// How many runs it has looked at, and how many the search has to look at in all, the pages before and behind this one included.
    public var looked: Int
    public var total: Int
    /// The label through whose index it went; `nil`: through all runs of the statuses that were asked for.
    public var index: String?
    /// Labels of the search that have no index with which there would be less to look at.
    public var unindexed: [String]

    /// After so many runs a page ends, whatever it has found.
    static let mostLooked = 10_000
}

/// A place in a listing of runs, behind a run. It stays where it is when that run comes to another status, or is removed.
package struct RunPlace: Sendable, Hashable, CustomStringConvertible {
    package enum Order: Character, Sendable {
        /// By the time at which they came to their statuses, the newest first.
        case status = "-"
        /// By their creation, the newest first. No run's id has a `~`, so that nobody takes the place for an id.
        case creation = "~"
    }

    package var order: Order
    /// In milliseconds since 1970.
    package var since: Int
    package var id: String

    package init(since: Int, id: String, by order: Order = .status) {
        (self.order, self.since, self.id) = (order, since, id)
    }

    /// From ``description``; `nil` for another text.
    package init?(_ text: String) {
        guard let at = text.firstIndex(where: { Order(rawValue: $0) != nil }), let order = Order(rawValue: text[at]),
            let since = Int(text[..<at]), text.index(after: at) < text.endIndex
        else { return nil }
        self.init(since: since, id: String(text[text.index(after: at)...]), by: order)
    }

    /// Such as `1767225600000-r1`.
    package var description: String { "\(since)\(order.rawValue)\(id)" }
}

/// A label's value, whose index a search goes through.
struct SearchedIndex: Sendable, Hashable {
    var label: String
    var value: String
    /// How many runs it has.
    var count: Int
}

extension StepwiseClient {
    /// A page of the runs that a search is for: where it has labels with an index, the one that was created last first, unless there are
    /// fewer in the lists of the statuses; else the one whose status is newest first.
    ///
    /// Where labels are asked for, a page ends after 10,000 runs that were looked at, whatever it has found.
    ///
    /// - Parameter after: the `next` of the page before.
    /// - Throws: ``StepwiseError``: `noSuchRun` if the place is one in an index that is there no longer, or one of the `redis…` codes.
    package func runPage(_ search: RunSearch, after: RunPlace? = nil, limit: Int) async throws -> RunPage {
        if search.labels.isEmpty {
            if after?.order == .creation { throw Self.noSuchPlace() }
            return try await listedPage(search, after: after, limit: limit).page
        }
        let what = "counting the runs"
        let counts = try await all(search.lists.map { StoreCommand<Int>.count(keys.runs($0)) }, doing: what)
        let total = counts.reduce(0, +)
        let indexed = try await searchableLabels(of: search.labels)
        if let index = try await index(for: search.labels, among: indexed, orElse: total, after: after?.order) {
            return try await indexedPage(search, index, after: after, limit: limit)
        }
        let found = try await listedPage(
            search, after: after, limit: limit, mostLooked: SearchScope.mostLooked)
        var page = found.page
        page.scope = SearchScope(looked: found.looked, total: total, unindexed: indexed.missing)
        return page
    }

    /// Which labels of a search have an index that has all runs, and which have none.
    func searchableLabels(
        of labels: [String: String]
    ) async throws -> (complete: [String], missing: [String]) {
        let indexed = try await command(.indexedLabels(keys), doing: "reading which labels are indexed")
        let complete = indexed.complete.filter { labels[$0] != nil }
        let missing = labels.keys.filter { RunLabels.problem(withName: $0) == nil && !complete.contains($0) }.sorted()
        return (complete, complete.isEmpty ? missing : [])
    }

    /// The index that a search goes through: the one that has the fewest runs.
    ///
    /// - Parameters:
    ///   - count: among how many runs to look without an index; `nil` is returned if that is fewer.
    ///   - order: of the page before: the next one has the same.
    func index(
        for labels: [String: String], among indexed: (complete: [String], missing: [String]), orElse count: Int,
        after order: RunPlace.Order?
    ) async throws -> SearchedIndex? {
        if order == .status { return nil }
        let candidates = indexed.complete.map { (label: $0, value: labels[$0] ?? "") }
        let counts = try await all(
            candidates.map { StoreCommand<Int>.count(keys, label: $0.label, $0.value) }, doing: "counting the runs")
        let best = zip(candidates, counts).min { $0.1 < $1.1 }.map { candidate, count in
            SearchedIndex(label: candidate.label, value: candidate.value, count: count)
        }
        if order == .creation, best == nil { throw Self.noSuchPlace() }
        return order == nil && (best?.count ?? 0) > count ? nil : best
    }

    private static func noSuchPlace() -> StepwiseError {
        StepwiseError(
            .noSuchRun,
            "the place is one in the index of a label that is not, or no longer, looked through: begin the list anew, or ask for the same labels "
                + "as of the page before")
    }

    /// Walks through an index from a place on, the runs that were created last first.
    ///
    /// - Parameters:
    ///   - read: gets a page of its entries, and returns of each what it is in the listing, `nil` if it is not wanted.
    /// - Returns: at most `limit` of what it has found, the place behind them, and how many entries were looked at.
    func walk<Found>(
        _ index: SearchedIndex, after: RunPlace?, limit: Int, read: ([LabelEntry]) async throws -> [Found?]
    ) async throws -> (found: [Found], next: RunPlace?, looked: Int) {
        func place(_ entry: LabelEntry) -> RunPlace { RunPlace(since: entry.created, id: entry.run, by: .creation) }
        var last = after.map { LabelEntry(value: index.value, created: $0.since, run: $0.id) }
        var found: [Found] = []
        var looked = 0
        var end: RunPlace?
        while true {
            let size = min(max(limit, 50), 500)
            let page = try await command(
                .labelled(keys, index.label, index.value, before: last, count: size),
                doing: "reading the index of label \"\(index.label)\"")
            let entries = page.compactMap { $0 }
            for (entry, one) in zip(entries, try await read(entries)) {
                guard let one else {
                    looked += 1
                    continue
                }
                if found.count >= limit { return (found, end, looked) }
                looked += 1
                found.append(one)
                end = place(entry)
            }
            guard page.count == size, let behind = entries.last else { return (found, nil, looked) }
            last = behind
            if looked >= SearchScope.mostLooked { return (found, place(behind), looked) }
        }
    }

    private func indexedPage(
        _ search: RunSearch, _ index: SearchedIndex, after: RunPlace?, limit: Int
    ) async throws -> RunPage {
        let (found, next, looked) = try await walk(index, after: after, limit: limit) { entries -> [RunListing?] in
            let runs = try await listings(entries.map { ($0.run, $0.created) })
            let byID = Dictionary(runs.map { ($0.id, $0) }) { $1 }
            return entries.map { entry in
                byID[entry.run].flatMap { run in
                    // The entry of a run that had the id before would be this one again.
                    let isItsOwn = (run.created ?? 0) == entry.created
                    return isItsOwn && search.lists.contains(run.status) && search.matches(run) ? run : nil
                }
            }
        }
        // The index does not tell since when they have their statuses.
        let since = try await all(
            found.map { StoreCommand<Int?>.since(keys, $0.status, of: $0.id) }, doing: "listing runs")
        let runs = zip(found, since).map { run, since in
            var run = run
            run.since = since ?? run.ended ?? run.created ?? 0
            return run
        }
        return RunPage(
            runs: runs, next: next,
            scope: SearchScope(looked: looked, total: index.count, index: index.label, unindexed: []))
    }
}
