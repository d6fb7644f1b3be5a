import Foundation
import Stepwise
import StepwiseRedis
import TestSupport
import Testing

/// How scenarios ask why a run does not move, and do what is advised.
extension Fixture {
    /// Asks until a cause is the worst one; expects that everything is said as the guide says it, and that the workers add up.
    @discardableResult
    func told(
        _ cause: Explanation.Cause, _ id: String, _ verdict: Explanation.Verdict? = nil,
        sourceLocation: SourceLocation = #_sourceLocation, when isWhole: (Explanation) -> Bool = { _ in true }
    ) async throws -> Explanation {
        let explanation = try await asked(id, sourceLocation) { now in
            now.cause == cause && (verdict == nil || now.verdict == verdict) && isWhole(now)
        }
        try ExplainGuide().expect(explanation, sourceLocation: sourceLocation)
        try await expectSums(explanation, sourceLocation: sourceLocation)
        return explanation
    }

    /// The same of a cause that is told besides.
    @discardableResult
    func besides(
        _ cause: Explanation.Cause, _ id: String, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> Explanation {
        let explanation = try await asked(id, sourceLocation) { now in now.also.contains { $0.cause == cause } }
        try ExplainGuide().expect(explanation, sourceLocation: sourceLocation)
        return explanation
    }

    private func asked(
        _ id: String, _ sourceLocation: SourceLocation, until isSo: (Explanation) -> Bool
    ) async throws -> Explanation {
        var last: Explanation?
        let isTold = try await comesTrue {
            let now = try await client.explain(id)
            last = now
            return isSo(now)
        }
        let explanation = try #require(last, sourceLocation: sourceLocation)
        if !isTold {
            Issue.record(
                "it says \(explanation.cause): \(explanation.line); \(explanation.also.map(\.sentence))",
                sourceLocation: sourceLocation)
        }
        return explanation
    }

    /// Has the command line asked until Redis keeps everything from being read, for this cause.
    func unread(
        _ cause: Explanation.Cause, _ id: String, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        var last: CommandEnd?
        let isTold = try await comesTrue {
            let end = try await stepwise("explain", id, "--json", "--timeout", "1s")
            last = end
            return (try? document(end.output))?["cause"] as? String == cause.rawValue
        }
        let end = try #require(last, sourceLocation: sourceLocation)
        #expect(isTold && end.code == 2, "\(end)", sourceLocation: sourceLocation)
        let said = try document(end.output)
        let sentence = said["sentence"] as? String ?? ""
        let guide = try ExplainGuide()
        guide.expect(cause, sentence, said["facts"] as? [String: String] ?? [:], sourceLocation: sourceLocation)
        let next = said["next"] as? [[String: Any]] ?? []
        let effects = next.compactMap { $0["effect"] as? String }
        #expect(!effects.isEmpty, sourceLocation: sourceLocation)
        for effect in effects {
            #expect(guide.isRemedy(effect, of: cause), "\(effect)", sourceLocation: sourceLocation)
        }
    }

    // MARK: Sums

    /// Expects that the workers that are told one by one are those that are registered, and as many as the sentence says.
    private func expectSums(_ explanation: Explanation, sourceLocation: SourceLocation) async throws {
        let workers = explanation.workers
        if workers.isEmpty { return }
        func number(_ fact: String) -> Int? { explanation.fact(fact).flatMap { Int($0) } }
        // A worker may come or go between what is asked.
        let isWhole = try await comesTrue {
            let now = try await client.explain(explanation.run)
            let registered = try await send("ZCOUNT ~workers 1 +inf").integer
            return now.workers.isEmpty || now.fact("looked") != nil || now.workers.count == registered
        }
        #expect(isWhole, "\(workers)", sourceLocation: sourceLocation)
        let able = workers.count { $0.can }
        if let told = number("able") { #expect(told == able, "\(workers)", sourceLocation: sourceLocation) }
        switch explanation.cause {
        case .noWorkerForWorkflow:
            let sums = (explanation.fact("sums") ?? "").components(separatedBy: ", ")
                .compactMap { Int($0.prefix { $0 != " " }) }
            #expect(able == 0 && number("workers") == workers.count, sourceLocation: sourceLocation)
            #expect(sums.reduce(0, +) == workers.count, "\(sums)", sourceLocation: sourceLocation)
        case .noWorkerForQueue:
            let sum = (number("alive") ?? 0) + (number("silent") ?? 0)
            #expect(able == 0 && sum == workers.count, sourceLocation: sourceLocation)
        default: break
        }
    }

    // MARK: What is advised

    /// Executes a command that is advised, as a person would paste it, and those that show the facts.
    ///
    /// - Parameters:
    ///   - start: how the command begins; the first one if it is empty.
    ///   - code: with which it exits.
    func obey(
        _ explanation: Explanation, _ start: String = "", code: Int32 = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let advised = explanation.next.compactMap(\.command).first { start.isEmpty || $0.hasPrefix(start) }
        let command = try #require(advised, "\(explanation.next)", sourceLocation: sourceLocation)
        let end = try await shell("stepwise() { \"$STEPWISE\" \"$@\"; }; \(command)")
        #expect(end.code == code, "\(command): \(end)", sourceLocation: sourceLocation)
        for evidence in explanation.evidence {
            let shown = try await shell(evidence.command)
            #expect(
                shown.code == 0 && !shown.output.contains("ERR"), "\(evidence.command): \(shown)",
                sourceLocation: sourceLocation)
        }
    }

    /// Expects that nothing is advised but to wait.
    func expectNothingToDo(_ explanation: Explanation, sourceLocation: SourceLocation = #_sourceLocation) {
        let first = explanation.next.first
        #expect(
            first?.command == nil && first?.effect.hasPrefix("nothing: ") == true, "\(explanation.next)",
            sourceLocation: sourceLocation)
    }

    /// A worker's entry, as one that beats for an hour would have it: so something stays in its queue.
    func plantWorker(of workflow: String, slots: Int = 5) async throws {
        let time = try await client.redisTime()
        try await send("HSET ~worker:w-1-a state alive host vm-1 queues default lease 10000 maximumWorkerLosses 3")
        try await send("HSET ~worker:w-1-a concurrency \(slots) free \(slots) workflows", workflow)
        try await send("ZADD ~workers \(time + 3_600_000) w-1-a")
    }
}
