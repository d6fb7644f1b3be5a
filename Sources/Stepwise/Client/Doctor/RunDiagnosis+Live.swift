/// What a live run must have: one mover for each open step, one turn where its `turn` says, a join that agrees.
extension RunDiagnosis {
    mutating func judgeTurn(_ fields: RunSnapshot.Fields) {
        let text = WorkItem.turnText(run: run.id, generation: fields.generation)
        let places = movers[text] ?? []
        obsolete -= places.count
        let grounds = "\(fields.turn) \(fields.turns) \(fields.recorded)"
        if fields.turn.isEmpty {
            if !places.isEmpty {
                report(
                    .turnTooMany, key: keys.key(of: places[0]), "a turn lies there, but the run's turn is empty",
                    advice: remove(text, from: places[0]), evidence: grounds)
            }
            if fields.status == .parked || fields.status == .paused { return }
            if fields.recorded > fields.delivered, !(fields.joins && run.openSteps > 0) {
                report(
                    .historyNotDelivered, key: keys.run(run.id),
                    "\(fields.recorded) outcomes are recorded, \(max(0, fields.delivered)) delivered, and it has no turn",
                    advice: "queue one: \(queueTurn(fields, text))", evidence: grounds)
            } else if run.openSteps == 0 {
                report(
                    .nobodyMovesRun, key: keys.run(run.id),
                    "it is \(fields.status), and it has neither a turn nor an open step",
                    advice: "queue a turn: \(queueTurn(fields, text))", evidence: grounds)
            }
            return
        }
        if places.count > 1 {
            report(
                .turnTooMany, key: keys.key(of: places[1]), "it has \(places.count) turns: \(names(places))",
                advice: remove(text, from: places[1]), evidence: grounds)
        } else if let place = places.first {
            if !isRight(place, fields) {
                report(
                    .turnMissing, key: keys.run(run.id),
                    "its turn is \"\(fields.turn)\", but the turn lies in \(keys.key(of: place))",
                    advice: "say where it is: \(keys.redisCommand("HSET", keys.run(run.id), "turn", word(for: place)))",
                    evidence: grounds)
            }
        } else {
            report(
                .turnMissing, key: keys.run(run.id), "its turn is \"\(fields.turn)\", but the turn is nowhere",
                advice: "queue it: \(queueTurn(fields, text))", evidence: grounds)
        }
    }

    /// Whether a turn may lie there: what is claimed and not yet loaded counts as queued, and so does the first one of a run that starts
    /// later.
    private func isRight(_ place: Mover.Place, _ fields: RunSnapshot.Fields) -> Bool {
        switch (place, fields.turn) {
        case (.delayed, "queue"): fields.turns == 0
        case (.queue, "queue"), (.claimed, "queue"), (.unserved, "unserved"): true
        case (.claimed(let worker, _), _): fields.turn.hasPrefix(worker + " ")
        default: false
        }
    }

    private func word(for place: Mover.Place) -> String {
        if case .unserved = place { "unserved" } else { "queue" }
    }

    private func queueTurn(_ fields: RunSnapshot.Fields, _ text: String) -> String {
        keys.redisCommand("HSET", keys.run(run.id), "turn", "queue") + " && " + queue(text, fields)
    }

    /// The command that says that a work item moves the step.
    private func rewrite(_ step: String, _ open: OpenStep?) -> String {
        let text = open.map { "\($0.kind) \($0.attempt) \($0.lost) item\($0.rest)" } ?? "run 1 0 item"
        return keys.redisCommand("HSET", keys.open(run.id), step, text)
    }

    func queue(_ workItem: String, _ fields: RunSnapshot.Fields) -> String {
        keys.redisCommand("RPUSH", keys.queue(fields.queue), workItem)
    }

    mutating func judgeSteps(_ fields: RunSnapshot.Fields) {
        // In the order of their names: a dictionary's differs in each process.
        for (step, text) in run.open.sorted(by: { $0.key < $1.key }) {
            guard let open = OpenStep(text) else {
                report(
                    .unreadableOpenStep, step: step, key: keys.open(run.id),
                    "it is \"\(text)\", not <kind> <attempt> <lost> <where>",
                    advice: "write what it should be: \(rewrite(step, nil))",
                    evidence: text)
                continue
            }
            judge(step, open, text, fields)
        }
        if let inline = run.unwrittenStep { judge(inline, .unwritten, OpenStep.unwrittenText, fields) }
        guard let text = run.open[fields.inline], OpenStep(text)?.place != "inline" else { return }
        report(
            .stepNotInline, step: fields.inline, key: keys.run(run.id),
            "the run's `inline` names it, but it is not open inline",
            advice: keys.redisCommand("HDEL", keys.run(run.id), "inline"), evidence: text)
    }

