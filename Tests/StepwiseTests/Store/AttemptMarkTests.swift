import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

/// A step that a worker is to begin, of which Redis notes it first.
struct MarkedStep: Sendable, CustomTestStringConvertible {
    let isInline: Bool
    let isOnce: Bool

    var testDescription: String { (isInline ? "inline" : "claimed") + (isOnce ? ", at most once" : "") }

    static let all = [
        MarkedStep(isInline: false, isOnce: false), MarkedStep(isInline: false, isOnce: true),
        MarkedStep(isInline: true, isOnce: false), MarkedStep(isInline: true, isOnce: true),
    ]
}

extension Scenarios {
    /// The note that a body begins, which is taken back with a body that does not. Both may come twice, late, and after later calls.
    @Suite("Marks of attempts") struct AttemptMarkTests {
        /// Opens the step "one" with a `claimTimeout`, and calls `body` with what the scripts are told of it.
        private func withStep(
            _ step: MarkedStep, _ body: (Scripts, [String: String]) async throws -> Void
        ) async throws {
            try await Scripts.withRun { scripts in
                var plan = [step.isInline ? "1" : "2", "0", "one", "", "claim=60000", ""]
                if !step.isInline { plan += ["1", "two", "", "", ""] }
                plan += ["0", "0", "0", "", "1000000", ""]
                let opened = try await scripts.call("advance", ["is_last": "1", "slots": "2"], plan)
                #expect(opened.first == (step.isInline ? "inline" : "released"))
                try await body(
                    scripts,
                    [
                        "step": "one", "number": step.isInline ? "1" : "", "is_once": step.isOnce ? "1" : "",
                        "text": step.isInline ? scripts.turn : "step r \(scripts.generation) 1 one",
                    ])
            }
        }

        /// The open step's text, and its entry in `delayed`.
        private func state(_ scripts: Scripts) async throws -> [String] {
            let open = try await scripts.redis.send(["HGET", .init(Scripts.prefix + "open:r"), "one"]).string ?? ""
            let delayed = try await scripts.redis.send(["ZRANGE", .init(Scripts.prefix + "delayed"), "0", "-1"])
            return [open] + (delayed.array?.compactMap(\.string) ?? [])
        }

        @Test(.rule(6), arguments: MarkedStep.all)
        func `A note that a body begins, sent again, has the same answer, and all of it is taken back`(
            _ step: MarkedStep
        ) async throws {
            try await withStep(step) { scripts, arguments in
                let call = arguments.merging(["token": "w/5"]) { $1 }
                let before = try await state(scripts)
                #expect(before.count == 2 && before[0].contains(" claim="))
                let first = try await scripts.call("mark_attempt", call)
                let begun = try await state(scripts)
                #expect(first == ["begun"] && begun.count == 1 && !begun[0].contains(" claim="))
                let second = try await scripts.call("mark_attempt", call)
                let again = try await state(scripts)
                #expect(second == first && again == begun)
                let waits = try await scripts.call("unmark_attempt", call)
                let after = try await state(scripts)
                #expect(waits == ["waits"] && after.count == 2 && after[1] == before[1])
                let (limit, itsLimit) = (after[0].drop { $0 != " " }, before[0].drop { $0 != " " })
                #expect(limit == itsLimit)
            }
        }

        @Test(.rule(6), arguments: MarkedStep.all)
        func `A late copy of such a note, or of the call that took it back, changes nothing`(_ step: MarkedStep)
            async throws
        {
            let calls: [(script: String, token: String, reply: String, isLate: Bool)] = [
                ("mark_attempt", "w/5", "begun", false),
                ("unmark_attempt", "w/5", "waits", false),
                ("mark_attempt", "w/5", "stale", true),
                ("unmark_attempt", "w/5", "waits", true),
                ("mark_attempt", "w/16", "begun", false),
                ("mark_attempt", "w/5", "stale", true),
                ("unmark_attempt", "w/5", "begun", true),
                ("unmark_attempt", "w/16", "waits", false),
                ("mark_attempt", "w/5", "stale", true),
                ("mark_attempt", "w/16", "stale", true),
                ("unmark_attempt", "w/5", "waits", true),
                ("mark_attempt", "w/17", "begun", false),
            ]
            try await withStep(step) { scripts, arguments in
                for call in calls {
                    let before = try await state(scripts)
                    let reply = try await scripts.call(call.script, arguments.merging(["token": call.token]) { $1 })
                    let after = try await state(scripts)
                    #expect(reply == [call.reply] && (before == after) == call.isLate, "\(call.script) \(call.token)")
                }
                let failed = try await scripts.call(
                    "retry", arguments.merging(["delay": "1000", "failure": "{}", "took": "1"]) { $1 })
                #expect(failed == ["delayed"])
                let before = try await state(scripts)
                #expect(before[0].hasPrefix("run 2 0 item "))
                for script in ["mark_attempt", "unmark_attempt"] {
                    let reply = try await scripts.call(script, arguments.merging(["token": "w/17"]) { $1 })
                    let after = try await state(scripts)
                    #expect(reply == ["stale"] && after == before, "\(script) of an attempt that has ended")
                }
            }
        }
    }
}
