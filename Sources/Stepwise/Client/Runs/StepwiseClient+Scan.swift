extension StepwiseClient {
    /// How much one page of any listing holds.
    static let page = 1000

    /// Walks over something page by page.
    ///
    /// - Parameter page: the command for the page at a cursor.
    private func walk<Element>(
        _ page: (_ cursor: String) -> StoreCommand<Page<Element>>, doing what: @autoclosure () -> String,
        _ body: ([Element]) async throws -> Void
    ) async throws {
        var cursor = "0"
        repeat {
            let page = try await command(page(cursor), doing: what())
            if !page.elements.isEmpty { try await body(page.elements) }
            cursor = page.next
        } while cursor != "0"
    }

    /// Walks over the namespace's keys; a key may come twice.
    ///
    /// - Parameters:
    ///   - start: how the names begin, without the prefix.
    ///   - body: gets the names without the prefix.
    func scanKeys(_ start: String = "", _ body: ([String]) async throws -> Void) async throws {
        try await walk(
            { .keys(keys, start, after: $0, count: Self.page) },
            doing: "looking through the keys of namespace \"\(keys.namespace)\"", body)
    }

    /// Walks over a list from its left end, where only new runs are pushed: what stays in it all the while is seen.
    func scanList(_ key: String, _ body: ([[UInt8]]) async throws -> Void) async throws {
        var start = 0
        while true {
            let items = try await command(.items(key, from: start, count: Self.page), doing: "reading \(key)")
            if items.isEmpty { return }
            try await body(items)
            if items.count < Self.page { return }
            start += items.count
        }
    }

    /// Walks over a hash; what stays in it all the while is seen, perhaps twice.
    func scanHash(_ key: String, _ body: ([(field: String, value: [UInt8])]) async throws -> Void) async throws {
        try await walk({ .fields(key, after: $0, count: Self.page) }, doing: "reading \(key)", body)
    }

    /// Walks over a sorted set; what stays in it all the while is seen, perhaps twice.
    func scanSortedSet(_ key: String, _ body: ([(member: String, score: String)]) async throws -> Void) async throws {
        try await walk({ .members(key, after: $0, count: Self.page) }, doing: "reading \(key)", body)
    }
}
