#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

extension Explanation {
    /// The most of what is told besides, and of what there is to do.
    private static let most = (also: 20, next: 8)

    /// What a picture says.
    package init(_ picture: RunPicture, keys: Keys) {
        let findings = Findings(picture, keys: keys)
        let worst = findings.all.first ?? Found(.noSuchRun, .unknown, Facts())
        self.init(
            run: picture.id, workflow: picture.run?.workflow, status: picture.run?.status, verdict: findings.verdict,
            cause: worst.cause, sentence: worst.sentence, since: Date(milliseconds: worst.since?.bounded),
            until: Date(milliseconds: worst.until?.bounded), facts: worst.facts.list, also: [], workers: [], next: [],
            evidence: [], children: [], at: Date(milliseconds: picture.now))
        also = findings.all.dropFirst().prefix(Self.most.also).map { .init(cause: $0.cause, sentence: $0.sentence) }
        workers = worst.workers
        if workers.isEmpty { workers = findings.all.first { !$0.workers.isEmpty }?.workers ?? [] }
        next = Self.next(findings.all, keys)
        evidence = Self.evidence(picture, findings.all, keys)
        children = findings.children.prefix(PictureLimits.children).compactMap { child in
            guard let found = child.found, let verdict = child.verdict else { return nil }
            return Child(
                run: child.run, step: child.step, verdict: verdict, cause: found.cause, sentence: found.sentence)
        }
    }

    /// What to do about the worst; then the commands that help with the others.
    private static func next(_ all: [Found], _ keys: Keys) -> [Action] {
        var next: [Action] = []
        for (index, found) in all.enumerated() {
            let its = found.actions + Wording.remedies(found.cause).compactMap { $0.action(found.facts, keys) }
            for var action in its where index == 0 || action.command != nil {
                if next.contains(where: { ($0.command, $0.effect) == (action.command, action.effect) }) { continue }
                action.cause = found.cause
                next.append(action)
            }
        }
        return Array(next.prefix(most.next))
    }

    // MARK: Evidence

    private static func evidence(_ picture: RunPicture, _ all: [Found], _ keys: Keys) -> [Evidence] {
        guard let run = picture.run else { return evidenceOfMissing(picture, keys) }
        var list: [Evidence] = []
        func show(_ shows: String, _ command: String) {
            if !list.contains(where: { $0.command == command }) { list.append(.init(command: command, shows: shows)) }
        }
        show(
            "how the run stands",
            keys.redisCommand(
                "HMGET", keys.run(picture.id), "status", "reason", "turn", "recorded", "delivered", "inline"))
        if picture.openCount > 0 { show("its open steps", keys.redisCommand("HGETALL", keys.open(picture.id))) }
        for found in all.prefix(5) {
            switch found.cause {
            case .inQueue, .slotsFull, .turnWaits:
                show("what is next in the queue", keys.redisCommand("LRANGE", keys.queue(run.queue), "-10", "-1"))
            case .queuePaused, .workflowPaused: show("what is paused", keys.redisCommand("HGETALL", keys.paused))
            case .noWorkerForQueue, .noWorkerForWorkflow, .noSlotThere, .dueNotMoved:
                show("the workers' last beats", keys.redisCommand("ZRANGE", keys.workers, "0", "-1", "WITHSCORES"))
                if run.status == .noWorker {
                    let list = keys.unserved(run.queue, run.workflow)
                    show("what waits for a worker that has it", keys.redisCommand("LRANGE", list, "-10", "-1"))
                }
            case .heldBySilentWorker, .heldByDeadNobodyLeft, .functionAtWork, .bodyRunning, .claimedNotBegun:
                if let worker = found.facts.raw("worker") {
                    show("that worker", keys.redisCommand("HGETALL", keys.worker(worker)))
                }
            case .backingOff, .sleeping, .startsLater, .deadlineNear:
                show("what waits for its time", keys.redisCommand("ZRANGE", keys.delayed, "0", "9", "WITHSCORES"))
            case .waitsForEvent, .waitsForCallback:
                show("what was sent to it", keys.redisCommand("ZRANGE", keys.mail(picture.id), "0", "9"))
            case .waitsForChild:
                if let child = found.facts.raw("child") {
                    show("that run", keys.redisCommand("HMGET", keys.run(child), "status", "reason", "turn"))
                }
            default: break
            }
        }
        return list
    }

    private static func evidenceOfMissing(_ picture: RunPicture, _ keys: Keys) -> [Evidence] {
        var list = [
            Evidence(command: keys.redisCommand("EXISTS", keys.run(picture.id)), shows: "that there is no such run")
        ]
        if let pushed = picture.missing?.pushed {
            let command = keys.redisCommand("LRANGE", keys.inbox(pushed.queue), "-10", "-1")
            list.append(.init(command: command, shows: "what is next in the inbox"))
        }
        if picture.missing?.rejected != nil {
            list.append(
                .init(command: keys.redisCommand("LRANGE", keys.malformed, "0", "9"), shows: "what was rejected"))
        }
        if picture.missing?.events != nil {
            let command = keys.redisCommand("ZRANGE", keys.mail(picture.id), "0", "9")
            list.append(.init(command: command, shows: "the events that wait for it"))
        }
        return list
    }
}
