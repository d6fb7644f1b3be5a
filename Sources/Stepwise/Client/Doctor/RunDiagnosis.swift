/// Judges one run by what was seen of it: rule 1 (conservation) and the agreement of its keys. A value: a snapshot and the
/// invocations go in, violations come out.
package struct RunDiagnosis: Sendable {
    package private(set) var violations: [Violation] = []
    /// Invocations that nobody waits for any more; who claims one drops it.
    package private(set) var stale = 0

    private let keys: Keys
    private let run: RunSnapshot
    private let movers: [String: [Mover.Place]]
    private let served: Set<String>

    /// - Parameters:
    ///   - movers: the invocations of this run that were found, wherever they are.
    ///   - served: the workflows of the workers that are alive; what is unserved of these is taken up at their next beat.
    package init(_ run: RunSnapshot, movers: [Mover], served: Set<String>, keys: Keys) {
        self.keys = keys
        self.run = run
        self.served = served
        self.movers = Dictionary(grouping: movers, by: \.text).mapValues { $0.map(\.place) }
        stale = movers.count
        judge()
    }

    private mutating func judge() {
        judgeLists()
        guard let fields = run.fields else { return judgeLeftovers() }
        guard RunStatus.all.contains(fields.status) else {
            report(
                .unknownStatus, key: keys.run(run.id), "its status is \"\(fields.status)\", which the contract does not know",
                advice: "look at it: \(redisCommand("HGETALL", keys.run(run.id)))", evidence: fields.status.rawValue)
            return
        }
        judgeOutcomes(fields)
        if fields.status.isEnded {
            judgeEnded(fields)
        } else {
            judgeJoin()
            judgeCarry(fields)
            judgeSteps(fields)
            judgeReason(fields)
        }
    }

    // MARK: What a live run must have

    private mutating func judgeCarry(_ fields: RunSnapshot.Fields) {
        let text = Invocation.carryText(run: run.id, generation: fields.generation)
        let places = movers[text] ?? []
        stale -= places.count
        let grounds = "\(fields.carrier) \(fields.carries) \(fields.recorded)"
        if fields.carrier.isEmpty {
            if !places.isEmpty {
                report(
                    .carryTooMany, key: keys.key(of: places[0]), "a carry lies there, but the run's carrier is empty",
                    advice: redisCommand("LREM", keys.key(of: places[0]), "1", text), evidence: grounds)
            }
            if fields.status == .parked { return }
            if fields.recorded > fields.carried {
                report(
                    .historyNotCarried, key: keys.run(run.id),
                    "\(fields.recorded) outcomes are recorded, the function was carried over \(max(0, fields.carried)), and the run has no carry",
                    advice: "queue one: \(queueCarry(fields, text))", evidence: grounds)
            } else if run.openCount == 0 {
                report(
                    .nobodyMovesRun, key: keys.run(run.id), "it is \(fields.status), and it has neither a carry nor an open step",
                    advice: "queue a carry: \(queueCarry(fields, text))", evidence: grounds)
            }
            return
        }
        if places.count > 1 {
            report(
                .carryTooMany, key: keys.key(of: places[1]), "it has \(places.count) carries: \(names(places))",
                advice: redisCommand("LREM", keys.key(of: places[1]), "1", text), evidence: grounds)
        } else if let place = places.first {
            if !isRight(place, for: fields.carrier) {
                report(
                    .carryMissing, key: keys.run(run.id),
                    "its carrier is \"\(fields.carrier)\", but the carry lies in \(keys.key(of: place))",
                    advice: "say where it is: \(redisCommand("HSET", keys.run(run.id), "carrier", word(for: place)))", evidence: grounds)
            }
        } else {
            report(
                .carryMissing, key: keys.run(run.id), "its carrier is \"\(fields.carrier)\", but the carry is nowhere",
                advice: "queue it: \(queueCarry(fields, text))", evidence: grounds)
        }
    }

    /// Whether a carry may lie there: what is claimed and not yet loaded counts as queued.
    private func isRight(_ place: Mover.Place, for carrier: String) -> Bool {
        switch (place, carrier) {
        case (.queue, "queue"), (.claimed, "queue"), (.unserved, "unserved"): true
        case (.claimed(let worker, _), _): carrier.hasPrefix(worker + " ")
        default: false
        }
    }

    private func word(for place: Mover.Place) -> String {
        if case .unserved = place { "unserved" } else { "queue" }
    }

    private func queueCarry(_ fields: RunSnapshot.Fields, _ text: String) -> String {
        redisCommand("HSET", keys.run(run.id), "carrier", "queue") + " && "
            + redisCommand("RPUSH", keys.queue(fields.queue), text)
    }

    private mutating func judgeSteps(_ fields: RunSnapshot.Fields) {
        // In the order of their names: a dictionary's differs in each process.
        for (step, text) in run.open.sorted(by: { $0.key < $1.key }) {
            guard let open = OpenStep(text) else {
                report(
                    .unreadableOpenStep, step: step, key: keys.open(run.id), "it is \"\(text)\", not <kind> <attempt> <lost> <where>",
                    advice: "write what it should be: \(redisCommand("HSET", keys.open(run.id), step, "run 1 0 invocation"))", evidence: text)
                continue
            }
            judge(step, open, text, fields)
        }
        guard !fields.own.isEmpty, run.open.count == run.openCount,
            run.open[fields.own].flatMap({ OpenStep($0) })?.place != "carry"
        else { return }
        report(
            .stepNotUnderCarry, step: fields.own, key: keys.run(run.id), "the run's `own` names it, but it is not open under the carry",
            advice: redisCommand("HDEL", keys.run(run.id), "own"), evidence: run.open[fields.own] ?? "")
    }

    private mutating func judge(_ step: String, _ open: OpenStep, _ text: String, _ fields: RunSnapshot.Fields) {
        let invocation = "step \(run.id) \(fields.generation) \(open.attempt) \(step)"
        let places = movers[invocation] ?? []
        stale -= places.count
        let grounds = "\(fields.generation) \(text)"
        switch open.place {
        case "invocation":
            if places.isEmpty {
                report(
                    .stepWithoutMover, step: step, key: keys.open(run.id), "it is open at attempt \(open.attempt), and no invocation moves it",
                    advice: "queue it: \(redisCommand("RPUSH", keys.queue(fields.queue), invocation))", evidence: grounds)
            }
        case "carry":
            if fields.own != step || fields.carrier.isEmpty {
                report(
                    .stepNotUnderCarry, step: step, key: keys.open(run.id),
                    "it is open under the carry, but the run's `own` is \"\(fields.own)\" and its carrier \"\(fields.carrier)\"",
                    advice: "give it an invocation: "
                        + redisCommand("HSET", keys.open(run.id), step, "\(open.kind) \(open.attempt) \(open.lost) invocation") + " && "
                        + redisCommand("RPUSH", keys.queue(fields.queue), invocation),
                    evidence: "\(grounds) \(fields.own) \(fields.carrier)")
            }
        case "parked":
            if fields.status != .parked {
                report(
                    .parkedStepOfMovingRun, step: step, key: keys.open(run.id), "it is parked, but the run is \(fields.status)",
                    advice: "give it an invocation: "
                        + redisCommand("HSET", keys.open(run.id), step, "\(open.kind) \(open.attempt) \(open.lost) invocation") + " && "
                        + redisCommand("RPUSH", keys.queue(fields.queue), invocation),
                    evidence: "\(grounds) \(fields.status)")
            }
        default:
            report(
                .unreadableOpenStep, step: step, key: keys.open(run.id), "its mover is said to be \"\(open.place)\", which is no place",
                advice: "write what it should be: \(redisCommand("HSET", keys.open(run.id), step, "run 1 0 invocation"))", evidence: text)
        }
        let allowed = open.place == "invocation" ? 1 : 0
        if places.count > allowed, let last = places.last {
            report(
                .stepWithTwoMovers, step: step, key: keys.key(of: last),
                open.place == "invocation"
                    ? "\(places.count) invocations move it: \(names(places))"
                    : "its mover is said to be \"\(open.place)\", but an invocation of it lies in \(names(places))",
                advice: remove(invocation, from: last), evidence: grounds)
        }
    }

    private func remove(_ text: String, from place: Mover.Place) -> String {
        if case .delayed(let queue) = place { return redisCommand("ZREM", keys.delayed, "\(queue) \(text)") }
        return redisCommand("LREM", keys.key(of: place), "1", text)
    }

    private mutating func judgeJoin() {
        if Int(run.join ?? "0") == run.openCount { return }
        report(
            .joinDiffers, key: keys.join(run.id), "the join counter is \(run.join ?? "missing"), and \(run.openCount) steps are open",
            advice: redisCommand("SET", keys.join(run.id), String(run.openCount)), evidence: "\(run.join ?? "") \(run.openCount)")
    }

    private mutating func judgeReason(_ fields: RunSnapshot.Fields) {
        guard fields.status == .parked || fields.status == .unserved, fields.reason?.isEmpty ?? true else { return }
        report(
            .waitsWithoutReason, key: keys.run(run.id), "it is \(fields.status) and has no reason",
            advice: fields.status == .parked ? "stepwise resume \(run.id)" : "start a worker that has workflow \"\(fields.workflow)\"")
    }

    // MARK: What every run must have

    private mutating func judgeOutcomes(_ fields: RunSnapshot.Fields) {
        let key = keys.steps(run.id)
        if fields.recorded != run.outcomeCount {
            report(
                .recordedDiffers, key: key, "\(fields.recorded) outcomes are recorded by the run, and \(run.outcomeCount) are stored",
                advice: "if Redis lost writes, restore both keys from the same backup",
                evidence: "\(fields.recorded) \(run.outcomeCount)")
        }
        var numbers: [String: Int] = [:]
        for (index, step) in run.outcomes.enumerated() {
            guard let step else {
                report(
                    .outcomeMissing, key: key, "outcome number \(index + 1) is missing or cannot be read",
                    advice: "look at it: \(redisCommand("HGET", key, String(index + 1)))", evidence: "\(index + 1)")
                continue
            }
            if let first = numbers.updateValue(index + 1, forKey: step) {
                report(
                    .outcomeTwice, step: step, key: key, "it has two outcomes, number \(first) and number \(index + 1)",
                    advice: "look at both: \(redisCommand("HMGET", key, String(first), String(index + 1)))")
            }
        }
    }

    private mutating func judgeEnded(_ fields: RunSnapshot.Fields) {
        for (key, isThere) in [(keys.open(run.id), run.openCount > 0), (keys.join(run.id), run.join != nil)] where isThere {
            report(
                .leftoverOfEndedRun, key: key, "the run is \(fields.status), but this key is left", advice: redisCommand("DEL", key))
        }
        judgeUnserved("is \(fields.status)")
    }

    /// Of a run that is not there.
    private mutating func judgeLeftovers() {
        for (key, isThere) in [
            (keys.steps(run.id), run.outcomeCount > 0), (keys.open(run.id), run.openCount > 0), (keys.join(run.id), run.join != nil),
        ] where isThere {
            report(.leftoverWithoutRun, key: key, "there is no such run, but this key is left", advice: redisCommand("DEL", key))
        }
        judgeUnserved("does not exist")
    }

    private mutating func judgeUnserved(_ why: String) {
        for (text, places) in movers.sorted(by: { $0.key < $1.key }) {
            for case .unserved(let workflow) in places where !served.contains(workflow) {
                report(
                    .unservedOfNoLiveRun, key: keys.unserved(workflow), "\"\(text)\" waits there, but the run \(why)",
                    advice: redisCommand("LREM", keys.unserved(workflow), "1", text), evidence: text)
            }
        }
    }

    private mutating func judgeLists() {
        let status = run.fields?.status
        for other in run.listed where other != status {
            report(
                .listedWrongly, key: keys.runs(other),
                status.map { "it is listed there, but it is \($0)" } ?? "it is listed there, but there is no such run",
                advice: redisCommand("ZREM", keys.runs(other), run.id))
        }
        if let status, RunStatus.all.contains(status), !run.listed.contains(status) {
            report(
                .notListed, key: keys.runs(status), "it is \(status), but not listed there",
                advice: redisCommand("ZADD", keys.runs(status), "0", run.id))
        }
    }

    // MARK: Words

    private func names(_ places: [Mover.Place]) -> String {
        places.map(keys.key(of:)).joined(separator: ", ")
    }

    private mutating func report(
        _ kind: Violation.Kind, step: String? = nil, key: String, _ message: String, advice: String, evidence: String = ""
    ) {
        violations.append(
            Violation(kind, run: run.id, step: step, key: key, message, advice: advice, evidence: evidence))
    }
}
