internal import StepwiseRedis

// What a worker tells of its work, for people to see.

extension ScriptLibrary {
    static let noteBusy = Script(
        "note_busy", PackageResources.note_busy_lua, keys: ["worker", "busy"],
        arguments: ["is_first", "seconds", "gone", "bodies..."])
    static let countWork = Script(
        "count_work", PackageResources.count_work_lua, keys: ["worker", "stats"],
        arguments: ["number", "seconds", "counts..."])
}

/// What a beat writes to the worker's entry; `nil` for what that has already.
package struct WorkerNews: Sendable, Hashable {
    /// How many slots are free.
    package var free: Int?
    /// For how many milliseconds the worker's clock is ahead of Redis'.
    package var clock: Int?
}

extension ScriptCall<Bool> {
    /// `false` if the worker is no longer alive.
    ///
    /// - Parameter seconds: after which all notes leave if nothing renews them.
    static func noteBusy(_ keys: Keys, _ name: String, _ change: BusyBody.Change, seconds: Int) -> Self {
        var arguments: [RedisArgument] = [change.isFirst ? "1" : "", .init(seconds), .init(change.gone.count)]
        for number in change.gone { arguments.append(.init(number)) }
        for body in change.new { arguments += [.init(body.number), .init(body.age), .init(body.beginning)] }
        return Self(ScriptLibrary.noteBusy, keys: [keys.worker(name), keys.busy(name)], arguments: arguments)
    }

    /// `false` if they are counted already, or if the worker has no entry.
    ///
    /// - Parameters:
    ///   - minute: in which they count, since 1970.
    ///   - number: of the call; each has a higher one.
    static func countWork(_ keys: Keys, _ name: String, minute: Int, number: Int, _ counts: WorkCounts) -> Self {
        var arguments: [RedisArgument] = [.init(number), .init(WorkCounts.retention)]
        for (name, count) in counts.fields where count > 0 { arguments += [.init(name), .init(count)] }
        return Self(
            ScriptLibrary.countWork, keys: [keys.worker(name), keys.stats(String(minute))], arguments: arguments)
    }
}

extension StoreCommand<[BusyBody]> {
    /// What a worker's bodies do; in no order.
    static func busy(_ keys: Keys, of worker: String) -> Self {
        Self(["HGETALL", .init(keys.busy(worker))]) { reply in
            reply.pairs { _, json in json.bytes.flatMap { BusyBody($0) } }
        }
    }
}

extension StoreCommand<WorkCounts> {
    /// What workers did in a minute, counted since 1970.
    static func counts(_ keys: Keys, minute: Int) -> Self {
        Self(["HGETALL", .init(keys.stats(String(minute)))]) { reply in
            let pairs: [(String, String)] = reply.pairs { name, count in
                name.string.flatMap { name in count.string.map { (name, $0) } }
            }
            return WorkCounts(fields: Dictionary(pairs) { $1 })
        }
    }
}
