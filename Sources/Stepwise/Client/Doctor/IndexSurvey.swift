/// What the indexes of labels have too little, or too much. A value.
package struct IndexSurvey: Sendable, Hashable {
    /// By label: runs that have it and do not stand in its index.
    package var missing: [String: Set<String>] = [:]
    /// By label: entries of its index whose runs are gone, or do not have it so.
    package var wrong: [String: Set<[UInt8]>] = [:]
    /// Labels of which there is an index that `meta` does not name.
    package var undeclared: Set<String> = []
    /// Labels whose index does not have all runs yet.
    package var incomplete: Set<String> = []

    /// Of a label so many runs, and so many entries, are kept here: each kind is mended as a whole.
    static let most = 1000

    package init() {}

    mutating func add(missing run: String, _ label: String) {
        if missing[label, default: []].count < Self.most { missing[label, default: []].insert(run) }
    }

    mutating func add(wrong entry: [UInt8], _ label: String) {
        if wrong[label, default: []].count < Self.most { wrong[label, default: []].insert(entry) }
    }

    package func violations(keys: Keys) -> [Violation] {
        let few = missing.sorted { $0.key < $1.key }.compactMap { label, runs -> Violation? in
            guard let first = runs.min() else { return nil }
            return Violation(
                .notIndexed, key: keys.label(label),
                "\(Self.count(runs.count, "run has", "runs have")) label \(label) and no entry there, such as run \(first): a search "
                    + "for the label does not find it", advice: mend(label, keys), evidence: first)
        }
        let many = wrong.sorted { $0.key < $1.key }.compactMap { label, entries -> Violation? in
            let texts = entries.map { String(decoding: $0, as: UTF8.self) }
            guard let first = texts.min() else { return nil }
            let run = LabelEntry(first)?.run ?? String(first.prefix(bytes: 200))
            let count = Self.count(entries.count, "entry has", "entries have")
            return Violation(
                .indexedWrongly, key: keys.label(label),
                "\(count) no run with such a label \(label): it is gone, or has another value; such as run \(run)",
                advice: mend(label, keys), evidence: first)
        }
        let left = undeclared.sorted().map { label in
            Violation(
                .indexOfNoLabel, key: keys.label(label),
                "\(keys.meta) does not name label \(label), so nobody keeps its index",
                advice: keys.command("index remove \(label.shellWord)"), evidence: label)
        }
        return few + many + left
    }

    package func warnings(keys: Keys) -> [String] {
        incomplete.sorted().map { label in
            "the index of label \(label) is not complete, and no search uses it: it is being filled, or that was interrupted; then fill it "
                + "(\(mend(label, keys)))"
        }
    }

    private func mend(_ label: String, _ keys: Keys) -> String { keys.command("index add \(label.shellWord)") }

    private static func count(_ count: Int, _ one: String, _ several: String) -> String {
        count == 1 ? "1 \(one)" : "\(count < most ? "" : "at least ")\(count) \(several)"
    }
}

extension StepwiseClient {
    /// The first look: at every run, and at every entry of each index.
    ///
    /// - Parameters:
    ///   - labels: those of which there is an index.
    ///   - runs: all runs.
    func surveyIndexes(found labels: Set<String>, runs: [String]) async throws -> IndexSurvey {
        var survey = IndexSurvey()
        let (names, indexed) = try await readableIndexes()
        survey.undeclared = labels.subtracting(indexed.names)
        survey.incomplete = indexed.incomplete.intersection(indexed.names)
        if names.isEmpty { return survey }
        for page in runs.pages(of: 500) { try await look(for: page, names, indexed, &survey) }
        for label in names {
            var last: [UInt8]?
            while true {
                let entries = try await command(
                    .entries(keys, ofLabel: label, after: last, count: 500), doing: "reading \(keys.label(label))")
                if entries.isEmpty { break }
                for entry in try await wrong(among: entries, label) { survey.add(wrong: entry, label) }
                last = entries.last
            }
        }
        return survey
    }