    private mutating func judge(_ step: String, _ open: OpenStep, _ text: String, _ fields: RunSnapshot.Fields) {
        let workItem = "step \(run.id) \(fields.generation) \(open.attempt) \(step)"
        let places = movers[workItem] ?? []
        obsolete -= places.count
        let grounds = "\(fields.generation) \(text)"
        judgeLimit(step, until: open.limits.values.min(), fields, grounds)
        switch open.place {
        case "item":
            if places.isEmpty {
                report(
                    .stepWithoutMover, step: step, key: keys.open(run.id),
                    "it is open at attempt \(open.attempt), and no work item moves it",
                    advice: "queue it: \(queue(workItem, fields))",
                    evidence: grounds)
            }
        case "inline":
            if fields.inline != step || fields.turn.isEmpty {
                report(
                    .stepNotInline, step: step, key: keys.open(run.id),
                    "it is open inline, but `inline` is \"\(fields.inline)\", its turn \"\(fields.turn)\"",
                    advice: "give it a work item: \(rewrite(step, open)) && \(queue(workItem, fields))"
                        + (fields.inline == step ? " && " + keys.redisCommand("HDEL", keys.run(run.id), "inline") : ""),
                    evidence: "\(grounds) \(fields.inline) \(fields.turn)")
            }
        case "held":
            if fields.status != .parked, fields.status != .paused {
                report(
                    .heldStepOfMovingRun, step: step, key: keys.open(run.id),
                    "it is held, but the run is \(fields.status)",
                    advice: "give it a work item: \(rewrite(step, open)) && \(queue(workItem, fields))",
                    evidence: "\(grounds) \(fields.status)")
            }
        case "child": judgeChild(step, open.child ?? "", fields, grounds)
        case "timer" where open.limits["wake"] != nil: break
        case "event": judgeEvent(step, open, fields, grounds)
        default:
            report(
                .unreadableOpenStep, step: step, key: keys.open(run.id),
                "its mover is said to be \"\(open.place)\", which is not a place",
                advice: "write what it should be: \(rewrite(step, nil))",
                evidence: text)
        }
        let allowed = open.place == "item" ? 1 : 0
        if places.count > allowed, let last = places.last {
            report(
                .stepWithTwoMovers, step: step, key: keys.key(of: last),
                open.place == "item"
                    ? "\(places.count) work items move it: \(names(places))"
                    : "its mover is said to be \"\(open.place)\", but a work item of it lies in \(names(places))",
                advice: remove(workItem, from: last), evidence: grounds)
        }
    }

    /// Who sends the event must find the step, in the run's mailbox and in the event's list.
    private mutating func judgeEvent(
        _ step: String, _ open: OpenStep, _ fields: RunSnapshot.Fields, _ grounds: String
    ) {
        guard let event = open.event, !run.listening.contains(step) else { return }
        let waiter = EventWaiter(queue: fields.queue, run: run.id, generation: fields.generation, step: step)
        let mail = MailWaiter(event: event.name, generation: fields.generation, number: event.number, step: step)
        report(
            .stepWithoutEvent, step: step, key: keys.mail(run.id),
            "it waits for event \"\(event.name)\", but who sends one would not find it",
            advice: keys.redisCommand("ZADD", keys.mail(run.id), "0", mail.text) + " && "
                + keys.redisCommand("ZADD", keys.event(event.name), "0", waiter.text), evidence: grounds)
    }

