#if canImport(FoundationEssentials)
package import FoundationEssentials
#else
package import Foundation
#endif

/// What waits in a namespace, by queue.
package struct QueueListing: Sendable, Hashable {
    package var name: String
    /// Pushed items that no worker has claimed yet.
    package var pushed = 0
    /// Work items that are ready to be claimed.
    package var ready = 0
    /// Work items that workers hold.
    package var claimed = 0
    /// Its pause, if it is paused.
    package var pause: PausedWork.Pause?
    /// Since when it is paused, by Redis' clock.
    package var pausedSince: Date? { pause?.since }
    /// How many living workers claim from it.
    package var workers = 0

    /// Whether it is nothing but an inbox that no worker serves.
    package var isInboxAlone: Bool { pushed > 0 && ready == 0 && claimed == 0 && workers == 0 && pausedSince == nil }
}

package struct QueueTotals: Sendable, Hashable {
    package var queues: [QueueListing] = []
    package var delayed = 0
    package var malformed = 0
    /// Workflow to work items that wait for a worker that has it.
    package var unserved: [String: Int] = [:]
    /// Workflow to its pause, of those that are paused.
    package var pausedWorkflows: [String: PausedWork.Pause] = [:]
}

extension StepwiseClient {
    /// How many work items of a workflow, of all its runs in a queue, wait for a worker that has it.
    package func unservedWorkItems(ofWorkflow workflow: String, queue: String) async throws -> Int {
        try await length(keys.unserved(queue, workflow))
    }

    /// - Returns: every queue that a worker names or that holds something, sorted by name.
    /// - Throws: ``StepwiseError``, one of the `redis…` codes.
    package func queueTotals() async throws -> QueueTotals {
        var totals = QueueTotals()
        var queues: [String: QueueListing] = [:]
        var unserved: Set<UnservedList> = []
        var claims: Set<NamespaceSnapshot.ClaimList> = []
        for worker in try await workers() {
            for queue in worker.queues {
                if worker.state == .alive { queues[queue, default: QueueListing(name: queue)].workers += 1 }
                claims.insert(.init(worker: worker.name, queue: queue))
            }
        }
        try await scanKeys { names in
            for name in names {
                switch NamespaceKey(name) {
                case .queue(let queue)?, .inbox(let queue)?: queues[queue, default: QueueListing(name: queue)].ready = 0
                case .unserved(let list)?: unserved.insert(list)
                case .claimed(let worker, let queue)?: claims.insert(.init(worker: worker, queue: queue))
                default: break
                }
            }
        }
        let paused = try await paused()
        totals.pausedWorkflows = paused.workflows
        for (queue, pause) in paused.queues { queues[queue, default: QueueListing(name: queue)].pause = pause }
        let held = Array(claims)
        for (list, count) in zip(held, try await lengths(of: held.map { keys.claimed($0.worker, $0.queue) })) {
            queues[list.queue, default: QueueListing(name: list.queue)].claimed += count
        }
        let names = queues.keys.sorted()
        for (name, count) in zip(names, try await lengths(of: names.map { keys.queue($0) })) {
            queues[name]?.ready = count
        }
        for (name, count) in zip(names, try await lengths(of: names.map { keys.inbox($0) })) {
            queues[name]?.pushed = count
        }
        let waiting = Array(unserved)
        for (list, count) in zip(waiting, try await lengths(of: waiting.map { keys.unserved($0.queue, $0.workflow) })) {
            totals.unserved[list.workflow, default: 0] += count
        }
        totals.queues = queues.values.sorted { $0.name < $1.name }
        totals.malformed = try await length(keys.malformed)
        totals.delayed = try await command(.delayedCount(keys), doing: "reading \(keys.delayed)")
        return totals
    }

    /// The length of a list.
    func length(_ key: String) async throws -> Int {
        try await command(.length(key), doing: "reading \(key)")
    }

    /// The lengths of lists, a page of them at a time: there may be 1,000 a worker.
    func lengths(of lists: [String]) async throws(StepwiseError) -> [Int] {
        var lengths: [Int] = []
        for page in lists.pages() { lengths += try await all(page.map { .length($0) }, doing: "reading the lists") }
        return lengths
    }

    /// The newest rejected items, as the JSON that is stored of each: `reason`, `queue`, `item` or `itemHex`, of a long one `length`, `at`.
    package func malformed(limit: Int) async throws -> [MalformedItem] {
        try await command(.items(keys.malformed, count: max(1, limit)), doing: "reading \(keys.malformed)")
            .map(MalformedItem.init)
    }

    /// Removes the rejected items, all of them.
    ///
    /// - Returns: how many there were.
    package func clearMalformed() async throws -> Int {
        let count = try await length(keys.malformed)
        try await command(.clearMalformed(keys), doing: "clearing \(keys.malformed)")
        return count
    }

    /// The types of keys, as `TYPE` tells; `none` for one that is gone.
    func types(of names: [String]) async throws -> [String] {
        var types: [String] = []
        for start in stride(from: 0, to: names.count, by: Self.page) {
            let some = names[start..<min(start + Self.page, names.count)]
            types += try await all(some.map { .type(keys.prefix + $0) }, doing: "reading the keys")
        }
        return types
    }
}

/// An item that was not a work item, as `malformed` keeps it.
package struct MalformedItem: Sendable, Hashable {
    package var reason: String
    package var queue: String
    /// How the item begins, at most 4 KiB of it.
    package var item: String
    /// How many bytes a longer item has.
    package var length: Int?
    /// When it was rejected, in milliseconds since 1970 by Redis' clock.
    package var at: Int?
    /// The stored JSON.
    package var json: String

    init(_ bytes: [UInt8]) {
        let members = JSONMembers(bytes)
        json = String(decoding: bytes, as: UTF8.self)
        reason = members?.string("reason") ?? "this entry was not written by Stepwise"
        queue = members?.string("queue") ?? ""
        item = members?.string("item") ?? members?.string("itemHex").map { "hex " + $0 } ?? json
        length = members?.integer("length")
        at = members?.integer("at")
    }
}
