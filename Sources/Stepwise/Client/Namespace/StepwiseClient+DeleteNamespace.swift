internal import StepwiseRedis

/// How far the deletion of a namespace has come.
package struct NamespaceDeletion: Sendable, Hashable {
    /// About how many keys there were before the first was removed.
    package var found: Int
    package var removed = 0
}

extension StepwiseClient {
    /// How many times keys may be found before somebody is told that they keep coming: the first time it is the namespace, and then what came
    /// meanwhile.
    private static let mostLooks = 4

    /// Removes every key of the namespace, and no key of another one, of whatever data format and whatever the keys' types are: a page of at most
    /// 1,000 at a time.
    ///
    /// Refuses while a worker lives: one that nobody has declared dead and that has beaten within the last 15 s, or within its lease if that is
    /// longer. Refuses as well while an inbox or the list of queued runs grows within a second.
    ///
    /// Before the first key goes, a mark takes the place of the data format in `meta`, and `meta` goes last. In between nobody can open the
    /// namespace: a worker or a client that starts fails with code `otherDataFormat`. A client that had opened it before can still enqueue, send and
    /// push; what it adds is removed as well, until a look at all keys finds nothing more. After an interruption `stepwise namespace show` tells
    /// since when it is being deleted, and a second call removes the rest.
    ///
    /// - Parameters:
    ///   - pause: what happens between two looks at the inboxes; the default waits for a second.
    ///   - progress: called once the namespace is closed, and after each page. What it throws ends the deletion there.
    /// - Returns: how many keys were removed; 0 if there was none. A lost reply makes it smaller.
    /// - Throws: ``StepwiseError``: `wrongStatus` if a worker lives or something keeps coming, or if another call has ended the deletion meanwhile;
    ///   one of the `redis…` codes; or what `progress` throws.
    package func deleteNamespace(
        pause: () async throws -> Void = { try await Task.sleep(for: .seconds(1)) },
        progress: (NamespaceDeletion) async throws -> Void = { _ in }
    ) async throws -> Int {
        try await refuseIfWorkersLive()
        let (found, inboxes) = try await survey()
        if found == 0 { return 0 }
        try await refuseIfGrowing(inboxes, pause)
        // A user who may not remove keys is told before anything is closed.
        try await askInAnyFormat(.delete(name: Array(keys.scratch.utf8)), doing: removing)
        try await closeNamespace()
        var deletion = NamespaceDeletion(found: found)
        try await progress(deletion)
        var looks = 0
        while let name = try await removeKeys(&deletion, progress) {
            looks += 1
            if looks == Self.mostLooks {
                throw StepwiseError(.wrongStatus, growing("keys keep coming, such as \(name)"))
            }
        }
        // Another call may have ended it first.
        let last = try await repeating { try await evaluateInAnyFormat(.delete(keys, [keys.meta]), doing: removing) }
        return deletion.removed + (last ?? 0)
    }

    private var removing: String { "removing the keys of namespace \"\(keys.namespace)\"" }

    // MARK: Whether it may be deleted

    private func refuseIfWorkersLive() async throws {
        let doing = "reading the workers of namespace \"\(keys.namespace)\""
        let now = try await timeInAnyFormat()
        var start = 0
        while true {
            let beats = try await askInAnyFormat(.beats(keys, from: start, count: Self.page), doing: doing)
            if beats.isEmpty { return }
            let leases: [Int?] = try await all(
                beats.map { .lease(keys, ofWorker: $0.name) }, inAnyFormat: true, doing: doing)
            for (beat, lease) in zip(beats, leases) {
                let limit = max(lease ?? 0, WorkerListing.silence)
                let age = max(0, now - beat.at)
                if age < limit { throw alive(beat.name, age: age, limit: limit) }
            }
            start += beats.count
        }
    }

    private func alive(_ worker: String, age: Int, limit: Int) -> StepwiseError {
        StepwiseError(
            .wrongStatus,
            "namespace \"\(keys.namespace)\" is not deleted: worker \(worker) has beaten \(age / 1000) s ago; end all of its workers "
                + "(`\(keys.command("workers"))` lists them): one that was killed counts as alive until it has been silent for "
                + "\(limit / 1000) s")
    }

