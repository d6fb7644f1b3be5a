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
}
