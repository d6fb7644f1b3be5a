#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif
package import Stepwise

/// What the author of a workflow can do to its workers, for `.ci/attack.py`.
extension TestWorkflows {
    package var worst: [any AnyWorkflow] {
        [
            crashBody, crashFunction, deepBody, exitBody, hugeResult, hugeOutput, hugeError, hugeLetter, hungry, astray,
            deaf, wide, wideFamily, wideRace, blockedLoser, snag, endlessLoop, endlessBody, asking,
        ]
    }

    /// A step whose body traps.
    package var crashBody: Workflow<String, String> {
        Workflow("crash-body") { [ledger] context, input in
            do {
                return try await context.run(input, .retry(.never)) { (step: Step) async throws -> String in
                    try await ledger.execute(step.id, attempt: step.attempt)
                    fatalError("a body that traps")
                }
            } catch let failure as StepFailure { return "\(failure.cause)" }
        }
    }

    /// A function that traps before its first step.
    package var crashFunction: Workflow<String, String> {
        Workflow("crash-function") { (_: WorkflowContext, input: String) async throws -> String in
            fatalError("a function that traps: \(input)")
        }
    }

    /// A step whose body takes all of its thread's stack.
    package var deepBody: Workflow<String, String> {
        Workflow("deep-body") { [ledger] context, input in
            do {
                return try await context.run(input, .retry(.never)) { (step: Step) async throws -> String in
                    try await ledger.execute(step.id, attempt: step.attempt)
                    return String(descend(0))
                }
            } catch let failure as StepFailure { return "\(failure.cause)" }
        }
    }

    /// A step whose body ends the process as if all were well.
    package var exitBody: Workflow<String, String> {
        Workflow("exit-body") { [ledger] context, input in
            do {
                return try await context.run(input, .retry(.never)) { (step: Step) async throws -> String in
                    try await ledger.execute(step.id, attempt: step.attempt)
                    exit(0)
                }
            } catch let failure as StepFailure { return "\(failure.cause)" }
        }
    }

    /// A step whose result is twice as large as one may be.
    package var hugeResult: Workflow<String, String> {
        Workflow("huge-result") { context, input in
            do {
                return try await context.run(input) { () async throws -> String in
                    String(repeating: "x", count: 2 << 20)
                }
            } catch let failure as StepFailure { return "\(failure.cause)" }
        }
    }

    /// The same of the run's output.
    package var hugeOutput: Workflow<String, String> {
        Workflow("huge-output") { (_: WorkflowContext, _: String) async throws -> String in
            String(repeating: "x", count: 2 << 20)
        }
    }

    /// A step whose error says three megabytes, of characters that have three bytes each.
    package var hugeError: Workflow<String, String> {
        Workflow("huge-error") { context, input in
            do {
                return try await context.run(input, .retry(.never)) { () async throws -> String in throw Shout() }
            } catch let failure as StepFailure {
                return failure.message.utf8.count < 10_000 ? "\(failure.cause)" : "kept"
            }
        }
    }

    /// A step that sends an event which is larger than a payload may be.
    package var hugeLetter: Workflow<String, String> {
        Workflow("huge-letter") { context, _ in
            do {
                try await context.notify("letter", String(repeating: "x", count: 2 << 20), run: context.runID)
                return "sent"
            } catch let failure as StepFailure { return "\(failure.cause)" }
        }
    }

    /// A step whose body takes 64 MiB, and gives them back.
    package var hungry: Workflow<String, Int> {
        Workflow("hungry") { context, input in
            try await context.run(input) { () async throws -> Int in
                let bytes = [UInt8](repeating: 1, count: 64 << 20)
                return bytes.count
            }
        }
    }

    /// A function that waits for what is none of its steps, and does not come back.
    package var astray: Workflow<String, String> {
        Workflow("astray") { (_: WorkflowContext, input: String) async throws -> String in
            _ = await Task.detached { try? await Task.sleep(for: .seconds(3600)) }.value
            return input
        }
    }

    /// A step whose body does not listen to its cancellation: it goes on for five seconds.
    package var deaf: Workflow<String, String> {
        Workflow("deaf") { [ledger] context, input in
            try await context.run(input) { (step: Step) async throws -> String in
                try await ledger.execute(step.id, attempt: step.attempt)
                _ = await Task.detached { try? await Task.sleep(for: .seconds(5)) }.value
                return input
            }
        }
    }

