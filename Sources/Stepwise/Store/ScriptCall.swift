package import StepwiseRedis

/// A script of the store, with the names that its header gives to its keys and arguments.
///
/// The last names may end in `?`: what they name may be absent. A last name that ends in `...` stands for any number of values.
package final class Script: Sendable {
    package let redis: RedisScript
    package let keys: [StaticString]
    package let arguments: [StaticString]

    package var name: String { redis.name }

    /// - Parameters:
    ///   - source: the script's text.
    ///   - library: the texts that it needs before its own, without the prelude, which every script has.
    init(
        _ name: String, _ source: [UInt8], after library: [[UInt8]] = [PackageResources.run_lua], keys: [StaticString],
        arguments: [StaticString] = []
    ) {
        let parts = [PackageResources.prelude_lua] + library + [source]
        redis = RedisScript(
            name: name, source: parts.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "\n"))
        (self.keys, self.arguments) = (keys, arguments)
    }

    /// Whether so many values can have these names.
    fileprivate static func fits(_ count: Int, _ names: [StaticString]) -> Bool {
        let names = names.map(\.description)
        let most = names.last?.hasSuffix("...") == true ? Int.max : names.count
        return (names.count { !$0.hasSuffix("?") && !$0.hasSuffix("...") }...most).contains(count)
    }

    /// Whether each key is of the kind that its name says. A queue, or `expected`, may stand for a key that is not needed.
    fileprivate func areInOrder(_ keys: [String]) -> Bool {
        zip(keys, self.keys).allSatisfy { key, name in
            let kind = key.drop { $0 != "}" }.dropFirst(2)
            switch name.description.replacing("?", with: "") {
            case "queue", "parent_queue": return kind.hasPrefix("queue:")
            case "unserved_items": return kind.hasPrefix("unserved:")
            case "list": return ["runs:", "expected", "waiting:", "keeping"].contains { kind.hasPrefix($0) }
            case "claims": return kind.hasPrefix("claimed:") || kind.hasPrefix("accepting:")
            case let name where name.hasSuffix("..."): return true
            case let name:
                let plain = name.replacing("_", with: ":")
                return kind == plain || kind == "runs:\(name)" || kind.hasPrefix("\(plain):")
                    || kind.hasPrefix("queue:")
                    || kind == "expected"
            }
        }
    }
}

/// One call of a script: values for its names, in their order, and how its reply is read.
struct ScriptCall<Reply>: Sendable {
    let script: Script
    let keys: [String]
    let arguments: [RedisArgument]
    private let decode: @Sendable (ReplyReader) throws -> Reply

    init(
        _ script: Script, keys: [String], arguments: [RedisArgument] = [],
        decode: @escaping @Sendable (ReplyReader) throws -> Reply
    ) {
        assert(Script.fits(keys.count, script.keys) && script.areInOrder(keys), "\(script.name): \(keys)")
        assert(Script.fits(arguments.count, script.arguments), "\(script.name): \(arguments)")
        (self.script, self.keys, self.arguments, self.decode) = (script, keys, arguments, decode)
    }

    /// - Throws: ``UnexpectedReply`` for one that the script's header does not name.
    func reply(_ value: RedisValue) throws -> Reply { try decode(ReplyReader(script.name, value)) }
}

extension ScriptCall<ReplyReader> {
    /// A call whose reply the caller reads.
    init(_ script: Script, keys: [String], arguments: [RedisArgument] = []) {
        self.init(script, keys: keys, arguments: arguments) { $0 }
    }
}

extension ScriptCall<Bool> {
    /// A call that answers 1 for what was done, and 0 if nothing was changed.
    init(_ script: Script, keys: [String], arguments: [RedisArgument] = []) {
        self.init(script, keys: keys, arguments: arguments) { reader in
            guard case .integer(let done) = reader.reply else { throw reader.unexpected }
            return done == 1
        }
    }
}

extension ScriptCall<Void> {
    /// A call whose reply tells nothing that the caller does not know.
    init(_ script: Script, keys: [String], arguments: [RedisArgument] = []) {
        self.init(script, keys: keys, arguments: arguments) { _ in }
    }
}
