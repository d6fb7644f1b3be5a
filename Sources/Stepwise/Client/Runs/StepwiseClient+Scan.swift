internal import StepwiseRedis

extension StepwiseClient {
    /// How much one page of any listing holds.
    static let page = 1000

    /// Walks over the namespace's keys with SCAN, a page at a time; a key may come twice.
    ///
    /// - Parameters:
    ///   - start: how the names begin, without the prefix.
    ///   - body: gets the names without the prefix.
    func scanKeys(_ start: String = "", _ body: ([String]) async throws -> Void) async throws {
        let prefix = keys.prefix.utf8.count
        var cursor = "0"
        repeat {
            let reply = try await command(
                ["SCAN", .init(cursor), "MATCH", .init(keys.pattern(start)), "COUNT", .init(Self.page)],
                doing: "looking through the keys of namespace \"\(keys.namespace)\"")
            guard let items = reply.array, items.count == 2, let next = items[0].string else { return }
            let names =
                items[1].array?.compactMap(\.bytes).map { String(decoding: $0.dropFirst(prefix), as: UTF8.self) } ?? []
            if !names.isEmpty { try await body(names) }
            cursor = next
        } while cursor != "0"
    }

    /// Walks over a list from its left end, where only new runs are pushed: what stays in it all the while is seen.
    func scanList(_ key: String, _ body: ([[UInt8]]) async throws -> Void) async throws {
        var start = 0
        while true {
            let reply = try await command(
                ["LRANGE", .init(key), .init(start), .init(start + Self.page - 1)], doing: "reading \(key)")
            guard let items = reply.array?.compactMap(\.bytes), !items.isEmpty else { return }
            try await body(items)
            if items.count < Self.page { return }
            start += items.count
        }
    }

    /// Walks over a hash's fields; what stays in it all the while is seen, perhaps twice.
    func scanHash(_ key: String, _ body: ([String]) async throws -> Void) async throws {
        var cursor = "0"
        repeat {
            let reply = try await command(
                ["HSCAN", .init(key), .init(cursor), "COUNT", .init(Self.page)], doing: "reading \(key)")
            guard let items = reply.array, items.count == 2, let next = items[0].string, let flat = items[1].array
            else { return }
            let fields = stride(from: 0, to: flat.count - 1, by: 2).compactMap { flat[$0].string }
            if !fields.isEmpty { try await body(fields) }
            cursor = next
        } while cursor != "0"
    }

    /// Walks over a hash's fields and values; what stays in it all the while is seen, perhaps twice.
    func scanFields(_ key: String, _ body: ([(field: String, value: [UInt8])]) async throws -> Void) async throws {
        var cursor = "0"
        repeat {
            let reply = try await command(
                ["HSCAN", .init(key), .init(cursor), "COUNT", .init(Self.page)], doing: "reading \(key)")
            guard let items = reply.array, items.count == 2, let next = items[0].string, let flat = items[1].array
            else { return }
            let fields = stride(from: 0, to: flat.count - 1, by: 2).compactMap {
                at -> (field: String, value: [UInt8])? in
                guard let field = flat[at].string, let value = flat[at + 1].bytes else { return nil }
                return (field, value)
            }
            if !fields.isEmpty { try await body(fields) }
            cursor = next
        } while cursor != "0"
    }

    /// Walks over a sorted set; what stays in it all the while is seen, perhaps twice.
    func scanSortedSet(_ key: String, _ body: ([(member: String, score: String)]) async throws -> Void) async throws {
        var cursor = "0"
        repeat {
            let reply = try await command(
                ["ZSCAN", .init(key), .init(cursor), "COUNT", .init(Self.page)], doing: "reading \(key)")
            guard let items = reply.array, items.count == 2, let next = items[0].string, let flat = items[1].array
            else { return }
            let entries = stride(from: 0, to: flat.count - 1, by: 2).compactMap {
                at -> (member: String, score: String)? in
                guard let member = flat[at].string, let score = flat[at + 1].string else { return nil }
                return (member, score)
            }
            if !entries.isEmpty { try await body(entries) }
            cursor = next
        } while cursor != "0"
    }
}
