internal import StepwiseRedis

// How the indexes of labels come and go, and how they get what was there before them.

extension ScriptLibrary {
    static let declareIndex = Script(
        "declare_index", PackageResources.declare_index_lua, after: indexing, keys: ["meta", "label"],
        arguments: ["name", "change", "most", "begun"])
    static let fillIndex = Script(
        "fill_index", PackageResources.fill_index_lua, after: indexing, keys: ["meta", "label", "runs..."],
        arguments: ["name", "ids..."])
    static let pruneIndex = Script(
        "prune_index", PackageResources.prune_index_lua, after: indexing, keys: ["meta", "label", "runs..."],
        arguments: ["name", "entries..."])
}

extension ScriptCall<ReplyReader> {
    /// An index of a label begins (`begin`), is complete (`complete`) or ends (`end`).
    ///
    /// - Parameter begun: of `complete`: the third word of the answer to `begin`.
    static func declareIndex(_ keys: Keys, _ label: String, _ change: String, begun: String = "") -> Self {
        Self(
            ScriptLibrary.declareIndex, keys: [keys.meta, keys.label(label)],
            arguments: [.init(label), .init(change), .init(IndexedLabels.most), .init(begun)])
    }
}

extension ScriptCall<Int?> {
    /// Writes runs into the index of a label, at most 500. The reply says how many of them have it; `nil`: there is no such index.
    static func fillIndex(_ keys: Keys, _ label: String, _ ids: [String]) -> Self {
        Self(
            ScriptLibrary.fillIndex, keys: [keys.meta, keys.label(label)] + ids.map { keys.run($0) },
            arguments: [.init(label)] + ids.map { .init($0) }
        ) { $0.reply.integer.flatMap { $0 < 0 ? nil : $0 } }
    }

    /// Takes those of some entries out of the index of a label, at most 500, whose runs are gone or do not have it so. The reply says how many;
    /// `nil`: there is no such index.
    static func pruneIndex(_ keys: Keys, _ label: String, _ entries: [[UInt8]]) -> Self {
        let runs = entries.map { LabelEntry(String(decoding: $0, as: UTF8.self))?.run ?? "" }
        return Self(
            ScriptLibrary.pruneIndex, keys: [keys.meta, keys.label(label)] + runs.map { keys.run($0) },
            arguments: [.init(label)]
                + zip(runs, entries).flatMap { run, entry -> [RedisArgument] in [.init(run), .init(entry)] }
        ) { $0.reply.integer.flatMap { $0 < 0 ? nil : $0 } }
    }
}