    /// As many steps beside each other as the input says.
    package var wide: Workflow<Int, Int> {
        Workflow("wide") { context, count in
            let parts = try await context.map(Array(0..<count), "part") { (index: Int, _: Step) async throws -> Int in
                index
            }
            return parts.reduce(0, +)
        }
    }

    /// As many children beside each other as the input says.
    package var wideFamily: Workflow<Int, Int> {
        Workflow("wide-family") { context, count in
            try await withThrowingTaskGroup(of: String.self) { group in
                for index in 0..<count {
                    group.addTask { try await context.invoke(leaf, "leaf-\(index)", name: "child-\(index)") }
                }
                var ends = 0
                while try await group.next() != nil { ends += 1 }
                return ends
            }
        }
    }

    /// A step that wins a race against as many sleeps as the input says.
    package var wideRace: Workflow<Int, String> {
        Workflow("wide-race") { context, count in
            try await withThrowingTaskGroup(of: String.self) { group in
                group.addTask { try await context.run("fast") { () async throws -> String in "FAST" } }
                for index in 0..<count {
                    group.addTask {
                        try await context.sleep(for: .seconds(3600), name: "sleep-\(index)")
                        return "SLOW"
                    }
                }
                defer { group.cancelAll() }
                return try await group.next() ?? ""
            }
        }
    }

    /// A race whose loser, a step called as the run is, blocks its thread until the test lets it go on.
    package var blockedLoser: Workflow<String, String> {
        Workflow("blocked-loser") { [ledger] context, input in
            let winner = try await withThrowingTaskGroup(of: String.self) { group in
                group.addTask { try await context.run("fast") { () async throws -> String in "FAST" } }
                group.addTask {
                    try await context.run(input, .blocking) { (step: Step) async throws -> String in
                        ledger.block(step.id, attempt: step.attempt)
                        return "SLOW"
                    }
                }
                defer { group.cancelAll() }
                return try await group.next() ?? ""
            }
            return winner
        }
    }

    /// Forty steps of one name, so quick that their bodies begin on the worker's own thread; the last one's blocks it until the test lets it go on.
    package var snag: Workflow<String, String> {
        Workflow("snag") { [ledger] context, input in
            for index in 1...40 {
                try await context.run("tick") { (step: Step) async throws -> Void in
                    if index < 40 {
                        ledger.executeQuickly(step.id, attempt: step.attempt)
                    } else {
                        ledger.block(input, attempt: step.attempt)
                    }
                }
            }
            return input
        }
    }

    /// A function that does not come back after its first step, called as the run is.
    package var endlessLoop: Workflow<String, String> {
        Workflow("endless-loop") { [ledger] context, input in
            let name = try await context.run(input) { (step: Step) async throws -> String in
                try await ledger.execute(step.id, attempt: step.attempt)
                return step.id
            }
            var spins = name.utf8.count
            ledger.noteQuickly("loop-\(name)")
            while spins >= 0 { spins = (spins &+ 1) & 0xffff }
            return String(spins)
        }
    }
    /// A step whose body does not come back, past its time limit.
    package var endlessBody: Workflow<String, String> {
        Workflow("endless-body") { [ledger] context, input in
            do {
                return try await context.run(input, .timeout(.seconds(2)), .retry(.never)) {
                    (step: Step) async throws -> String in
                    try await ledger.execute(step.id, attempt: step.attempt)
                    var spins = 0
                    while spins >= 0 { spins = (spins &+ 1) & 0xffff }
                    return String(spins)
                }
            } catch let failure as StepFailure { return "\(failure.cause)" }
        }
    }

    /// Asks somebody outside, for whom others would like to answer; then a step.
    package var asking: Workflow<String, String> {
        Workflow("asking") { [ledger] context, input in
            let question = try await context.callback("approved", as: String.self)
            let answer = try await question.value()
            let after = try await context.run("after") { (step: Step) async throws -> String in
                try await ledger.execute(step.id, attempt: step.attempt)
                return "AFTER"
            }
            return [input, answer, after].joined(separator: ",")
        }
    }
}

/// What an error can say of itself.
private struct Shout: Error, CustomStringConvertible {
    var description: String { String(repeating: "e\u{301}", count: 1 << 20) }
}

/// Takes stack until there is no more.
private func descend(_ depth: Int) -> Int {
    depth < 0 ? 0 : [depth].withUnsafeBufferPointer { $0.count &+ descend(depth &+ 1) }
}
