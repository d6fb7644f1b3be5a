import Stepwise
import TestSupport
import Testing

@Suite("The watch of a worker's thread") struct StuckWatchTests {
    /// The verdicts of ticks, for each of which is said whether the thread has answered, and who had it last.
    private func watch(limit: Int?, answers: [Bool], owners: [UInt]) -> [StuckWatch.Verdict] {
        var watch = StuckWatch(limit: limit)
        return zip(answers, owners).map { watch.look(hasAnswered: $0, owner: $1) }
    }

    private func silence(_ ticks: Int) -> [Bool] { Array(repeating: false, count: ticks) }

    @Test(.rule(10)) func `What is neither a function's nor a step's is told as the run's`() {
        let held = HeldThread(run: "p0", step: nil, isBody: true, since: 0)
        #expect(held.holder == "a cancellation handler or a deinit of run p0")
    }

    @Test(.rule(10)) func `A thread that answers is asked again at each tick`() {
        let verdicts = watch(limit: 2, answers: [true, true, true, true], owners: [1, 1, 1, 1])
        #expect(verdicts == [.ask, .ask, .ask, .ask])
    }

    @Test(.rule(10)) func `A thread that has not answered for the limit is stuck, at each tick from then on`() {
        let verdicts = watch(limit: 3, answers: silence(7), owners: [0, 7, 7, 7, 7, 7, 7])
        // One tick after the question this run is first seen to have the thread.
        #expect(
            verdicts == [.ask, .wait, .wait, .wait, .stuck(ticks: 3), .stuck(ticks: 4), .stuck(ticks: 5)])
    }

    @Test(.rule(10)) func `Code that is no run's is counted from the question on`() {
        let verdicts = watch(limit: 2, answers: silence(4), owners: [0, 0, 0, 0])
        #expect(verdicts == [.ask, .wait, .stuck(ticks: 2), .stuck(ticks: 3)])
    }

    @Test(.rule(10)) func `An answer begins the count anew`() {
        let verdicts = watch(limit: 2, answers: [false, false, true, false, false], owners: [1, 1, 1, 1, 1])
        #expect(verdicts == [.ask, .wait, .ask, .wait, .stuck(ticks: 2)])
    }

    @Test(.rule(10))
    func `Runs that have the thread one after the other, each for less than the limit, do not hold it`() {
        let verdicts = watch(limit: 2, answers: silence(9), owners: [0, 0, 1, 1, 2, 2, 3, 3, 4])
        #expect(verdicts == [.ask] + Array(repeating: .wait, count: 8))
    }

    @Test(.rule(10)) func `Without a limit nothing is ever stuck`() {
        let verdicts = watch(limit: nil, answers: silence(100), owners: Array(repeating: 1, count: 100))
        #expect(verdicts == [.ask] + Array(repeating: .wait, count: 99))
    }

    @Test(.rule(10)) func `The limit is counted in ticks, and any length of time is one`() throws {
        #expect(StuckWatch.ticks(of: .zero, every: 500) == nil)
        #expect(StuckWatch.ticks(of: .seconds(30), every: 500) == 61)
        #expect(StuckWatch.ticks(of: .milliseconds(1), every: 200) == 2)
        let longest = try #require(StuckWatch.ticks(of: .seconds(Int64.max), every: 200))
        #expect(longest > 1_000_000)
    }
}
