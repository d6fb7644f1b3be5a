/// What a run must have whose end is decided and is written in pages: one mover, and no turn.
extension RunDiagnosis {
    /// What an ending run may end as: a status, or the next generation of a run that begins anew.
    private static let decisions: Set<String> = ["completed", "failed", "cancelled", "continued"]

    /// Its open steps need no movers: their work items are obsolete, and its mover withdraws them.
    mutating func judgeEnding(_ fields: RunSnapshot.Fields) {
        judgeMover(fields)
        let leftovers = [("turn", fields.turn), ("inline", fields.inline)].filter { !$0.1.isEmpty }
        for (field, text) in leftovers {
            report(
                .leftoverOfEndingRun, key: keys.run(run.id), "it is ending, but its `\(field)` is \"\(text)\"",
                advice: keys.redisCommand("HSET", keys.run(run.id), field, ""), evidence: "\(fields.generation) \(text)"
            )
        }
        if let join = run.join {
            report(
                .leftoverOfEndingRun, key: keys.join(run.id), "the run is ending, but this key is left",
                advice: keys.redisCommand("DEL", keys.join(run.id)), evidence: "\(fields.generation) \(join)")
        }
        // Between two generations its time goes on.
        if fields.ending == "continued" { judgeDeadline(fields) }
    }

    private mutating func judgeMover(_ fields: RunSnapshot.Fields) {
        let text = "end \(run.id) \(fields.generation)"
        let places = movers[text] ?? []
        obsolete -= places.count
        // A page changes the number of open steps: then somebody is at work.
        let grounds = "\(fields.generation) \(fields.ending ?? "") \(run.openCount)"
        for place in places where place.queueName != fields.queue || place.isUnserved {
            report(
                .inOtherQueue, key: keys.key(of: place),
                "\"\(text)\" is in \(keys.key(of: place)), but the run's queue is \"\(fields.queue)\"",
                advice: "\(remove(text, from: place)) && \(queue(text, fields))", evidence: grounds)
        }
        if places.isEmpty {
            report(
                .endingWithoutMover, key: keys.run(run.id),
                "its end is decided (\(fields.ending ?? "")), \(run.openCount) steps are still open, and no work item ends them",
                advice: "queue it: \(queue(text, fields))", evidence: grounds)
        } else if places.count > 1, let last = places.last {
            report(
                .endingWithTwoMovers, key: keys.key(of: last), "\(places.count) work items end it: \(names(places))",
                advice: remove(text, from: last), evidence: grounds)
        }
    }

    /// `ending` says how an ending run ends, and only of such a run.
    mutating func judgeDecision(_ fields: RunSnapshot.Fields) {
        if fields.status == .ending {
            if Self.decisions.contains(fields.ending ?? "") { return }
            report(
                .unknownStatus, key: keys.run(run.id),
                "it is to end as \"\(fields.ending ?? "")\", which the contract does not know",
                advice:
                    "write what it should be, such as: \(keys.redisCommand("HSET", keys.run(run.id), "ending", "failed"))",
                evidence: fields.ending ?? "")
        } else if let ending = fields.ending {
            report(
                .endingOfNoEndingRun, key: keys.run(run.id),
                "its `ending` is \"\(ending)\", but it is \(fields.status)",
                advice: keys.redisCommand("HDEL", keys.run(run.id), "ending"), evidence: "\(fields.status) \(ending)")
        }
    }
}
