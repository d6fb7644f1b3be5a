/// Judges one run by what was seen of it: rule 1 (conservation) and the agreement of its keys.
///
/// A value: a snapshot and the work items go in, violations come out.
package struct RunDiagnosis: Sendable {
    package private(set) var violations: [Violation] = []
    /// Work items that nobody waits for any more; who claims one drops it.
    package internal(set) var obsolete = 0

    let keys: Keys
    let run: RunSnapshot
    let movers: [String: [Mover.Place]]
    let found: [Mover]
    let served: Set<String>
    let unfit: [String]

    /// - Parameters:
    ///   - movers: the work items of this run that were found, wherever they are.
    ///   - served: the workflows of the living workers; what is unserved of these is taken up at their next beat.
    ///   - unfit: the workflows in whose `unfit:<workflow>` the run stands.
    package init(
        _ run: RunSnapshot, movers: [Mover], served: Set<String>, unfit: [String] = [], keys: Keys
    ) {
        self.unfit = unfit
        self.keys = keys
        self.run = run
        self.served = served
        found = movers
        self.movers = Dictionary(grouping: movers, by: \.text).mapValues { $0.map(\.place) }
        obsolete = movers.count
        judge()
    }

    private mutating func judge() {
        judgeLists()
        judgeUnfit()
        guard let fields = run.fields else { return judgeLeftovers() }
        guard RunStatus.all.contains(fields.status) else {
            report(
                .unknownStatus, key: keys.run(run.id),
                "its status is \"\(fields.status)\", which the contract does not know",
                advice: "look at it: \(keys.redisCommand("HGETALL", keys.run(run.id)))",
                evidence: fields.status.rawValue)
            return
        }
        judgeOutcomes(fields)
        judgeDecision(fields)
        if fields.status.isEnded {
            judgeEnded(fields)
        } else if fields.status == .ending {
            judgeEnding(fields)
        } else {
            judgeJoin()
            judgeTurn(fields)
            judgeSteps(fields)
            judgeReason(fields)
            judgeDeadline(fields)
            judgeQueue(fields)
        }
    }

    // MARK: What every run must have

    private mutating func judgeOutcomes(_ fields: RunSnapshot.Fields) {
        let key = keys.steps(run.id)
        if fields.recorded != run.outcomeCount {
            report(
                .recordedDiffers, key: key,
                "\(fields.recorded) outcomes are recorded by the run, and \(run.outcomeCount) are stored",
                advice: "if Redis lost writes, restore both keys from the same backup",
                evidence: "\(fields.recorded) \(run.outcomeCount)")
        }
        var numbers: [String: Int] = [:]
        for (index, step) in run.outcomes.enumerated() {
            guard let step else {
                report(
                    .outcomeMissing, key: key, "outcome number \(index + 1) is missing or cannot be read",
                    advice: "look at it: \(keys.redisCommand("HGET", key, String(index + 1)))", evidence: "\(index + 1)"
                )
                continue
            }
            // A request to cancel the run, or the end of its time, is not a step's.
            if step.isEmpty { continue }
            if let first = numbers.updateValue(index + 1, forKey: step) {
                report(
                    .outcomeTwice, step: step, key: key, "it has two outcomes, number \(first) and number \(index + 1)",
                    advice: "look at both: \(keys.redisCommand("HMGET", key, String(first), String(index + 1)))")
            }
        }
    }

    private mutating func judgeEnded(_ fields: RunSnapshot.Fields) {
        for (key, isThere) in [(keys.open(run.id), run.openCount > 0), (keys.join(run.id), run.join != nil)]
        where isThere {
            report(
                .leftoverOfEndedRun, key: key, "the run is \(fields.status), but this key is left",
                advice: keys.redisCommand("DEL", key))
        }
        judgeUnserved("is \(fields.status)")
    }

    /// Of a run that is not there.
    private mutating func judgeLeftovers() {
        for (key, isThere) in [
            (keys.steps(run.id), run.outcomeCount > 0), (keys.open(run.id), run.openCount > 0),
            (keys.join(run.id), run.join != nil),
        ] where isThere {
            report(
                .leftoverWithoutRun, key: key, "there is no such run, but this key is left",
                advice: keys.redisCommand("DEL", key))
        }
        judgeUnserved("does not exist")
    }

    private mutating func judgeUnfit() {
        for workflow in Set(unfit).sorted() where run.fields?.status != .parked || run.fields?.workflow != workflow {
            let why =
                run.fields.map { "it is \($0.status) and of workflow \"\($0.workflow)\"" } ?? "there is no such run"
            report(
                .unfitOfNoParkedRun, key: keys.unfit(workflow), "it waits there for another version, but \(why)",
                advice: keys.redisCommand("HDEL", keys.unfit(workflow), run.id))
        }
    }

    private mutating func judgeUnserved(_ why: String) {
        for (text, places) in movers.sorted(by: { $0.key < $1.key }) {
            for case .unserved(let list) in places where !served.contains(list.workflow) {
                let key = keys.unserved(list.queue, list.workflow)
                report(
                    .unservedOfNoLiveRun, key: key, "\"\(text)\" waits there, but the run \(why)",
                    advice: keys.redisCommand("LREM", key, "1", text), evidence: text)
            }
        }
    }

    private mutating func judgeLists() {
        let status = run.fields?.status
        for other in run.listed where other != status {
            report(
                .listedWrongly, key: keys.runs(other),
                status.map { "it is listed there, but it is \($0)" } ?? "it is listed there, but there is no such run",
                advice: keys.redisCommand("ZREM", keys.runs(other), run.id))
        }
        if let status, RunStatus.all.contains(status), !run.listed.contains(status) {
            report(
                .notListed, key: keys.runs(status), "it is \(status), but not listed there",
                advice: keys.redisCommand("ZADD", keys.runs(status), "0", run.id))
        }
        let isFailed = status == .failed
        if run.isDead == true, !isFailed {
            report(
                .listedWrongly, key: keys.dead,
                status.map { "it is listed there, but it is \($0)" } ?? "it is listed there, but there is no such run",
                advice: keys.redisCommand("ZREM", keys.dead, run.id))
        }
        if isFailed, run.isDead == false, run.fields?.restarted == nil {
            report(
                .notListed, key: keys.dead, "it is failed and was not restarted, but not listed there",
                advice: keys.redisCommand("ZADD", keys.dead, "0", run.id))
        }
    }

    // MARK: Words

    func names(_ places: [Mover.Place]) -> String {
        places.map(keys.key(of:)).joined(separator: ", ")
    }

    mutating func report(
        _ kind: Violation.Kind, step: String? = nil, key: String, _ message: String, advice: String,
        evidence: String = ""
    ) {
        violations.append(
            Violation(kind, run: run.id, step: step, key: key, message, advice: advice, evidence: evidence))
    }
}
