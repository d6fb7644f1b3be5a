internal import StepwiseRedis

/// The labels of which a namespace has an index, as `meta` says.
struct IndexedLabels: Sendable, Hashable {
    /// The most that a namespace may have.
    static let most = 16

    /// All of them. Who makes or removes a run keeps them.
    var names: [String] = []
    /// Those whose index does not have all runs yet.
    var incomplete: Set<String> = []

    /// - Parameter words: names separated by spaces.
    static func names(_ words: String) -> [String] {
        let names = words.split(separator: " ").map(String.init).filter { RunLabels.problem(withName: $0) == nil }
        return Array(names.prefix(most))
    }

    /// Those that can be searched.
    var complete: [String] { names.filter { !incomplete.contains($0) } }
}

/// How a run stands in the index of a label.
package struct LabelEntry: Sendable, Hashable {
    package var value: String
    /// When the run was created, in milliseconds since 1970.
    package var created: Int
    package var run: String

    package init(value: String, created: Int, run: String) {
        (self.value, self.created, self.run) = (value, created, run)
    }

    /// From ``text``; `nil` for another one.
    package init?(_ text: String) {
        // By bytes: what a value ends with may join the line feed to one character.
        let parts = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        guard parts.count == 3, parts[1].count >= Self.digits, let created = String(parts[1]).flatMap({ Int($0) }),
            let value = String(parts[0]), let run = String(parts[2]), !run.isEmpty
        else { return nil }
        self.init(value: value, created: created, run: run)
    }

    private static let digits = 15

    /// As the scripts write it (`label_entry`).
    package var text: String {
        let number = String(created)
        let zeros = String(repeating: "0", count: max(0, Self.digits - number.utf8.count))
        return "\(value)\n\(zeros)\(number)\n\(run)"
    }
}

/// The indexes into which a new run comes, or which one leaves, as scripts are told of them.
struct RunIndexes: Sendable {
    let names: [String]

    /// - Parameter indexed: the labels that have an index, as the caller knows them.
    init(of labels: RunLabels, among indexed: [String]) {
        names = labels.isEmpty || indexed.isEmpty ? [] : indexed.filter { labels[$0] != nil }
    }

    /// For who does not know the run's labels.
    init(all indexed: [String]) { names = indexed }

    var isEmpty: Bool { names.isEmpty }
    var arguments: [RedisArgument] { names.map { .init($0) } }
    func keys(_ keys: Keys) -> [String] { names.map { keys.label($0) } }
}

extension StoreCommand<IndexedLabels> {
    /// Which labels are indexed.
    static func indexedLabels(_ keys: Keys) -> Self {
        Self(["HMGET", .init(keys.meta), "indexes", "indexing"]) { reply in
            let words = (reply.array ?? []).map { $0.string ?? "" }
            guard words.count == 2 else { return IndexedLabels() }
            // Behind a `=` stands when it has begun.
            let incomplete = words[1].split(separator: " ").map { String($0.prefix { $0 != "=" }) }
            return IndexedLabels(names: IndexedLabels.names(words[0]), incomplete: Set(incomplete))
        }
    }
}

extension StoreCommand<Int> {
    /// How many workers have beaten last between two times, in milliseconds since 1970.
    static func workers(_ keys: Keys, beatingFrom start: Int, to end: Int) -> Self {
        Self(counting: ["ZCOUNT", .init(keys.workers), .init("(\(max(0, start))"), .init(end)])
    }

    /// How many runs have a label with this value, by its index.
    static func count(_ keys: Keys, label: String, _ value: String) -> Self {
        Self(counting: ["ZLEXCOUNT", .init(keys.label(label)), .init("[\(value)\n"), .init("(\(value)\u{0B}")])
    }
}

extension StoreCommand<[LabelEntry?]> {
    /// Runs that have a label with this value, by its index, the one that was created last first. `nil` for an entry that cannot be read.
    ///
    /// - Parameter before: only those behind this one in that order.
    static func labelled(_ keys: Keys, _ label: String, _ value: String, before: LabelEntry?, count: Int) -> Self {
        let text = before?.text
        let end = "(" + (text ?? "\(value)\u{0B}")
        return Self(
            ["ZREVRANGEBYLEX", .init(keys.label(label)), .init(end), .init("[\(value)\n"), "LIMIT", "0", .init(count)]
        ) { reply in
            // As of `entries`: nobody goes round.
            let those = (reply.array ?? []).filter { entry in
                text.map { (entry.bytes ?? []).lexicographicallyPrecedes($0.utf8) } ?? true
            }
            return those.map { $0.string.flatMap { LabelEntry($0) } }
        }
    }
}

extension StoreCommand<[[UInt8]]> {
    /// Entries of the index of a label, in the order of their bytes.
    ///
    /// - Parameter after: only those behind this one.
    static func entries(_ keys: Keys, ofLabel label: String, after: [UInt8]?, count: Int) -> Self {
        let start = after.map { [UInt8(ascii: "(")] + $0 } ?? [UInt8(ascii: "-")]
        return Self(["ZRANGEBYLEX", .init(keys.label(label)), .init(start), "+", "LIMIT", "0", .init(count)]) { reply in
            // Where somebody has given others than the score 0, Redis finds them in another order: nobody goes round in it.
            (reply.array ?? []).map { $0.bytes ?? [] }.filter { after?.lexicographicallyPrecedes($0) ?? true }
        }
    }
}

extension StoreCommand<Bool> {
    /// Whether an entry stands in the index of a label.
    static func isListed(_ keys: Keys, label: String, _ entry: [UInt8]) -> Self {
        Self(["ZSCORE", .init(keys.label(label)), .init(entry)]) { $0.string != nil }
    }

    static func isListed(_ keys: Keys, label: String, _ entry: LabelEntry) -> Self {
        isListed(keys, label: label, Array(entry.text.utf8))
    }
}
