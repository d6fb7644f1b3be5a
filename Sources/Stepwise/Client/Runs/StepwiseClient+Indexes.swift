/// The index of a label: what finds the runs that have it without a look at the others.
public struct LabelIndex: Sendable, Hashable, Codable {
    public var label: String
    /// How many runs it has.
    public var runs: Int
    /// Whether it has all runs with the label. If not, it is being filled, or that was interrupted; then
    /// ``StepwiseClient/addIndex(label:progress:)`` fills it, and nothing uses it yet.
    public var isComplete: Bool
}

/// How far the filling of an index has come.
public struct IndexProgress: Sendable, Hashable {
    /// How many runs were looked at, and about how many there are.
    public var looked = 0
    public var total = 0
    /// How many of those that were looked at have the label.
    public var found = 0
    /// How many entries of the index were looked at, and how many of them have left it because their runs are gone.
    public var checked = 0
    public var removed = 0
}

/// Indexes of labels.
extension StepwiseClient {
    /// The most labels that can have an index in one namespace.
    public static var mostIndexes: Int { IndexedLabels.most }

    /// Gives a label an index: from then on, what asks for runs with this label (`stepwise runs --label`, ``deadRuns(_:after:limit:)``) finds
    /// them without a look at the others. Runs without the label cost nothing more; one with it takes a hundred bytes or so.
    ///
    /// It first waits, for 5 seconds or more, until workers and clients know of the index, so that they keep it; then it looks through the runs
    /// that are there. It may be called again: after an interruption, and to mend an index of which `stepwise doctor` says that it is not right.
    ///
    /// - Parameters:
    ///   - label: the label's name.
    ///   - progress: called every 500 runs or so.
    /// - Returns: what it has done.
    /// - Throws: ``StepwiseError``: `invalidIdentifier` for what is not a label's name, `wrongStatus` if there are ``mostIndexes`` already or the
    ///   index is removed meanwhile, or one of the `redis…` codes; `CancellationError`.
    @discardableResult
    public func addIndex(
        label: String, progress: @Sendable (IndexProgress) -> Void = { _ in }
    ) async throws -> IndexProgress {
        try await addIndex(label: label, patience: KnownIndexes.patience, progress: progress)
    }

    /// - Parameter patience: how long after its beginning others know of an index.
    package func addIndex(
        label: String, patience: Duration, progress: @Sendable (IndexProgress) -> Void = { _ in }
    ) async throws -> IndexProgress {
        let what = "adding the index of label \"\(label)\""
        try Self.check(label: label)
        try await prepare(writes: true)
        let reader = try await repeating { try await evaluate(.declareIndex(keys, label, "begin"), doing: what) }
        knownIndexes.forget()
        if reader.word == "full" {
            throw StepwiseError(
                .wrongStatus,
                "label \"\(label)\" gets no index: \(Self.mostIndexes) labels have one (\(try reader.text(1))), and more are not possible; remove "
                    + "one first (\(keys.command("index remove NAME")))")
        }
        if reader.word != "complete" { try await waitUntilKnown(since: try reader.integer(1), patience) }
        var done = IndexProgress()
        done.total = try await runCount()
        try await fill(label, &done, progress)
        // What an index has had since its beginning is right, unless somebody did not know of it.
        if reader.word != "new" { try await prune(label, &done, progress) }
        let begun = try reader.text(2)
        let end = try await repeating {
            try await evaluate(.declareIndex(keys, label, "complete", begun: begun), doing: what)
        }
        if end.word == "missing" { throw Self.removedMeanwhile(label) }
        return done
    }

    /// The labels that have an index, in the order in which they got it.
    ///
    /// - Throws: ``StepwiseError``, one of the `redis…` codes.
    public func indexes() async throws -> [LabelIndex] {
        let indexed = try await command(.indexedLabels(keys), doing: "reading which labels are indexed")
        let counts = try await all(
            indexed.names.map { StoreCommand<Int>.count(keys.label($0)) }, doing: "counting the runs of indexes")
        return zip(indexed.names, counts).map { name, count in
            LabelIndex(label: name, runs: count, isComplete: !indexed.incomplete.contains(name))
        }
    }

