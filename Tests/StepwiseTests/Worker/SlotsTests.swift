import Stepwise
import TestSupport
import Testing

@Suite("Slots")
struct SlotsTests {
    @Test func `Who wants to be alone waits until every other slot has come back, not only the first`() async throws {
        let slots = Slots(4)
        let tally = Tally()
        #expect(slots.take(upTo: 3) == 3)
        let paused = AsyncStream<Void>.makeStream()
        let waiting = Task {
            let isAlone = await slots.pause { paused.continuation.yield() }
            tally.add("alone")
            return isAlone
        }
        for await _ in paused.stream { break }
        slots.release()
        try await ContinuousClock().sleep(for: .milliseconds(50))
        #expect(tally["alone"] == 0)
        #expect(slots.take(upTo: 1) == 0)
        slots.release()
        #expect(await waiting.value)
        slots.resume()
        #expect(slots.take(upTo: 4) == 3)
    }

    @Test func `Who waits for too long to be alone is not, and slots are given out again`() async throws {
        let slots = Slots(3)
        #expect(slots.take(upTo: 2) == 2)
        let paused = AsyncStream<Void>.makeStream()
        let waiting = Task { await slots.pause { paused.continuation.yield() } }
        for await _ in paused.stream { break }
        // The wait may begin a moment later.
        try await eventually("the wait has ended") {
            slots.endPauseWait()
            return !slots.isPaused
        }
        #expect(await !waiting.value)
        #expect(slots.take(upTo: 3) == 1)
        // It can be tried again.
        slots.release(2)
        let isAlone = await slots.pause {}
        #expect(isAlone)
        #expect(slots.take(upTo: 1) == 0)
        slots.resume()
    }

    @Test func `Who waits for an item holds no slot, and is waited for by who wants to be alone`() async throws {
        let slots = Slots(1)
        let tally = Tally()
        #expect(await slots.acquire())
        #expect(slots.beginWaiting())
        // Another list's loop has the only slot meanwhile.
        #expect(slots.take(upTo: 1) == 1)
        let paused = AsyncStream<Void>.makeStream()
        let waiting = Task {
            let isAlone = await slots.pause { paused.continuation.yield() }
            tally.add("alone")
            return isAlone
        }
        for await _ in paused.stream { break }
        #expect(tally["alone"] == 0)
        // The item has come; it finds no slot.
        #expect(slots.take(upTo: 1) == 0)
        slots.endWaiting()
        #expect(await waiting.value)
        slots.resume()
        slots.release()
        #expect(await slots.acquire())
        slots.stop()
        #expect(!slots.beginWaiting())
    }

    @Test func `Who is held gets no slot and waits for no item, however many slots are free`() async {
        let slots = Slots(3)
        #expect(slots.take(upTo: 1) == 1)
        slots.hold()
        #expect(slots.isHeld)
        #expect(slots.take(upTo: 1) == 0)
        #expect(!slots.beginWaiting())
        // The slot has come back with that.
        slots.allow(nil)
        #expect(!slots.isHeld)
        #expect(slots.take(upTo: 4) == 3)
    }

    @Test func `As many slots are given out as are allowed, also to those that wait`() async throws {
        let slots = Slots(4)
        let tally = Tally()
        slots.hold()
        let waiting = (0..<3).map { _ in
            Task {
                let hasOne = await slots.acquire()
                tally.add("has one")
                return hasOne
            }
        }
        slots.allow(2)
        try await eventually("two have none") { tally["has one"] == 2 }
        #expect(slots.take(upTo: 1) == 0)
        slots.allow(nil)
        for task in waiting { #expect(await task.value) }
        #expect(slots.take(upTo: 4) == 1)
    }

    @Test func `An item that is waited for needs a slot that is allowed`() async {
        let slots = Slots(4)
        slots.hold()
        slots.allow(1)
        #expect(await slots.acquire())
        #expect(slots.take(upTo: 1) == 0)
        // It waits, and holds none.
        #expect(slots.beginWaiting())
        #expect(slots.take(upTo: 1) == 1)
        #expect(slots.take(upTo: 1) == 0)
        slots.endWaiting()
        slots.release()
        // What ends makes no room for more than is allowed.
        #expect(slots.take(upTo: 1) == 0)
        slots.allow(nil)
        #expect(slots.take(upTo: 5) == 4)
    }

    @Test(.rule(10)) func `A round over an empty list leaves what a wary worker may give out as it was`() {
        let slots = Slots(8)
        slots.allow(3)
        for _ in 0..<5 {
            #expect(slots.take(upTo: 1) == 1)
            let round = ClaimSlots(of: slots, upTo: 8)
            #expect(round.count == 3)
            round.releaseRest()
        }
        #expect(slots.take(upTo: 1) == 1)
        var round = ClaimSlots(of: slots, upTo: 8)
        round.use()
        round.releaseRest()
        // One item has come.
        #expect(slots.take(upTo: 8) == 2)
    }

    @Test(.rule(10)) func `What was given out before a worker became wary comes back and lets it claim no more`() {
        let slots = Slots(8)
        slots.allow(4)
        #expect(slots.take(upTo: 4) == 4)
        slots.hold()
        slots.releaseUnused(2)
        #expect(slots.take(upTo: 8) == 0)
        slots.allow(1)
        slots.releaseUnused(2)
        #expect(slots.take(upTo: 8) == 1)
        slots.releaseUnused()
        #expect(slots.take(upTo: 8) == 1)
    }
}