    /// What of the last look is still so.
    func stillWrong(_ last: IndexSurvey) async throws -> IndexSurvey {
        var survey = IndexSurvey()
        if last.missing.isEmpty, last.wrong.isEmpty, last.undeclared.isEmpty { return survey }
        let (names, indexed) = try await readableIndexes()
        for (label, runs) in last.missing where names.contains(label) {
            for page in runs.sorted().pages(of: 500) { try await look(for: page, [label], indexed, &survey) }
        }
        for (label, entries) in last.wrong where names.contains(label) {
            for page in Array(entries).pages(of: 500) {
                for entry in try await wrong(among: page, label) { survey.add(wrong: entry, label) }
            }
        }
        let left = last.undeclared.subtracting(indexed.names).sorted()
        let there = try await all(
            left.map { StoreCommand<Int>.count(existing: [keys.label($0)]) }, doing: "looking for indexes")
        survey.undeclared = Set(zip(left, there).filter { $1 > 0 }.map(\.0))
        return survey
    }

    /// The labels that are indexed, without those whose key is of another type: the doctor names that.
    private func readableIndexes() async throws -> (names: [String], indexed: IndexedLabels) {
        // `meta` itself may be of another type.
        let indexed = try await all(
            [StoreCommand<IndexedLabels>.indexedLabels(keys)], doing: "reading which labels are indexed"
        ).first
        guard let indexed, !indexed.names.isEmpty else { return ([], IndexedLabels()) }
        let types = try await types(of: indexed.names.map { "label:\($0)" })
        let names = zip(indexed.names, types).filter { ["zset", "none"].contains($1) }.map(\.0)
        return (names, indexed)
    }

    /// Looks for runs in those indexes that have to have all.
    private func look(
        for runs: [String], _ names: [String], _ indexed: IndexedLabels, _ survey: inout IndexSurvey
    ) async throws {
        let fields = try await all(
            runs.map { StoreCommand<RunFields>.run(keys, $0, .labels, .created) }, doing: "reading runs")
        var wanted: [(run: String, label: String, entry: LabelEntry)] = []
        for (run, fields) in zip(runs, fields) {
            for label in names where !indexed.incomplete.contains(label) {
                if let entry = LabelEntry(run, label, fields) { wanted.append((run, label, entry)) }
            }
        }
        let isThere = try await all(
            wanted.map { StoreCommand<Bool>.isListed(keys, label: $0.label, $0.entry) }, doing: "looking into indexes")
        for (want, isThere) in zip(wanted, isThere) where !isThere { survey.add(missing: want.run, want.label) }
    }

    /// Those of some entries whose runs are gone, or do not have the label so, and that are there now.
    private func wrong(among entries: [[UInt8]], _ label: String) async throws -> [[UInt8]] {
        let runs = entries.map { LabelEntry(String(decoding: $0, as: UTF8.self))?.run ?? "" }
        let fields = try await all(
            runs.map { StoreCommand<RunFields>.run(keys, $0, .labels, .created) }, doing: "reading runs")
        var suspects: [[UInt8]] = []
        for (entry, (run, fields)) in zip(entries, zip(runs, fields)) {
            let right = LabelEntry(run, label, fields).map { Array($0.text.utf8) }
            if right != entry { suspects.append(entry) }
        }
        let isThere = try await all(
            suspects.map { StoreCommand<Bool>.isListed(keys, label: label, $0) }, doing: "looking into indexes")
        return zip(suspects, isThere).filter { $1 }.map(\.0)
    }
}

extension LabelEntry {
    /// How a run has to stand in the index of a label; `nil` if it does not have the label, or is gone.
    fileprivate init?(_ run: String, _ label: String, _ fields: RunFields) {
        guard let value = RunLabels(stored: fields.text(.labels))[label] else { return nil }
        self.init(value: value, created: fields.integer(.created) ?? 0, run: run)
    }
}