    /// Removes the index of a label. The runs keep the label.
    ///
    /// - Returns: whether there was one.
    /// - Throws: ``StepwiseError``: `invalidIdentifier` for what is not a label's name, or one of the `redis…` codes.
    @discardableResult
    public func removeIndex(label: String) async throws -> Bool {
        try Self.check(label: label)
        try await prepare(writes: true)
        let reader = try await evaluate(
            .declareIndex(keys, label, "end"), doing: "removing the index of label \"\(label)\"")
        knownIndexes.forget()
        return reader.word == "ended"
    }

    /// The labels that have an index, as this client has read it in the last seconds.
    func indexedLabels() async throws(StepwiseError) -> [String] {
        let now = ContinuousClock.now
        if let names = knownIndexes.names(at: now) { return names }
        let what = "reading which labels are indexed"
        let indexed: IndexedLabels
        do throws(StepwiseError) { indexed = try await command(.indexedLabels(keys), doing: what) } catch {
            // Only a question was lost.
            if error.code != .redisAmbiguous { throw error }
            indexed = try await command(.indexedLabels(keys), doing: what)
        }
        knownIndexes.note(indexed.names, readAfter: now)
        return indexed.names
    }

    private static func check(label: String) throws(StepwiseError) {
        if let problem = RunLabels.problem(withName: label) {
            throw StepwiseError(
                .invalidIdentifier, "\(JSON.string(label.prefix(bytes: 120))) is not a label's name: \(problem)")
        }
    }

    private static func removedMeanwhile(_ label: String) -> StepwiseError {
        StepwiseError(.wrongStatus, "the index of label \"\(label)\" was removed by somebody while it was filled")
    }

    /// Waits until every worker that beats has done so since a time, and others know of what was written then. A worker that is silent for as
    /// long as it takes to be declared dead is not waited for.
    private func waitUntilKnown(since time: Int, _ patience: Duration) async throws {
        let start = ContinuousClock.now
        try await Task.sleep(atMost: patience)
        while ContinuousClock.now - start < .milliseconds(WorkerListing.silence) {
            let unaware = try await command(
                .workers(keys, beatingFrom: time - WorkerListing.silence, to: time), doing: "asking for the workers")
            if unaware == 0 { return }
            try await Task.sleep(atMost: .milliseconds(100))
        }
    }

    private func runCount() async throws -> Int {
        try await all(
            RunStatus.all.map { StoreCommand<Int>.count(keys.runs($0)) }, doing: "counting the runs"
        ).reduce(0, +)
    }

    /// Looks through all runs: a key that is there all the while is met, whatever becomes of its run.
    private func fill(
        _ label: String, _ done: inout IndexProgress, _ progress: @Sendable (IndexProgress) -> Void
    ) async throws {
        var now = done
        try await scanKeys("run:") { names in
            for page in names.compactMap({ NamespaceKey($0)?.runID }).pages(of: 500) {
                let found = try await evaluate(
                    .fillIndex(keys, label, page), doing: "filling the index of label \"\(label)\"")
                guard let found else { throw Self.removedMeanwhile(label) }
                now.looked += page.count
                now.found += found
                progress(now)
            }
        }
        done = now
    }

    private func prune(
        _ label: String, _ done: inout IndexProgress, _ progress: @Sendable (IndexProgress) -> Void
    ) async throws {
        var last: [UInt8]?
        while true {
            let entries = try await command(
                .entries(keys, ofLabel: label, after: last, count: 500),
                doing: "reading the index of label \"\(label)\"")
            if entries.isEmpty { return }
            let removed = try await evaluate(
                .pruneIndex(keys, label, entries), doing: "looking through the index of label \"\(label)\"")
            guard let removed else { throw Self.removedMeanwhile(label) }
            last = entries.last
            done.checked += entries.count
            done.removed += removed
            progress(done)
        }
    }
}
