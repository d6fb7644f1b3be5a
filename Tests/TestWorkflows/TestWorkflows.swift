#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif
package import Stepwise

/// An error of a test workflow's body.
package struct Declined: Error, CustomStringConvertible {
    package var description: String { "the card was declined" }
}

/// The workflows that worker processes execute in tests. Their bodies write to a ledger.
package struct TestWorkflows: Sendable {
    package let ledger: Ledger

    package init(ledger: Ledger) {
        self.ledger = ledger
    }

    package var all: [any AnyWorkflow] {
        [
            sequential, branches, race, failing, fanOut, mapped, retrying, once, patient, poison, fatal, tidying, leaf,
            refusing,
            waiting, family, guardian, stubborn, dreamer, renewing, brisk, blocking, apart, late, hog, nap, crowd,
        ]
    }

    private func step(_ context: WorkflowContext, _ name: String) async throws -> String {
        try await context.run(name) { step in
            try await ledger.execute(step.id, attempt: step.attempt)
            return name.uppercased()
        }
    }

    /// Three steps, one after the other.
    package var sequential: Workflow<String, String> {
        Workflow("sequential") { context, input in
            let first = try await step(context, "one")
            let second = try await step(context, "two")
            return try await [input, first, second, step(context, "three")].joined(separator: ",")
        }
    }

    /// Begins anew after a step, and once more after two parallel ones; each generation's steps have names of their own.
    package var renewing: Workflow<String, String> {
        Workflow("renewing") { context, input in
            switch input.count(where: { $0 == "," }) {
            case 0: try await context.continueAsNew([input, step(context, "g0")].joined(separator: ","))
            case 1:
                async let left = step(context, "g1-left")
                async let right = step(context, "g1-right")
                try await context.continueAsNew("\(input),\(left)+\(right)")
            default: return try await [input, step(context, "g2")].joined(separator: ",")
            }
        }
    }

    /// Two branches of two steps.
    package var branches: Workflow<String, String> {
        Workflow("branches") { context, input in
            async let a = { try await step(context, "a1") + step(context, "a2") }()
            async let b = { try await step(context, "b1") + step(context, "b2") }()
            return try await [input, a, b].joined(separator: ",")
        }
    }

    /// The first of two wins, the other is withdrawn.
    package var race: Workflow<String, String> {
        Workflow("race") { context, input in
            let winner = try await withThrowingTaskGroup(of: String.self) { group in
                group.addTask { try await step(context, "left") }
                group.addTask { try await step(context, "right") }
                defer { group.cancelAll() }
                return try await group.next() ?? ""
            }
            let after = try await step(context, "after")
            return [input, winner, after].joined(separator: ",")
        }
    }

    /// A branch fails for good and is undone, the other goes on.
    package var failing: Workflow<String, String> {
        Workflow("failing") { context, input in
            async let good = step(context, "reserve")
            async let bad = { () async throws -> String in
                do {
                    return try await context.run("charge", .retry(.never)) { () async throws -> String in
                        try await ledger.execute("charge")
                        throw Declined()
                    }
                } catch let failure as StepFailure {
                    return try await "\(failure.type):\(step(context, "undo"))"
                }
            }()
            return try await [input, good, bad].joined(separator: ",")
        }
    }

    /// Five steps at once, joined by a sixth.
    package var fanOut: Workflow<String, String> {
        Workflow("fan-out") { context, input in
            let parts = try await withThrowingTaskGroup(of: (Int, String).self) { group in
                for index in 0..<5 { group.addTask { (index, try await step(context, "part-\(index)")) } }
                return try await group.reduce(into: [Int: String]()) { $0[$1.0] = $1.1 }
            }
            let joined = (0..<5).compactMap { parts[$0] }.joined(separator: "+")
            return try await [input, joined, step(context, "join")].joined(separator: ",")
        }
    }

    /// Three steps of one name that are all waited for, and a fourth.
    package var mapped: Workflow<String, String> {
        Workflow("mapped") { [ledger] context, input in
            let parts = try await context.map(["x", "y", "z"], "part") { element, step in
                try await ledger.execute(step.id, attempt: step.attempt)
                return element.uppercased()
            }
            return try await [input, parts.joined(separator: "+"), step(context, "last")].joined(separator: ",")
        }
    }

    /// Steps of one name whose bodies do not give their thread up: a dozen in a row, three beside each other, and one more.
    package var brisk: Workflow<String, String> {
        Workflow("brisk") { [ledger] context, input in
            let tick: @Sendable (Step) -> Int = { step in
                ledger.executeQuickly(step.id, attempt: step.attempt)
                return 1
            }
            var ticks = 0
            for _ in 0..<12 { ticks += try await context.run("tick") { tick($0) } }
            let beside = try await context.map([1, 2, 3], "tick") { $0 * tick($1) }.reduce(0, +)
            return try await "\(input),\(ticks),\(beside),\(context.run("tick") { tick($0) })"
        }
    }

    /// One step, called as the run is.
    package var patient: Workflow<String, String> {
        Workflow("patient") { context, input in try await step(context, input) }
    }

    /// A step whose body ends the process, unless it is mended; what the function makes of it is a step, too.
    package var poison: Workflow<String, String> {
        Workflow("poison") { context, input in
            do {
                return try await context.run("trip") { () async throws -> String in
                    try await ledger.execute("trip")
                    if !isMended { raise(SIGKILL) }
                    return ""
                }
            } catch let failure as StepFailure where input == "catch" {
                return try await "\(failure.cause),\(step(context, "undo"))"
            }
        }
    }

    /// A step that only a cancellation ends, and a cleanup of two branches and a step.
    package var tidying: Workflow<String, String> {
        Workflow("tidying") { context, input in
            let first = try await step(context, "first")
            do {
                return try await context.run("work") { step in
                    try await ledger.execute(step.id, attempt: step.attempt)
                    try await Task.sleep(for: .seconds(3600))
                    return first
                }
            } catch {
                try await context.cleanup {
                    async let left = step(context, "undo-left")
                    async let right = step(context, "undo-right")
                    _ = try await (left, right)
                    _ = try await step(context, "undo-first")
                }
                throw error
            }
        }
    }

    /// A step whose body keeps the thread that executes it for itself, for 2.5 seconds.
    package var stubborn: Workflow<String, String> {
        Workflow("stubborn") { context, input in
            try await context.run("block") {
                try await ledger.execute("block")
                usleep(2_500_000)
                return input
            }
        }
    }

    /// A step, called as the run is, that blocks a thread of Swift's pool until the test lets it go on.
    package var blocking: Workflow<String, String> {
        Workflow("blocking") { [ledger] context, input in
            try await context.run(input) { step in
                ledger.block(step.id, attempt: step.attempt)
                return input
            }
        }
    }

    /// The same on a thread for such bodies, also after it has given one up.
    package var apart: Workflow<String, String> {
        Workflow("apart") { [ledger] context, input in
            try await context.run(input, .blocking) { step in
                await Task.yield()
                ledger.block(step.id, attempt: step.attempt)
                return input
            }
        }
    }

    /// The same with a time limit: two seconds.
    package var late: Workflow<String, String> {
        Workflow("late") { [ledger] context, input in
            do {
                return try await context.run(input, .timeout(.seconds(2)), .retry(.never)) { step in
                    ledger.block(step.id, attempt: step.attempt)
                    ledger.executeQuickly("returns", attempt: step.attempt)
                    return input
                }
            } catch let failure as StepFailure { return failure.type }
        }
    }

    /// A function that blocks the worker's own thread until the test lets it go on.
    package var hog: Workflow<String, String> {
        Workflow("hog") { [ledger] _, input in
            ledger.block(input, attempt: 1)
            return input
        }
    }

    /// A sleep, and no body.
    package var nap: Workflow<String, String> {
        Workflow("nap") { context, input in
            try await context.sleep(for: .milliseconds(100))
            return input
        }
    }

    /// As many waits at once as its input says, or 1,500, until the event `go` comes: `3000 completes`, `3000 fails`, or `3000 continues`: then
    /// it begins anew, and waits for `go` alone.
    package var crowd: Workflow<String, String> {
        Workflow("crowd") { context, input in
            let words = input.split(separator: " ").map(String.init)
            let count = words.first.flatMap { Int($0) } ?? 1500
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<count {
                    group.addTask { try await context.waitForEvent("never", timeout: .seconds(36_000), name: "wait") }
                }
                group.addTask { try await context.waitForEvent("go") }
                defer { group.cancelAll() }
                _ = try await group.next()
            }
            switch words.last ?? "" {
            case "fails": throw Declined()
            case "continues": try await context.continueAsNew("0 completes")
            default: return input
            }
        }
    }

    /// A child: one step, called as its input is.
    package var leaf: Workflow<String, String> {
        Workflow("leaf") { context, input in try await step(context, input) }
    }

    /// A child that fails.
    package var refusing: Workflow<String, String> {
        Workflow("refusing") { _, _ in throw Declined() }
    }

    /// A child that only a cancellation ends.
    package var waiting: Workflow<String, String> {
        Workflow("waiting") { context, input in
            try await context.run("work") { step in
                try await ledger.execute(step.id, attempt: step.attempt)
                try await Task.sleep(for: .seconds(3600))
                return input
            }
        }
    }

    /// A child that fails, alone; then a child beside a step.
    package var family: Workflow<String, String> {
        Workflow("family") { context, input in
            var failure = ""
            do { failure = try await context.invoke(refusing, input, name: "bad") } catch let error as StepFailure {
                failure = "\(error.cause):\(error.type)"
            }
            async let child = context.invoke(leaf, "grow", name: "good")
            async let beside = step(context, "beside")
            return try await [input, failure, child, beside, step(context, "last")].joined(separator: ",")
        }
    }

    /// A child that has to end with its parent, and a cleanup.
    package var guardian: Workflow<String, String> {
        Workflow("guardian") { context, input in
            do { return try await context.invoke(waiting, input, name: "child") } catch {
                try await context.cleanup { _ = try await step(context, "tidy") }
                throw error
            }
        }
    }

    /// A sleep and two events that are waited for, while steps of the same run send them.
    package var dreamer: Workflow<String, String> {
        Workflow("dreamer") { context, input in
            async let nap: Void = context.sleep(for: .milliseconds(100))
            async let letter = context.waitForEvent("letter", as: String.self)
            async let news = context.waitForEvent("news", as: String.self, timeout: .seconds(3600))
            let before = try await step(context, "before")
            try await context.notify("letter", "FOR-YOU", run: context.runID)
            try await context.notify("news", "FOR-ALL")
            try await nap
            return try await [input, before, letter, news, step(context, "after")].joined(separator: ",")
        }
    }

    /// A function that ends the process before its first step.
    package var fatal: Workflow<String, String> {
        Workflow("fatal") { _, input in
            raise(SIGKILL)
            return input
        }
    }

    /// A payment that must not be repeated silently, inline and beside another step.
    package var once: Workflow<String, String> {
        @Sendable func pay(_ context: WorkflowContext, _ name: String) async throws -> String {
            do {
                return try await context.run(name, .atMostOnce) { step in
                    try await ledger.execute(step.id, attempt: step.attempt)
                    return "PAID"
                }
            } catch let failure as StepFailure { return "\(failure.cause)" }
        }
        return Workflow("once") { context, input in
            let first = try await pay(context, "pay")
            async let second = pay(context, "pay-again")
            async let beside = step(context, "beside")
            return try await [input, first, second, beside].joined(separator: ",")
        }
    }

    /// A step that succeeds at its third attempt.
    package var retrying: Workflow<String, String> {
        let retry = Retry(attempts: 3, initialDelay: .milliseconds(20), multiplier: 1)
        return Workflow("retrying", .retry(retry)) { context, input in
            let value = try await context.run("flaky") { step in
                try await ledger.execute(step.id, attempt: step.attempt)
                if step.attempt < 3 { throw Declined() }
                return "FLAKY"
            }
            return try await [input, value, step(context, "last")].joined(separator: ",")
        }
    }
}
