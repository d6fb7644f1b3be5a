#if canImport(FoundationEssentials)
package import FoundationEssentials
#else
package import Foundation
#endif

/// An event to everybody that is kept for those who come later.
package struct KeptEvent: Sendable, Hashable {
    package var event: String
    package var until: Date?
    /// Its JSON.
    package var value: String
}

/// A run that does not exist, or did not when it was sent events.
package struct ExpectedRun: Sendable, Hashable {
    package var run: String
    /// When the last of them was sent.
    package var since: Date?
    /// Whether all that it was sent was pushed.
    package var isPushed: Bool
}

extension StepwiseClient {
    /// Events that are kept, sorted by name.
    package func keptEvents(limit: Int) async throws -> [KeptEvent] {
        var kept: [KeptEvent] = []
        for name in try await keptNames().prefix(limit) {
            let doing = "reading \(keys.kept(name))"
            guard let bytes = try await command(.keptEvent(keys, name), doing: doing) else { continue }
            let parts = String(decoding: bytes, as: UTF8.self).words(atMost: 2)
            kept.append(
                KeptEvent(
                    event: name, until: Date(milliseconds: parts.first.flatMap { Int($0) }),
                    value: parts.count == 2 ? parts[1] : ""))
        }
        return kept
    }

    /// Removes kept events.
    ///
    /// - Parameter names: whose; none: all of them.
    /// - Returns: how many there were.
    package func clearKeptEvents(_ names: [String]) async throws -> Int {
        let all = try await names.isEmpty ? keptNames() : names
        var count = 0
        for name in all {
            try Identifier.check(event: name)
            if try await command(.removeKept(keys, name), doing: "removing \(keys.kept(name))") { count += 1 }
            try await command(.removeKeeping(keys, name), doing: "removing it from \(keys.keeping)")
        }
        return count
    }

    private func keptNames() async throws -> [String] {
        var names: Set<String> = []
        try await scanKeys("kept:") { page in
            for key in page {
                if case .kept(let name)? = NamespaceKey(key) { names.insert(name) }
            }
        }
        return names.sorted()
    }

    /// Runs that were sent events before they existed, those of the last event first.
    package func expectedRuns(limit: Int) async throws -> [ExpectedRun] {
        var runs: [ExpectedRun] = []
        for list in try await expectedLists() {
            runs += try await command(.newest(list, 0, limit), doing: "reading \(list)").map {
                ExpectedRun(run: $0.id, since: Date(milliseconds: $0.at), isPushed: list != keys.expected)
            }
        }
        // One that was in an inbox's list when a client sent it something is in both.
        let known = Set(runs.filter { !$0.isPushed }.map(\.run))
        runs.removeAll { $0.isPushed && known.contains($0.run) }
        return Array(runs.sorted { ($1.since ?? .distantPast) < ($0.since ?? .distantPast) }.prefix(limit))
    }

    /// The lists of runs that were sent events before they existed.
    private func expectedLists() async throws -> [String] {
        let queues = try await command(.pushedQueues(keys), doing: "reading \(keys.pushedQueues)")
        return [keys.expected] + queues.map { keys.expectedPushed($0) }
    }

    /// Removes what was sent to runs that do not exist.
    ///
    /// - Parameter ids: whose; none: of all of them.
    /// - Returns: to how many runs something was sent.
    package func clearExpectedRuns(_ ids: [String]) async throws -> Int {
        for id in ids { try Identifier.check(runID: id) }
        var count = 0
        for list in try await expectedLists().reversed() {
            var names = ids
            if ids.isEmpty {
                try await scanSortedSet(list) { page in names += page.map { $0.member } }
            }
            for start in stride(from: 0, to: names.count, by: 100) {
                let some = Array(names[start..<min(start + 100, names.count)])
                count += try await evaluate(
                    .purgeMail(keys, list, some, age: 0), doing: "removing events of runs in \(list)")
            }
        }
        return count
    }
}
