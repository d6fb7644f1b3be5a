import Stepwise
import TestSupport
import Testing

@Suite("Replay: sagas")
struct SagaReplayTests {
    /// Two charges and a reservation beside a step without an undo; then it ships.
    private func order(_ seen: Tally = Tally()) -> Core {
        Core { context in
            do {
                try await context.saga { saga in
                    try await saga.run("charge") {
                        0
                    } undo: { _ in
                    }
                    try await saga.run("charge") {
                        0
                    } undo: { _ in
                    }
                    async let reserved: Void = saga.run("reserve") {
                    } undo: {
                    }
                    async let packed: Void = saga.run("pack") {
                    } undo: {
                    }
                    _ = try await (reserved, packed)
                    try await context.run("ship") {}
                }
            } catch let error as SagaFailure {
                seen.add("\(error.notUndone.map(\.step)) \(error.cause)")
                throw error
            }
            return "shipped"
        }
    }

    @Test(.scenario(54))
    func `Undos are called one after the other, that of the step recorded last first, each named after its step`() {
        let core = order()
        core.deliver("charge", "1")
        core.deliver("charge#2", "2")
        core.deliver("pack", "null")
        core.deliver("reserve", "null")
        core.fail("ship")
        for undo in ["undo reserve", "undo pack", "undo charge#2", "undo charge"] {
            #expect(core.pending == [undo] && core.end == nil)
            core.deliver(undo, "null")
        }
        #expect(core.end?.hasPrefix("step \"ship\" failed after 1 attempt") == true)
    }

    @Test func `A step that failed has no undo; one that was under way beside it is waited for and undone`() {
        let core = order()
        core.deliver("charge", "1")
        core.deliver("charge#2", "2")
        core.fail("pack")
        #expect(core.pending == ["reserve"], "cut off, nobody could tell whether it was reserved")
        core.deliver("reserve", "null")
        for undo in ["undo reserve", "undo charge#2", "undo charge"] {
            #expect(core.pending == [undo])
            core.deliver(undo, "null")
        }
        #expect(core.end?.contains("\"pack\"") == true)
    }

    @Test func `In a cancelled run the steps under way are waited for, none begins, and everything is undone`() {
        let core = order()
        core.deliver("charge", "1")
        core.instance.deliver(Outcome(step: "", result: .cancel("enough")))
        #expect(core.pending == ["charge#2"])
        core.deliver("charge#2", "2")
        for undo in ["undo charge#2", "undo charge"] {
            #expect(core.pending == [undo])
            core.deliver(undo, "null")
        }
        #expect(core.end == "CancellationError()")
    }

    @Test func `An undo that fails for good is told of with the saga's error, and the other undos are run`() {
        let seen = Tally()
        let core = order(seen)
        core.deliver("charge", "1")
        core.deliver("charge#2", "2")
        core.fail("reserve")
        core.deliver("pack", "null")
        core.fail("undo pack")
        core.fail("undo charge#2")
        core.deliver("undo charge", "null")
        #expect(
            seen.all.count == 1 && seen.all[0].hasPrefix("[\"undo pack\", \"undo charge#2\"] step \"reserve\" failed"))
        let end = core.end ?? ""
        for part in ["\"reserve\" failed", "not everything could be undone", "\"undo pack\"", "\"undo charge#2\""] {
            #expect(end.contains(part), "\(end)")
        }
    }

    @Test
    func `An undo gets its step's value decoded from the JSON; a value that no longer decodes stops the instance`() {
        let core = Core { context in
            let saga = try await context.saga { saga in
                try await saga.run("charge") {
                    0
                } undo: { _ in
                }
                return saga
            }
            do {
                try await saga.run("late") {
                    0
                } undo: { _ in
                }
            } catch let error as StepwiseError {
                return "\(error.code)"
            }
            return "called"
        }
        core.deliver("charge", "1")
        #expect(core.end == "sagaEnded")
        let other = order()
        other.deliver("charge", "\"one\"")
        #expect(other.standing.contains("\"charge\"") && other.standing.contains("Int"))
        #expect(other.instance.evict())
    }

    @Test
    func `A saga that ended well is not undone by what fails after it, an inner one that failed is undone by itself`() {
        let core = Core { context in
            try await context.saga { outer in
                try await outer.run("outer") {
                } undo: {
                }
                do {
                    try await context.saga { inner in
                        try await inner.run("inner") {
                        } undo: {
                        }
                        try await context.run("fails") {}
                    }
                } catch is StepFailure {}
            }
            return try await context.run("last") { "x" }
        }
        core.deliver("outer", "null")
        core.deliver("inner", "null")
        core.fail("fails")
        #expect(core.pending == ["undo inner"])
        core.deliver("undo inner", "null")
        core.fail("last")
        #expect(core.end?.contains("\"last\"") == true)
    }

    @Test func `A step of the user's own may have an undo's name: each keeps an id of its own`() {
        let core = Core { context in
            for _ in 0..<2 { try await context.run("undo charge") {} }
            try await context.saga { saga in
                try await saga.run("charge") {
                    0
                } undo: { _ in
                }
                try await saga.run("charge") {
                    0
                } undo: { _ in
                }
                try await context.run("ship") {}
            }
            return ""
        }
        for step in ["undo charge", "undo charge#2"] { core.deliver(step, "null") }
        for step in ["charge", "charge#2"] { core.deliver(step, "1") }
        core.fail("ship")
        #expect(core.pending == ["undo charge#2#2"])
        core.deliver("undo charge#2#2", "null")
        #expect(core.pending == ["undo charge#3"])
        core.deliver("undo charge#3", "null")
        #expect(core.end?.contains("\"ship\"") == true)
    }

    @Test func `An instance that is evicted in the middle of many undos comes to its end and calls no other`() {
        let core = Core { context in
            try await context.saga { saga in
                for _ in 0..<300 {
                    try await saga.run("a") {
                    } undo: {
                    }
                }
                throw Hiccup()
            }
        }
        for number in 1...300 { core.deliver(number == 1 ? "a" : "a#\(number)", "null") }
        #expect(core.pending == ["undo a#300"])
        #expect(core.instance.evict())
        #expect(core.pending == ["-undo a#300"])
    }
}
