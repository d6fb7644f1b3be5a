import Stepwise
import TestSupport
import Testing

/// What a worker decides to write of its work: values, without Redis.
@Suite("What a worker notes of its work") struct WorkNotesTests {
    private let start = ContinuousClock.now
    private let places = (0..<3000).map { _ in Tally() }

    /// The body with this number, which began so many seconds after the first.
    private func body(_ number: Int) -> BodySighting {
        BodySighting(
            id: .init(place: ObjectIdentifier(places[number]), start: start + .seconds(number)), run: "r\(number)",
            step: "s", workflow: "w", attempt: 1, age: 1000, limit: nil)
    }

    /// A look that finds something to change.
    private func look(_ bodies: [BodySighting], _ notes: inout BusyBodies) throws -> BusyBody.Change {
        let change = notes.look(bodies)
        return try #require(change)
    }

    /// Something is found, and written.
    private func write(_ bodies: [BodySighting], _ notes: inout BusyBodies) throws {
        let change = try look(bodies, &notes)
        notes.confirm(change)
    }

    private func next(
        _ totals: WorkCounts, of worker: String, minute: Int, _ flushes: inout CountFlushes
    ) throws -> CountFlushes.Flush {
        let flush = flushes.next(totals, of: worker, minute: minute)
        return try #require(flush)
    }

    @Test func `A body is written once, and removed once it is over`() throws {
        var notes = BusyBodies(renewal: 1000)
        #expect(notes.look([]) == nil)
        let first = try look([body(0)], &notes)
        #expect(first.new.map(\.number) == [1] && first.gone == [])
        notes.confirm(first)
        #expect(notes.look([body(0)]) == nil)
        let second = try look([body(0), body(1)], &notes)
        #expect(second.new.map(\.number) == [2])
        notes.confirm(second)
        let last = try look([body(1)], &notes)
        #expect(last.gone == [1] && last.new == [])
        notes.confirm(last)
        let end = try look([], &notes)
        #expect(end.gone == [2])
        notes.confirm(end)
        #expect(notes.look([]) == nil)
    }

    @Test func `A change without an answer is sent again with the same numbers, and removed if it was made`() throws {
        var notes = BusyBodies(renewal: 1000)
        let lost = try look([body(0)], &notes)
        #expect(notes.look([body(0)]) == lost)
        // It has ended meanwhile: what was sent may be there.
        let change = try look([body(1)], &notes)
        #expect(change.gone == lost.new.map(\.number))
        #expect(change.new.map(\.number) == [2])
    }

    @Test func `A body at the place of another one is another`() throws {
        var notes = BusyBodies(renewal: 1000)
        try write([body(0)], &notes)
        let other = BodySighting(
            id: .init(place: ObjectIdentifier(places[0]), start: start + .seconds(9)), run: "other", step: "s",
            workflow: "w", attempt: 1, age: 1000, limit: nil)
        let change = try look([other], &notes)
        #expect(change.gone == [1] && change.new.map(\.number) == [2])
    }

    @Test func `The oldest 1,000 are named, a page at a time`() throws {
        var notes = BusyBodies(renewal: 1000)
        let bodies = (0..<1500).map(body)
        var written = 0
        while let change = notes.look(bodies) {
            #expect(change.new.count <= BusyBodies.page)
            written += change.new.count
            notes.confirm(change)
        }
        #expect(written == BusyBodies.most)
        let next = try look(Array(bodies.dropFirst()), &notes)
        #expect(next.gone == [1] && next.new.first?.beginning.contains("\"r1000\"") == true)
    }

    @Test func `For another server everything is written anew, and without bodies what was there goes`() throws {
        var notes = BusyBodies(renewal: 1000)
        notes.forget()
        #expect(notes.look([]) == nil, "nothing was written")
        try write([body(0), body(1)], &notes)
        notes.forget()
        let anew = try look([body(1)], &notes)
        #expect(anew.isFirst && anew.new.map(\.number) == [2])
        notes.confirm(anew)
        #expect(notes.look([body(1)]) == nil)
        notes.forget()
        let none = try look([], &notes)
        #expect(none.isFirst && none.new == [])
    }

    @Test func `What is to be removed does not grow without end while Redis refuses every change`() throws {
        var notes = BusyBodies(renewal: 1000)
        try write([body(0)], &notes)
        for page in 0..<29 {
            let change = try look((0..<100).map { body(1 + 100 * page + $0) }, &notes)
            #expect(change.gone.count <= 2 * BusyBodies.most)
        }
        // From then on it is taken up again: nothing that was there before may stay.
        let change = try look([], &notes)
        #expect(change.isFirst && change.new == [])
        notes.confirm(change)
        #expect(notes.look([]) == nil)
        let next = try look([body(2950)], &notes)
        #expect(!next.isFirst && next.gone == [] && next.new.map(\.number) == [2902])
    }

