import Stepwise
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
}
