import Stepwise
import Testing

@Suite("Until when a worker may be leaving")
struct LeaveDeadlineTests {
    /// How many tenths of a second a worker has that may take three seconds and releases in some of them.
    private func tenths(releasingIn release: Range<Int>) -> Int {
        var deadline = LeaveDeadline(limit: .seconds(3))
        var count = 0
        while !deadline.isOver, count < 1000 {
            deadline.isReleasing = release.contains(count)
            deadline.wait(.milliseconds(100))
            count += 1
        }
        return count
    }

    @Test func `A release that is over in time changes nothing`() {
        #expect(tenths(releasingIn: 0..<0) == 30)
        #expect(tenths(releasingIn: 10..<29) == 30)
    }

    @Test func `A release that takes longer is waited for, and what comes after it has a second`() {
        #expect(tenths(releasingIn: 10..<50) == 60)
    }

    @Test func `A release may take eight seconds more`() {
        #expect(tenths(releasingIn: 10..<1000) == 110)
    }
}
