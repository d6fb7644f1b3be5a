import Stepwise
import Synchronization

/// Sleeps and events: what a run waits for without a body.
extension TestWorld {
    /// An event to everybody that is kept for those who come later.
    struct KeptEvent {
        var value: [UInt8]
        /// In milliseconds since the tested run's begin.
        var until: Int
    }

    func begin(_ wait: StepWait, _ step: String, of run: TestedRun) {
        switch wait {
        case .sleep(.after(let milliseconds)):
            schedule(.outcome(run, step, .value(JSON.null)), at: clock + milliseconds)
        case .sleep(.at(let milliseconds)):
            schedule(.outcome(run, step, .value(JSON.null)), at: max(clock, milliseconds - script.start))
        case .event(let event, let timeout):
            run.listeners.append((event, step))
            schedule(.mail(run), at: clock)
            guard let timeout else { return }
            let failure = StepFailure(
                step: step, attempts: 1, type: "EventTimeout", message: "no event \"\(event)\" came in time",
                cause: .timedOut)
            schedule(.outcome(run, step, .error(failure)), at: clock + timeout)
        }
    }

    /// Gives a run's waiting steps what was sent to it, or to everybody, before they asked.
    func deliverMail(to run: TestedRun) throws {
        while let (event, step, value) = nextMail(of: run) {
            run.listeners.removeAll { $0 == (event, step) }
            try deliver(run, step, .value(value))
        }
    }

    private func nextMail(of run: TestedRun) -> (event: String, step: String, value: [UInt8])? {
        for (event, step) in run.listeners where run.open[step] != nil {
            if let index = mail[run.id]?.firstIndex(where: { $0.event == event }),
                let value = mail[run.id]?.remove(at: index).value
            {
                return (event, step, value)
            }
            if let kept = kept[event], kept.until > clock { return (event, step, kept.value) }
        }
        return nil
    }

    // MARK: What is sent

    func deliverSignals() throws {
        while true {
            let signals = script.settings.withLock { settings in
                defer { settings.signals = [] }
                return settings.signals
            }
            if let problem = script.settings.withLock({ $0.problem }) { throw WorkflowTestFailure(problem) }
            if signals.isEmpty { return }
            for signal in signals {
                switch signal {
                case .cancel(let reason): try interrupt(runs[0], .cancel(reason))
                case .event(let event, let value, let target): try send(EventName.stored(event), value, target)
                case .answer(let callback, let value):
                    answers.append((callback, value))
                    try deliverAnswers()
                }
            }
        }
    }

    /// - Parameter target: `nil`: the tested run.
    private func send(_ event: String, _ value: [UInt8], _ target: Notice.Target?) throws {
        switch target ?? .run(script.runID) {
        case .run(let id):
            mail[id, default: []].append((event, value))
            if let run = runs.first(where: { $0.id == id }) { try deliverMail(to: run) }
        case .everybody(let keep):
            if let keep {
                // The first that is kept counts.
                if let kept = kept[event], kept.until > clock { return }
                kept[event] = KeptEvent(value: value, until: clock + keep)
            }
            let waiting = runs.flatMap { run in run.listeners.filter { $0.event == event }.map { (run, $0.step) } }
            for (run, step) in waiting where run.open[step] != nil {
                run.listeners.removeAll { $0.step == step }
                try deliver(run, step, .value(value))
            }
        }
    }

    /// An answer waits until the callback's token is there.
    func deliverAnswers() throws {
        while let index = answers.firstIndex(where: { token(of: $0.callback) != nil }) {
            let answer = answers.remove(at: index)
            guard let token = token(of: answer.callback) else { continue }
            try send(EventName.stored(token.event), answer.value, .run(token.run))
        }
    }

    private func token(of callback: String) -> CallbackToken? {
        let record = runs[0].history.first { $0.step == "callback \(callback)" }
        return (try? record?.value(as: String.self)).flatMap { CallbackToken($0) }
    }

    /// A step of a run sends an event.
    func send(_ notice: Notice, _ value: [UInt8], of call: StepCall, _ run: TestedRun) throws {
        switch notice.target {
        case .run(let id):
            sent.append(TestedEvent(event: notice.event, run: id, value: value))
            if let other = runs.first(where: { $0.id == id }), other.end != nil {
                let error = StepwiseError(
                    .wrongStatus, "run \(id) has ended: event \"\(notice.event)\" cannot reach it")
                return try deliver(run, call.id, .error(StepFailure(step: call.id, attempts: 1, error: error)))
            }
        case .everybody(let keep):
            if keep != nil, let kept = kept[notice.event], kept.until > clock {
                let error = Notice.keptAlready(notice.event)
                return try deliver(run, call.id, .error(StepFailure(step: call.id, attempts: 1, error: error)))
            }
            sent.append(TestedEvent(event: notice.event, run: nil, value: value))
        }
        try deliver(run, call.id, .value(JSON.null))
        try send(notice.event, value, notice.target)
    }

    /// What a run waits for that nothing will end, in words.
    func waits(of run: TestedRun) -> String {
        let steps = run.open.keys.sorted().map { step in
            let event = run.listeners.first { $0.step == step }?.event
            return "step \"\(step)\"" + (event.map { $0 == step ? " (an event)" : " (event \"\($0)\")" } ?? "")
        }
        return steps.joined(separator: ", ")
    }
}

/// An event that a step of a tested run sent.
public struct TestedEvent: Sendable {
    public let event: String
    /// The run that it was sent to; `nil`: everybody.
    public let run: String?
    let value: [UInt8]

    /// The event's value.
    ///
    /// - Throws: ``StepwiseError`` with code `notDecodable`.
    public func value<T: Decodable>(as type: T.Type = T.self) throws -> T {
        try JSON.decode(type, from: value, what: "the value of event \"\(event)\"")
    }
}
