/// A run in a listing.
package struct RunListing: Sendable, Hashable {
    package var id: String
    package var labels: [String: String] = [:]
    package var workflow: String
    package var status: RunStatus
    package var queue: String
    package var recorded: Int
    /// Milliseconds since 1970 by Redis' clock.
    package var created: Int?
    package var ended: Int?
    /// When it came to this status.
    package var since: Int
    package var reason: String?
    package var startsAt: Int?
    /// What it ends as, if it is ending.
    package var ending: String?
}

/// A part of a listing of runs.
package struct RunPage: Sendable {
    package var runs: [RunListing]
    /// Where the next page begins; `nil` if there is none.
    package var next: RunPlace?
    /// What was looked through; `nil` unless labels were asked for.
    package var scope: SearchScope?
}

extension StepwiseClient {
    /// Runs, the one whose status is newest first, from the `runs:<status>` indexes in pages.
    ///
    /// - Parameters:
    ///   - status: only these; `nil` for all.
    ///   - workflow: only runs of this workflow; `nil` for all.
    ///   - limit: the most to return.
    /// - Throws: ``StepwiseError``, one of the `redis…` codes.
    package func runs(status: RunStatus? = nil, workflow: String? = nil, limit: Int) async throws -> [RunListing] {
        try await runPage(status: status, workflow: workflow, limit: limit).runs
    }

    /// The same, from a place on. A run that comes to another status between two pages may be on both, or on none.
    ///
    /// - Parameter after: the `next` of the page before.
    package func runPage(
        status: RunStatus? = nil, workflow: String? = nil, after: RunPlace? = nil, limit: Int
    ) async throws -> RunPage {
        try await runPage(
            RunSearch(statuses: status.map { [$0] } ?? [], workflow: workflow), after: after, limit: limit)
    }

    /// Those that a search is for, in the order of the lists `runs:<status>`.
    ///
    /// - Parameter mostLooked: after so many runs it ends the page, whatever it has found.
    func listedPage(
        _ search: RunSearch, after: RunPlace?, limit: Int, mostLooked: Int = .max
    ) async throws -> (page: RunPage, looked: Int) {
        var indexes = search.lists.map { RunIndex(status: $0) }
        if let after { try await skip(to: after, in: &indexes) }
        var listed: Set<String> = []
        var runs: [RunListing] = []
        var looked = 0
        while true {
            for index in indexes.indices where indexes[index].needsPage {
                try await readPage(&indexes[index], limit: limit)
            }
            // Of the pages at hand, what is newer than everything that is not.
            var batch: [IndexEntry] = []
            while let next = indexes.indices.filter({ !indexes[$0].entries.isEmpty })
                .max(by: { indexes[$0].entries[0].at < indexes[$1].entries[0].at })
            {
                batch.append(indexes[next].entries.removeFirst())
                if indexes[next].needsPage || batch.count >= 200 { break }
            }
            guard let end = batch.last else { return (RunPage(runs: runs, next: nil), looked) }
            // Entries move to other places while pages are turned: an id counts once.
            batch = batch.filter { listed.insert($0.id).inserted }
            looked += batch.count
            for run in try await listings(batch) where search.matches(run) {
                if runs.count >= limit {
                    let next = runs.last.map { RunPlace(since: $0.since, id: $0.id) }
                    return (RunPage(runs: runs, next: next), looked)
                }
                runs.append(run)
            }
            if looked >= mostLooked {
                return (RunPage(runs: runs, next: RunPlace(since: end.at, id: end.id)), looked)
            }
        }
    }

    /// Lets the indexes begin behind a place. Of runs of one time, those of an index come before those of the next one.
    private func skip(to place: RunPlace, in indexes: inout [RunIndex]) async throws {
        let what = "listing runs"
        let statuses = indexes.map(\.status)
        let since = try await all(
            statuses.map { StoreCommand<Int?>.since(keys, $0, of: place.id) }, doing: what)
        // `nil`: the run has another status by now. Then those of its time come again.
        let own = since.firstIndex(of: place.since)
        let counts = try await all(
            statuses.indices.map { index in
                StoreCommand<Int>.count(
                    keys, statuses[index], since: place.since, isIncluded: own.map { index < $0 } ?? false)
            }, doing: what)
        for index in indexes.indices { indexes[index].offset = counts[index] }
        guard let own else { return }
        if let rank = try await command(.place(keys, statuses[own], of: place.id), doing: what) {
            indexes[own].offset = rank + 1
        }
    }

    private func readPage(_ index: inout RunIndex, limit: Int) async throws {
        let size = min(max(limit, 50), Self.page)
        index.entries = try await command(
            .runs(keys, index.status, from: index.offset, count: size), doing: "listing the \(index.status) runs")
        index.offset += index.entries.count
        index.isAtEnd = index.entries.count < size
    }

    func listings(_ entries: [IndexEntry]) async throws -> [RunListing] {
        let runs = try await all(
            entries.map {
                .run(
                    keys, $0.id, .workflow, .status, .queue, .recorded, .created, .ended, .reason, .startsAt,
                    .ending, .labels)
            }, doing: "reading runs")
        return zip(entries, runs).compactMap { entry, run in
            guard let workflow = run.text(.workflow), let status = run.status else { return nil }
            return RunListing(
                id: entry.id, labels: RunLabels(stored: run.text(.labels)).values, workflow: workflow, status: status,
                queue: run.text(.queue) ?? "",
                recorded: run.integer(.recorded) ?? 0, created: run.integer(.created), ended: run.integer(.ended),
                since: entry.at, reason: run.text(.reason), startsAt: run.integer(.startsAt),
                ending: run.text(.ending))
        }
    }
}

/// Where a listing stands in one of the indexes.
private struct RunIndex {
    var status: RunStatus
    var entries: [IndexEntry] = []
    var offset = 0
    var isAtEnd = false

    init(status: RunStatus) {
        self.status = status
    }

    var needsPage: Bool { entries.isEmpty && !isAtEnd }
}
