import Stepwise
import Testing

@Suite("The watch of Swift's pool")
struct PoolWatchTests {
    private func verdicts(_ watch: inout PoolWatch, _ ticks: [(probeHasRun: Bool, begun: Int)]) -> [PoolWatch.Verdict] {
        ticks.map { watch.tick(probeHasRun: $0.probeHasRun, begun: $0.begun) }
    }

    @Test func `A pool that begins nothing for as many ticks as it may is held`() {
        var watch = PoolWatch(limit: 3)
        let found = verdicts(&watch, [(true, 0), (false, 0), (false, 0), (false, 0), (false, 0)])
        #expect(found == [.free, .free, .free, .held, .held])
        #expect(watch.still == 3)
    }

    @Test func `A probe that was begun, or a body, begins the count anew`() {
        var watch = PoolWatch(limit: 3)
        let found = verdicts(
            &watch, [(false, 0), (false, 0), (true, 0), (false, 0), (false, 0), (false, 1), (false, 1), (false, 1)])
        #expect(found.allSatisfy { $0 == .free })
    }

    @Test func `A pool that is slow but begins bodies is not held, however long the probe waits`() {
        var watch = PoolWatch(limit: 2)
        let found = verdicts(&watch, (1...50).map { (false, $0) })
        #expect(found.allSatisfy { $0 == .free })
    }

    @Test func `After it was held, claims go on with a few, and with all once the probe was begun for as many ticks`() {
        var watch = PoolWatch(limit: 4)
        _ = verdicts(&watch, Array(repeating: (false, 0), count: 4))
        let found = verdicts(&watch, Array(repeating: (true, 0), count: 5))
        #expect(found == [.wary(1), .wary(2), .wary(4), .free, .free])
    }

    @Test func `After it was held, nothing more is claimed as long as the probe has to wait`() {
        var watch = PoolWatch(limit: 3)
        _ = verdicts(&watch, Array(repeating: (false, 0), count: 3))
        let found = verdicts(
            &watch, [(true, 0), (false, 1), (false, 1), (true, 1), (false, 1), (false, 1), (false, 1)])
        #expect(found == [.wary(1), .wary(0), .wary(0), .wary(1), .wary(0), .wary(0), .held])
    }

    @Test func `A pool that long bodies hold one after the other lets next to nothing be claimed in vain`() {
        // Each body takes longer than the limit, and there are more than enough of them.
        let (threads, length) = (4, 50)
        var watch = PoolWatch(limit: 20)
        var ends = Array(repeating: 0, count: threads)
        var (begun, waiting, inVain) = (0, 100, 0)
        for now in 0..<2000 {
            // What has waited longest begins first: the bodies, then the probe.
            var probeHasRun = false
            for thread in ends.indices where ends[thread] <= now {
                if waiting > 0 {
                    waiting -= 1
                    begun += 1
                    ends[thread] = now + length
                } else {
                    probeHasRun = true
                }
            }
            switch watch.tick(probeHasRun: probeHasRun, begun: begun) {
            case .held:
                inVain += waiting
                waiting = 0
            case .wary(let number): waiting += number
            case .free: waiting = 100
            }
        }
        #expect(begun > 80)
        // The first hundred, and then no more than are executed.
        #expect(inVain < 100 + begun, "\(inVain) of \(begun)")
    }
}
