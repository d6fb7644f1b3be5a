internal import StepwiseRedis

// The deletion of a whole namespace.

extension ScriptLibrary {
    static let closeNamespace = Script(
        "close_namespace", PackageResources.close_namespace_lua, after: plain, keys: ["workers", "meta"],
        arguments: ["mark", "silence"])
    static let deleteKeys = Script(
        "delete_keys", PackageResources.delete_keys_lua, after: plain, keys: ["meta", "keys..."], arguments: ["mark"])
}

/// What stands in `meta` in place of the data format while a namespace is being deleted: every version refuses it.
package enum DeletionMark {
    package static let format = "deleting"
}

/// The answer to `close_namespace`.
enum CloseReply: Sendable {
    /// A worker is alive, and nothing was changed. `age`: milliseconds since its beat.
    case alive(worker: String, age: Int)
    /// Nobody can open the namespace any more.
    case closed
}

extension ScriptCall<CloseReply> {
    /// - Parameter silence: in milliseconds; a worker that has beaten since is alive.
    static func closeNamespace(_ keys: Keys, silence: Int) -> Self {
        Self(
            ScriptLibrary.closeNamespace, keys: [keys.workers, keys.meta],
            arguments: [.init(DeletionMark.format), .init(silence)]
        ) { reader in
            switch reader.word {
            case "alive": .alive(worker: try reader.text(1), age: try reader.integer(2))
            case "closed": .closed
            default: throw reader.unexpected
            }
        }
    }
}

extension ScriptCall<Int?> {
    /// How many of these keys there were; `nil` if the namespace is no longer being deleted: then nothing was changed.
    ///
    /// - Parameter names: whole, at most 1,000.
    static func delete(_ keys: Keys, _ names: [String]) -> Self {
        Self(ScriptLibrary.deleteKeys, keys: [keys.meta] + names, arguments: [.init(DeletionMark.format)]) { reader in
            guard case .integer(let count) = reader.reply else { throw reader.unexpected }
            return count < 0 ? nil : count
        }
    }
}
