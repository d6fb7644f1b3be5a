internal import StepwiseRedis

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
            var batch: [RunIndex.Entry] = []
            while let next = indexes.indices.filter({ !indexes[$0].entries.isEmpty })
                .max(by: { indexes[$0].entries[0].since < indexes[$1].entries[0].since })
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
        let reply = try await command(
            [
                "ZRANGE", .init(keys.runs(index.status)), .init(index.offset), .init(index.offset + size - 1), "REV",
                "WITHSCORES",
            ], doing: "listing the \(index.status) runs")
        let flat = reply.array ?? []
        index.entries = stride(from: 0, to: flat.count - 1, by: 2).compactMap { at in
            guard let id = flat[at].string, let since = flat[at + 1].string.flatMap({ Double($0) }) else { return nil }
            return RunIndex.Entry(id: id, since: Int(since))
        }
        index.offset += index.entries.count
        index.isAtEnd = index.entries.count < size
    }

    private func listings(_ entries: [RunIndex.Entry]) async throws -> [RunListing] {
        let fields: [RedisArgument] = [
            "workflow", "status", "queue", "recorded", "created", "ended", "reason", "startsAt",
        ]
        let replies = try await pipeline(
            entries.map { ["HMGET", .init(keys.run($0.id))] + fields }, doing: "reading runs")
        return zip(entries, replies).compactMap { entry, reply in
            guard let v = reply.array, v.count == fields.count, let workflow = v[0].string, let status = v[1].string
            else {
                return nil
            }
            return RunListing(
                id: entry.id, workflow: workflow, status: RunStatus(rawValue: status), queue: v[2].string ?? "",
                recorded: v[3].integer ?? 0, created: v[4].integer, ended: v[5].integer, since: entry.since,
                reason: v[6].string, startsAt: v[7].integer)
        }
    }
}

/// Where a listing stands in one of the indexes.
private struct RunIndex {
    struct Entry {
        var id: String
        var since: Int
    }

    var status: RunStatus
    var entries: [Entry] = []
    var offset = 0
    var isAtEnd = false

    init(status: RunStatus) {
        self.status = status
    }

    var needsPage: Bool { entries.isEmpty && !isAtEnd }
}