    /// How many keys there are, and some inboxes among them.
    private func survey() async throws -> (found: Int, inboxes: Set<String>) {
        var (found, inboxes) = (0, Set<String>())
        var cursor = "0"
        repeat {
            let page = try await askInAnyFormat(
                .keys(keys, "", after: cursor, count: Self.page),
                doing: "looking through the keys of namespace \"\(keys.namespace)\"")
            found += page.elements.count
            for name in page.elements where StrangeInboxes.isInbox(name) && inboxes.count < Self.page {
                inboxes.insert(keys.prefix + name)
            }
            cursor = page.next
        } while cursor != "0"
        return (found, inboxes)
    }

    private func refuseIfGrowing(_ inboxes: Set<String>, _ pause: () async throws -> Void) async throws {
        let lists = inboxes.sorted()
        let before = try await lengthsOfGrowing(lists)
        try await pause()
        let after = try await lengthsOfGrowing(lists)
        guard let index = before.indices.first(where: { after[$0] > before[$0] }) else { return }
        let what = index < lists.count ? "items are being pushed to \(lists[index])" : "runs are being enqueued"
        throw StepwiseError(.wrongStatus, growing(what))
    }

    /// Of lists, and last of the queued runs.
    private func lengthsOfGrowing(_ lists: [String]) async throws -> [Int] {
        var lengths: [Int] = []
        for page in lists.pages() {
            lengths += try await all(page.map { .length($0) }, inAnyFormat: true, doing: "reading the inboxes")
        }
        let queued = try await askInAnyFormat(.count(keys.runs(.queued)), doing: "reading \(keys.runs(.queued))")
        return lengths + [queued]
    }

    private func growing(_ what: String) -> String {
        "namespace \"\(keys.namespace)\" is not deleted, \(what): end whoever enqueues, sends or pushes there, and call "
            + "`\(keys.command("namespace delete"))` again; `\(keys.command("namespace show"))` shows what there is"
    }

    // MARK: Deleting it

    /// In one script with a last look for a worker.
    private func closeNamespace() async throws {
        let reply = try await repeating {
            try await evaluateInAnyFormat(
                .closeNamespace(keys, silence: WorkerListing.silence),
                doing: "closing namespace \"\(keys.namespace)\"")
        }
        if case .alive(let worker, let age) = reply {
            throw alive(worker, age: age, limit: WorkerListing.silence)
        }
    }

    /// Looks through all keys once, and removes what it finds but for `meta`.
    ///
    /// - Returns: one that it has found; `nil` if there was none.
    private func removeKeys(
        _ deletion: inout NamespaceDeletion, _ progress: (NamespaceDeletion) async throws -> Void
    ) async throws -> String? {
        let meta = Array(keys.meta.utf8)
        var (cursor, name) = ("0", String?.none)
        repeat {
            let page = try await askInAnyFormat(.names(keys, after: cursor, count: Self.page), doing: removing)
            let found = page.elements.filter { $0 != meta }
            for some in found.pages(of: Self.page) { deletion.removed += try await remove(some) }
            if let first = found.first {
                name = String(decoding: first, as: UTF8.self)
                try await progress(deletion)
            }
            cursor = page.next
        } while cursor != "0"
        return name
    }

    /// Removes a page of keys, in one script that looks for the mark first.
    private func remove(_ names: [[UInt8]]) async throws -> Int {
        let readable = names.compactMap { String(validating: $0, as: UTF8.self) }
        let removed = try await repeating { try await evaluateInAnyFormat(.delete(keys, readable), doing: removing) }
        guard let removed else {
            throw StepwiseError(
                .wrongStatus,
                "somebody else has ended the deletion of namespace \"\(keys.namespace)\", and it may be in use again, so nothing more was removed: "
                    + "look at it with `\(keys.command("namespace show"))`")
        }
        // Nobody's: what Stepwise makes is UTF-8.
        for name in names where String(validating: name, as: UTF8.self) == nil {
            try await askInAnyFormat(.delete(name: name), doing: removing)
        }
        return removed + names.count - readable.count
    }

    private func evaluateInAnyFormat<Reply>(
        _ call: ScriptCall<Reply>, doing what: @autoclosure () -> String
    ) async throws -> Reply {
        let reply: RedisValue
        do {
            reply = try await commands.evaluate(call.script.redis, keys: call.keys, arguments: call.arguments)
        } catch {
            throw StepwiseError(error, doing: what(), of: keys)
        }
        return try call.reply(reply)
    }
}