    @Test func `Bodies that stay for long are renewed, so that what is told of them does not expire`() throws {
        var notes = BusyBodies(renewal: 3)
        try write([body(0)], &notes)
        let looks = (0..<3).map { _ in notes.look([body(0)]) }
        #expect(looks.map { $0 == nil } == [true, true, false])
        #expect(looks[2]?.isEmpty == true)
    }

    // MARK: Slots and clocks

    @Test func `Free slots are written when they have changed, and again until a beat was answered`() {
        var facts = BeatFacts(free: 10)
        #expect(facts.news(free: 10, comparisons: 0).free == nil)
        #expect(facts.news(free: 9, comparisons: 0).free == 9)
        let news = facts.news(free: 9, comparisons: 0)
        #expect(news.free == 9)
        facts.confirm(news, comparisons: 0)
        #expect(facts.news(free: 9, comparisons: 0).free == nil)
        #expect(facts.news(free: 9, comparisons: 1).free == 9, "another server may not have it")
        facts.confirm(news, comparisons: 0)
        #expect(facts.news(free: 9, comparisons: 1).free == 9, "the answer is the other server's")
    }

    @Test func `A clock is told of first, and when it has moved by more than a second; late answers say nothing`() {
        var facts = BeatFacts(free: 10)
        func clock() -> Int? {
            let news = facts.news(free: 10, comparisons: 0)
            facts.confirm(news, comparisons: 0)
            return news.clock
        }
        #expect(clock() == nil)
        facts.note(sent: 1_000_000, took: 60_000, redis: 1_000_000)
        #expect(clock() == nil)
        facts.note(sent: 1_090_000, took: 20, redis: 1_000_000)
        #expect(clock() == 90_010)
        facts.note(sent: 1_090_900, took: 20, redis: 1_000_000)
        #expect(clock() == nil)
        facts.note(sent: 1_000_000, took: 20, redis: 1_030_000)
        #expect(clock() == -29_990)
        for odd in [Int.min, -1, Int.max] {
            facts.note(sent: odd, took: 20, redis: 1_000_000)
            facts.note(sent: 1_000_000, took: odd, redis: 1_000_000)
            facts.note(sent: 1_000_000, took: 20, redis: odd)
        }
        #expect(clock() == nil)
    }

    // MARK: Counts

    @Test func `A flush without an answer is sent again as it was, and what came since in the next`() throws {
        var flushes = CountFlushes()
        var totals = WorkCounts()
        #expect(flushes.next(totals, of: "w", minute: 5) == nil)
        totals.outcomes = 3
        let first = try next(totals, of: "w", minute: 5, &flushes)
        totals.outcomes = 7
        #expect(flushes.next(totals, of: "w", minute: 6) == first)
        flushes.confirm(first)
        let second = try next(totals, of: "w", minute: 6, &flushes)
        #expect(second.number == first.number + 1 && second.counts.outcomes == 4 && second.minute == 6)
        // Nobody knows whether it was counted; under the new name it is not counted again.
        totals.completed = 1
        let other = try next(totals, of: "v", minute: 6, &flushes)
        #expect(other.number == 1 && other.counts.outcomes == 0 && other.counts.completed == 1)
        flushes.confirm(second)
        #expect(flushes.next(totals, of: "v", minute: 6) == other)
        flushes.confirm(other)
        #expect(flushes.next(totals, of: "v", minute: 7) == nil)
    }

    @Test func `Rates are told per minute of the time that has passed, in as many parts as are wanted`() {
        var counts = WorkCounts()
        counts.outcomes = 30
        let minutes = (0..<10).map { WorkStatistics.Minute(start: $0 * 60_000, counts: counts) }
        let stats = WorkStatistics(minutes: minutes, now: 570_000)
        #expect(stats.total.outcomes == 300)
        let parts = stats.parts(atMost: 4)
        #expect(parts.map(\.start) == [0, 180_000, 360_000, 540_000])
        #expect(parts.map { $0.tenthsPerMinute($0.counts.outcomes) } == [300, 300, 300, 600])
        counts.outcomes = .max
        let full = [0, 60_000].map { WorkStatistics.Minute(start: $0, counts: counts) }
        let huge = WorkStatistics(minutes: full, now: 0)
        #expect(huge.total.outcomes == .max)
        #expect(huge.parts(atMost: 1).count == 1)
    }
}