    /// A live child tells its parent when it has ended; an ended one has sent a message, perhaps more than one.
    private mutating func judgeChild(
        _ step: String, _ child: String, _ fields: RunSnapshot.Fields, _ grounds: String
    ) {
        let message = WorkItem.endedText(run: run.id, generation: fields.generation, child: child, step: step)
        let messages = movers[message]?.count ?? 0
        obsolete -= messages
        let state = run.children[child] ?? .init()
        let isParent = state.parent == ParentStep(run: run.id, generation: fields.generation, step: step).text
        if messages > 0 || (isParent && state.status?.isEnded == false) { return }
        let why =
            state.status.map { isParent ? "which is \($0)" : "which is \($0) and not its child" }
            ?? "which is not there"
        report(
            .stepWithoutChild, step: step, key: keys.open(run.id),
            "it waits for run \(child), \(why), and no message of its end is anywhere",
            advice: "queue one: \(queue(message, fields))",
            evidence: "\(grounds) \(state.status?.rawValue ?? "") \(state.parent ?? "")")
    }

    func remove(_ text: String, from place: Mover.Place) -> String {
        if case .delayed(let queue) = place { return keys.redisCommand("ZREM", keys.delayed, "\(queue) \(text)") }
        return keys.redisCommand(
            "LREM", keys.key(of: place), "1", found.first { $0.text == text && $0.place == place }?.item ?? text)
    }

    mutating func judgeDeadline(_ fields: RunSnapshot.Fields) {
        judgeLimit(nil, until: fields.deadline, fields, "\(fields.generation)")
    }

    /// Of a step, or of the run: what has to be done until a time has one entry in `delayed` that tells when it is.
    private mutating func judgeLimit(
        _ step: String?, until time: Int?, _ fields: RunSnapshot.Fields, _ grounds: String
    ) {
        guard let time else { return }
        let limit = TimeLimit(queue: fields.queue, run: run.id, generation: fields.generation, step: step)
        if movers[limit.text]?.isEmpty == false {
            obsolete -= 1
            return
        }
        report(
            .limitNotKept, step: step, key: keys.delayed,
            "it has to be done until \(time), but nothing there will tell",
            advice: keys.redisCommand("ZADD", keys.delayed, String(time), limit.entry), evidence: grounds)
    }

    /// Whatever moves this life of the run has the run's own queue: who claims it from another list goes on under that one's name.
    mutating func judgeQueue(_ fields: RunSnapshot.Fields) {
        for mover in found {
            let queue = mover.place.queueName
            guard queue != fields.queue else { continue }
            let limit = TimeLimit("\(queue) \(mover.text)")
            guard (limit?.generation ?? WorkItem(mover.text)?.ownGeneration) == fields.generation else { continue }
            var advice = remove(mover.text, from: mover.place)
            if limit == nil {
                advice += " && " + self.queue(mover.text, fields)
            } else if let time = time(of: limit?.step, fields) {
                let own = TimeLimit(queue: fields.queue, run: run.id, generation: fields.generation, step: limit?.step)
                advice += " && " + keys.redisCommand("ZADD", keys.delayed, String(time), own.entry)
            }
            report(
                .inOtherQueue, key: keys.key(of: mover.place),
                "\"\(mover.text)\" is there for queue \"\(queue)\", but the run's queue is \"\(fields.queue)\"",
                advice: advice, evidence: "\(fields.generation) \(queue) \(mover.text)")
        }
    }

    /// Until when a step, or the run, has to be done.
    private func time(of step: String?, _ fields: RunSnapshot.Fields) -> Int? {
        guard let step else { return fields.deadline }
        return run.open[step].flatMap { OpenStep($0) }?.limits.values.min()
    }

    mutating func judgeJoin() {
        if Int(run.join ?? "0") == run.openSteps { return }
        report(
            .joinDiffers, key: keys.join(run.id),
            "the join counter is \(run.join ?? "missing"), and \(run.openSteps) steps are open",
            advice: keys.redisCommand("SET", keys.join(run.id), String(run.openSteps)),
            evidence: "\(run.join ?? "") \(run.openSteps)")
    }

    mutating func judgeReason(_ fields: RunSnapshot.Fields) {
        guard [.parked, .paused, .noWorker].contains(fields.status), fields.reason?.isEmpty ?? true else { return }
        report(
            .waitsWithoutReason, key: keys.run(run.id), "it is \(fields.status) and has no reason",
            advice: fields.status != .noWorker
                ? keys.command("resume \(run.id.shellWord)")
                : "start a worker that has workflow \"\(fields.workflow)\"")
    }
}
