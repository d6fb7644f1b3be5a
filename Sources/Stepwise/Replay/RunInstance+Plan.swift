import Synchronization

/// What the function has called and the store has not opened, and what it no longer waits for.
extension RunInstance {
    /// The calls that the function has made and Redis has not opened, and what it no longer waits for.
    ///
    /// - Parameters:
    ///   - opened: how many calls Redis has opened.
    ///   - limit: the most openings and the most closings of one page, and the most leftovers that an end names.
    package func plan(opened: Int, limit: Int = 1000) -> Plan {
        state.withLock { state in
            // The run ends, or begins anew: nothing is opened for it any more.
            if state.overLimit != nil || (state.finished == nil && !state.renewals.isEmpty) {
                return Self.end(state, openings: [], closings: [], opened: opened, limit: limit)
            }
            let end = state.listens ? Self.endOfPage(state, opened, limit) : min(state.calls.count, opened + limit)
            let openings = (min(opened, end)..<end).map { number in
                let isWaiting = if case .waiting = state.standings[number] { true } else { false }
                let call = state.calls[number]
                return Plan.Opening(
                    number: number, step: call?.id ?? "", withdrawn: !isWaiting,
                    limits: isWaiting ? call?.limits ?? "" : "", wait: call?.wait,
                    child: isWaiting ? call?.childToEnd : nil)
            }
            let closings = state.unclosed.filter { $0 < opened }.sorted()
            if state.finished != nil, end == state.calls.count {
                return Self.end(state, openings: openings, closings: closings, opened: opened, limit: limit)
            }
            let closed = closings.prefix(limit).compactMap { state.calls[$0] }
            return Plan(
                openings: openings, closings: closed.map(\.id),
                unlimited: closed.filter { !$0.limits.isEmpty }.map(\.id),
                patches: state.patches.marksToWrite,
                orphans: Self.orphans(state, among: closings.prefix(limit)),
                listens: state.listens, joins: state.joinsAll,
                isComplete: end == state.calls.count && closings.count <= limit
            )
        }
    }

    /// A step that waits for an event takes Redis as long as three others.
    private static func endOfPage(_ state: State, _ opened: Int, _ limit: Int) -> Int {
        let start = min(opened, state.calls.count)
        var (end, weight) = (start, 0)
        while end < state.calls.count {
            weight += state.calls[end]?.wait?.event == nil ? 1 : 3
            if weight > limit, end > start { break }
            end += 1
        }
        return end
    }

    /// The plan of a run that ends, or begins anew: what it leaves. If that is more than a page, the plan names none of it, and Redis looks.
    private static func end(
        _ state: State, openings: [Plan.Opening], closings: [Int], opened: Int, limit: Int
    ) -> Plan {
        let unlimited = limited(state)
        let orphans = Self.orphans(state, opened: opened)
        let isTooMuch = max(closings.count, unlimited.count, orphans.count) > limit
        return Plan(
            openings: openings, closings: isTooMuch ? [] : closings.compactMap { state.calls[$0]?.id },
            unlimited: isTooMuch ? [] : unlimited, patches: state.patches.marksToWrite,
            orphans: isTooMuch ? [] : orphans, isComplete: !isTooMuch, endsInPages: isTooMuch)
    }

    /// The steps with time limits of which no outcome was delivered.
    private static func limited(_ state: State) -> [String] {
        state.calls.compactMap { call in call.flatMap { $0.limits.isEmpty ? nil : $0.id } }
    }

    private static func orphans(_ state: State, opened: Int) -> [Plan.Orphan] {
        orphans(state, among: state.attached.filter { $0 < opened }.sorted())
    }

    private static func orphans(_ state: State, among numbers: some Sequence<Int>) -> [Plan.Orphan] {
        if state.attached.isEmpty { return [] }
        return numbers.compactMap { number in
            guard state.attached.contains(number), let call = state.calls[number] else { return nil }
            if let order = call.child { return Plan.Orphan(number: number, step: call.id, left: .child(order)) }
            return call.wait?.event.map { Plan.Orphan(number: number, step: call.id, left: .event($0)) }
        }
    }

    /// The store has applied `plan`: its closings need not be asked for again, and nobody executes their bodies any more.
    package func confirm(_ plan: Plan) {
        // Released when the lock is free: what a body captures may have a `deinit` of the user's.
        var closed: [StepCall] = []
        state.withLock { state in
            state.patches.confirm(plan.patches)
            for step in plan.closings {
                if let number = state.numbers[step] { state.close(number, &closed) }
            }
            for opening in plan.openings where opening.withdrawn { state.close(opening.number, &closed) }
        }
        for call in closed { call.dropBody() }
    }
}

extension RunInstance.State {
    /// The store has closed an abandoned call.
    fileprivate mutating func close(_ number: Int, _ closed: inout [StepCall]) {
        unclosed.remove(number)
        attached.remove(number)
        takeBody(number, &closed)
    }

    /// Keeps of a call what is more than closures, and hands out the rest.
    fileprivate mutating func takeBody(_ number: Int, _ taken: inout [StepCall]) {
        guard let call = calls[number], call.hasBody else { return }
        calls[number] = call.withoutBody
        taken.append(call)
    }

    /// Takes out what user code has given to an instance that is given up. What its owner may still ask for stays.
    mutating func takeRemains() -> (calls: [StepCall], shielded: [Int: @Sendable () -> Void], end: (any Error)?) {
        var taken: [StepCall] = []
        for number in calls.indices { takeBody(number, &taken) }
        defer { shielded = [:] }
        guard case .failure(let error) = finished else { return (taken, shielded, nil) }
        finished = .failure(Evicted())
        return (taken, shielded, error)
    }
}
