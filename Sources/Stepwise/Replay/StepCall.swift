internal import Synchronization

/// One call of a step by a run's function. Call number i is the i-th that the function made, the same in every replay.
package final class StepCall: Sendable {
    package let number: Int
    package let id: String
    /// The name that it was called with: the id without its number.
    package let name: String
    /// What tells its element from others of the same name, as JSON.
    package let key: String?
    package let options: StepOptions
    /// What there is to it besides a body's outcome.
    package let special: StepKind?
    /// The group whose steps are all waited for, if it belongs to one.
    package let group: Int?
    /// Executes the step once and returns its value as JSON; `nil` once nobody will execute it any more.
    package var body: (@Sendable (Step) async throws -> [UInt8])? { work.withLock { $0 }.body }
    private let work: Mutex<Work>

    /// Taken out of the lock as a whole: a closure alone would get a box each time.
    private struct Work: Sendable {
        var body: (@Sendable (Step) async throws -> [UInt8])?
    }

    init(
        number: Int, id: String, name: String, key: String?, options: StepOptions, special: StepKind?, group: Int?,
        body: (@Sendable (Step) async throws -> [UInt8])?
    ) {
        (self.number, self.id, self.name, self.key, self.options) = (number, id, name, key, options)
        (self.special, self.group) = (special, group)
        work = Mutex(Work(body: body))
    }

    package var hasBody: Bool { work.withLock { $0.body != nil } }

    /// Lets go of the body. What it captures may have a `deinit` of the user's: it is to be executed where the run is blamed for it, whoever still
    /// has the call.
    func dropBody() {
        // Returned, so that it is released when the lock is free.
        _ = work.withLock { work in
            defer { work.body = nil }
            return work
        }
    }

    /// The same call without the closures that the user has written. They mostly capture the context, and with it the instance that keeps
    /// the call.
    var withoutBody: StepCall {
        var options = options
        options.retry = nil
        return StepCall(
            number: number, id: id, name: name, key: key, options: options, special: special, group: group, body: nil)
    }
}

extension StepCall {
    package var child: ChildOrder? { if case .child(let order) = special { order } else { nil } }
    package var notice: Notice? { if case .notice(let notice) = special { notice } else { nil } }
    package var wait: StepWait? { if case .wait(let wait) = special { wait } else { nil } }

    /// The word for its kind; `nil` for a step with a body.
    package var kind: String? {
        switch special {
        case .wait(let wait): wait.kind
        case .notice: "notify"
        case .child(let order): order.isAwaited ? "invoke" : "start"
        case nil: options.kind
        }
    }

    /// Its time limits as the store takes them; empty for none.
    package var limits: String { wait?.limits ?? options.limits }

    /// Whether no worker has anything to do for it, or only once.
    package var isMovedFromOutside: Bool { wait != nil || child?.isAwaited == true }

    /// The child that it makes, if that is not to go on without it.
    package var childToEnd: Plan.Child? {
        guard case .child(let order) = special, order.endsWithParent else { return nil }
        return .made(workflow: order.workflow, id: order.id)
    }

    /// Whether it ends something outside its run when nobody waits for it any more.
    package var isAttached: Bool { child?.endsWithParent == true || wait?.event != nil }
}

/// What a call returns: the id that the step got, and its value's JSON.
package struct StepResult: Sendable {
    package let step: String
    package let json: [UInt8]
}

/// Where a run's function stands when it has come to rest.
package enum Progress: Sendable {
    /// It returned (the output's JSON) or threw.
    case finished(Result<[UInt8], any Error>)
    /// It wants the run to begin anew, with this input.
    case continued([UInt8])
    /// It waits for the outcome of at least one step.
    case waiting
    /// It waits for something that is not a step: it has left its executor.
    case escaped
    /// It cannot go on with the code of this worker; says why.
    case stuck(Obstacle)
}

/// What an instance asks of the store: steps to open and to close, and whether the function is done.
package struct Plan: Sendable {
    package struct Opening: Sendable, Hashable {
        package var number: Int
        package var step: String
        /// Called and abandoned before it was ever opened: it takes its number and nothing else.
        package var withdrawn: Bool
        /// Its time limits, as the store takes them; empty for none.
        package var limits = ""
        package var wait: StepWait?
        package var child: Child?
    }

    /// A child that is not to go on without the step that makes it. Indirect: next to no opening has one, and openings are copied.
    package indirect enum Child: Sendable, Hashable {
        /// - Parameter id: `nil`: made of the parent's id, its generation and the step.
        case made(workflow: String, id: String?)

        package var workflow: String {
            switch self {
            case .made(let workflow, _): workflow
            }
        }
        package var id: String? {
            switch self {
            case .made(_, let id): id
            }
        }
    }

    /// A step for which the function no longer waits, and that leaves something outside the run.
    package struct Orphan: Sendable {
        package enum Left: Sendable {
            /// A child that is not to go on without it.
            case child(ChildOrder)
            /// An entry among those who wait for an event.
            case event(String)
        }

        package var number: Int
        package var step: String
        package var left: Left
    }

    package var openings: [Opening]
    package var closings: [String]
    /// Steps with time limits that do not matter any more.
    package var unlimited: [String] = []
    /// The run's patches, if there are new ones: patch → how many outcomes the function had had when it asked.
    package var patches: [String: Int] = [:]
    /// What the function no longer waits for, and what has to be ended outside the run.
    package var orphans: [Orphan] = []
    /// Whether the function has ever waited for an event.
    package var listens = false
    /// Whether the function waits for all of its open steps before it can go on, unless one of them fails.
    package var joins = false
    /// Whether nothing is left for another page.
    package var isComplete: Bool
    /// Whether the run ends, or begins anew, and leaves more than a page may name: then nothing of it is named here.
    package var endsInPages = false

    /// Whether calls are closed by it, and their bodies let go of.
    package var closes: Bool { !closings.isEmpty || openings.contains { $0.withdrawn } }

    /// Whether it asks for nothing, its openings aside.
    private var onlyOpens: Bool {
        isComplete && closings.isEmpty && unlimited.isEmpty && orphans.isEmpty && patches.isEmpty
    }

    /// Whether it asks for nothing.
    package var isOnlyAnEnd: Bool { onlyOpens && openings.isEmpty }

    /// What it opens, if that is all it asks for: one step with a body and without limits.
    package var onlyPlainOpening: Opening? {
        guard onlyOpens, openings.count == 1, !openings[0].withdrawn, openings[0].limits.isEmpty,
            openings[0].wait == nil, openings[0].child == nil
        else { return nil }
        return openings[0]
    }
}
