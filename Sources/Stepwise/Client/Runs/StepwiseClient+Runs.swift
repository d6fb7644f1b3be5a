/// A run in a listing.
package struct RunListing: Sendable, Hashable {
    package var id: String
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

extension StepwiseClient {
    /// Runs, the one whose status is newest first, from the `runs:<status>` indexes in pages.
    ///
    /// - Parameters:
    ///   - status: only these; `nil` for all.
    ///   - workflow: only runs of this workflow; `nil` for all.
    ///   - limit: the most to return.
    /// - Throws: ``StepwiseError``, one of the `redis…` codes.
    package func runs(status: RunStatus? = nil, workflow: String? = nil, limit: Int) async throws -> [RunListing] {
        var indexes = (status.map { [$0] } ?? RunStatus.all).map { RunIndex(status: $0) }
        var listed: Set<String> = []
        var runs: [RunListing] = []
        while runs.count < limit {
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
            if batch.isEmpty { return runs }
            // Entries move to other places while pages are turned: an id counts once.
            batch = batch.filter { listed.insert($0.id).inserted }
            for run in try await listings(batch) where workflow == nil || run.workflow == workflow {
                runs.append(run)
                if runs.count == limit { break }
            }
        }
        return runs
    }

    private func readPage(_ index: inout RunIndex, limit: Int) async throws {
        let size = min(max(limit, 50), Self.page)
        index.entries = try await command(
            .runs(keys, index.status, from: index.offset, count: size), doing: "listing the \(index.status) runs")
        index.offset += index.entries.count
        index.isAtEnd = index.entries.count < size
    }

    private func listings(_ entries: [IndexEntry]) async throws -> [RunListing] {
        let runs = try await all(
            entries.map {
                .run(
                    keys, $0.id, .workflow, .status, .queue, .recorded, .created, .ended, .reason, .startsAt,
                    .ending)
            }, doing: "reading runs")
        return zip(entries, runs).compactMap { entry, run in
            guard let workflow = run.text(.workflow), let status = run.status else { return nil }
            return RunListing(
                id: entry.id, workflow: workflow, status: status, queue: run.text(.queue) ?? "",
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
