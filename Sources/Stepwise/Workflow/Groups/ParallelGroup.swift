/// One step for each element of a collection, beside each other.
///
/// Nothing but a task group on the run's executor: its children end in the order in which their outcomes were recorded, so whatever is
/// decided by that order is decided the same way on every replay. Leaving the group cancels the children that are left, which closes
/// their steps.
final class ParallelGroup<Element: Sendable, Value: Sendable>: Sendable {
    let context: WorkflowContext
    let name: String
    let options: StepOptions
    /// The most steps that are open at a time; `nil`: all.
    let maxConcurrency: Int?
    /// The body for an element; it gives its value's JSON.
    let body: @Sendable (Element) -> @Sendable (Step) async throws -> [UInt8]
    let decode: @Sendable (StepResult) async throws -> Value

    init(
        _ context: WorkflowContext, _ name: String, _ options: [StepOption], _ maxConcurrency: Int?,
        body: @escaping @Sendable (Element) -> @Sendable (Step) async throws -> [UInt8],
        decode: @escaping @Sendable (StepResult) async throws -> Value
    ) {
        (self.context, self.name, self.maxConcurrency) = (context, name, maxConcurrency)
        self.options = context.options.applying(options)
        (self.body, self.decode) = (body, decode)
    }

    /// The values in the order of the elements. The first failure that is recorded is thrown.
    func all(_ elements: [Element]) async throws -> [Value] {
        let outcomes = try await outcomes(elements, policy: .settled) { outcome in
            if case .failure(let failure) = outcome { throw failure }
        }
        return outcomes.compactMap(\.value)
    }

    /// The value that was recorded first.
    func any(_ elements: [Element]) async throws -> Value {
        for outcome in try await outcomes(elements, policy: .atLeast(1)) {
            if case .success(let value) = outcome { return value }
        }
        throw invalid("the collection is empty")
    }

    /// What became of each element, in their order, when `policy` is met.
    ///
    /// - Parameter check: called with each outcome in recorded order; what it throws ends the group.
    func outcomes(
        _ elements: [Element], policy: GroupPolicy, check: (StepOutcome<Value>) throws -> Void = { _ in }
    ) async throws -> [StepOutcome<Value>] {
        try context.checkPlace(of: "the parallel group \"\(name)\"")
        try StepName.check(name)
        if let maxConcurrency, maxConcurrency < 1 {
            throw invalid("maxConcurrency is \(maxConcurrency), with which no step could begin; it must be at least 1")
        }
        if let problem = policy.problem(count: elements.count) { throw invalid(problem) }
        if elements.isEmpty { return [] }

        // Whoever waits for all has nothing to do before the last, unless one fails.
        let joined =
            policy.waitsForAll && (maxConcurrency ?? .max) >= elements.count ? context.instance.nextGroup() : nil
        return try await withThrowingTaskGroup(of: (Int, StepOutcome<Value>).self) { group in
            var outcomes = [StepOutcome<Value>](repeating: .withdrawn, count: elements.count)
            var tally = GroupPolicy.Tally(policy, count: elements.count)
            var next = 0
            while next < min(maxConcurrency ?? .max, elements.count) {
                group.addTask { [next] in (next, try await self.outcome(of: elements[next], joined)) }
                next += 1
            }
            while let (index, outcome) = try await group.next() {
                outcomes[index] = outcome
                try check(outcome)
                switch tally.add(isSuccess: outcome.failure == nil) {
                case .goesOn:
                    guard next < elements.count else { continue }
                    group.addTask { [next] in (next, try await self.outcome(of: elements[next], nil)) }
                    next += 1
                case .isDone:
                    group.cancelAll()
                    return outcomes
                case .hasFailed(let reason):
                    throw GroupFailure(
                        name: name, reason: reason, count: elements.count, succeeded: tally.succeeded,
                        failures: outcomes.compactMap(\.failure))
                }
            }
            return outcomes
        }
    }

    private func outcome(of element: Element, _ group: Int?) async throws -> StepOutcome<Value> {
        var options = options
        // One name for all: it is the key that keeps elements from getting each other's results.
        if options.key == nil, let element = element as? any Encodable, let key = try? StepKey(element) {
            options.key = .success(key)
        }
        do {
            let result = try await context.instance.call(
                name: name, options: options, group: group, body: body(element))
            return .success(try await decode(result))
        } catch let failure as StepFailure {
            return .failure(failure)
        }
    }

    private func invalid(_ problem: String) -> StepwiseError {
        StepwiseError(.invalidGroup, "the parallel group \"\(name)\" of run \(context.runID) cannot be: \(problem)")
    }
}

extension WorkflowContext {
    func group<Element: Sendable, T: Codable & Sendable>(
        _ name: String, _ options: [StepOption], _ maxConcurrency: Int?,
        _ body: @escaping @Sendable (Element, Step) async throws -> T
    ) -> ParallelGroup<Element, T> {
        ParallelGroup(
            self, name, options, maxConcurrency, body: { element in encoding { try await body(element, $0) } },
            decode: { try await decode(T.self, from: $0) })
    }

    func group<Element: Sendable>(
        _ name: String, _ options: [StepOption], _ maxConcurrency: Int?,
        _ body: @escaping @Sendable (Element, Step) async throws -> Void
    ) -> ParallelGroup<Element, Void> {
        ParallelGroup(
            self, name, options, maxConcurrency, body: { element in Self.encoding { try await body(element, $0) } },
            decode: { _ in })
    }
}
