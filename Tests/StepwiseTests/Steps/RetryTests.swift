import Foundation
import Stepwise
import TestSupport
import Testing

private struct Grave: Error {}

@Suite("Retry policies")
struct RetryTests {
    private func delays(_ retry: Retry, _ error: any Error = Hiccup(), chance: Double = 0) -> [Int?] {
        (1...6).map { retry.delay(afterAttempt: $0, error: error, chance: chance) }
    }

    @Test func `Exponential back-off doubles up to its cap and leaves at most a quarter to chance`() {
        let retry = Retry(attempts: 6, initialDelay: .seconds(1), maximumDelay: .seconds(5))
        #expect(delays(retry) == [1000, 2000, 4000, 5000, 5000, nil])
        #expect(delays(retry, chance: 1) == [750, 1500, 3000, 3750, 3750, nil])
        #expect(delays(Retry(attempts: .max, initialDelay: .seconds(1), multiplier: 1e300)).last == 60_000)
    }

    @Test func `A duration that means for ever is a number, not a trap`() {
        #expect(Duration.seconds(Int64.max).wholeMilliseconds == 315_360_000_000_000)
        #expect(Duration.milliseconds(1500).wholeMilliseconds == 1500)
    }

    @Test func `A fixed wait is the same each time`() {
        #expect(delays(.fixed(.milliseconds(20), attempts: 3), chance: 1) == [20, 20, nil, nil, nil, nil])
        #expect(delays(.never) == [nil, nil, nil, nil, nil, nil])
        #expect(delays(.fixed(.seconds(-4), attempts: 2)).first == 0)
    }

    @Test func `A closure gets attempt and error, and nil ends it`() {
        let retry = Retry.custom { attempt, error in error is Hiccup && attempt < 3 ? .seconds(attempt * 10) : nil }
        #expect(delays(retry) == [10_000, 20_000, nil, nil, nil, nil])
        #expect(delays(retry, Grave()) == [nil, nil, nil, nil, nil, nil])
    }

    @Test(.scenario(4)) func `Errors that are not worth it, NonRetryable and misuses end the step at once`() {
        let retry = Retry(attempts: 3, initialDelay: .seconds(1)).when { $0 is Hiccup }
        #expect(delays(retry).first == 1000)
        #expect(delays(retry, Grave()).first == .some(nil))
        #expect(delays(retry, RetryAfter(.seconds(9), because: Grave())).first == .some(nil))
        #expect(delays(Retry(), NonRetryable(Hiccup())).first == .some(nil))
    }

    @Test func `RetryAfter sets the next wait, and no further attempt`() throws {
        #expect(delays(Retry(attempts: 3), RetryAfter(.seconds(9))) == [9000, 9000, nil, nil, nil, nil])
        #expect(RetryAfter(header: "120")?.delay == .seconds(120))
        #expect(RetryAfter(header: " 7\t")?.delay == .seconds(7))
        #expect(RetryAfter(header: "99999999999999999999999")?.delay == .seconds(315_360_000))
        #expect(RetryAfter(header: "Sun, 06 Nov 1994 08:49:37 GMT")?.delay == .zero)
        let later = try #require(RetryAfter(header: "Fri, 31 Dec 2100 23:59:59 GMT")).delay
        let expected = Duration.seconds(4_133_980_799 - Date().timeIntervalSince1970)
        #expect(abs((later - expected).milliseconds) < 60_000)
        for header in [nil, "", "soon", "-1", "1.5", "1994-11-06T08:49:37Z", "Sun, 99 Nov 1994 08:49:37 GMT"] {
            #expect(RetryAfter(header: header) == nil, "\(header ?? "nil")")
        }
    }

    @Test(
        arguments: [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777.0), ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
            ("Sun Nov  6 08:49:37 1994", 784_111_777), ("Wed Nov 16 08:49:37 1994", 784_975_777),
            // A year of two digits is at most 50 years from now: 2026-11-30.
            ("Sunday, 06-Nov-44 08:49:37 GMT", 2_362_034_977), ("Monday, 30-Nov-76 00:00:00 GMT", 3_373_920_000),
            ("Wednesday, 01-Dec-76 00:00:00 GMT", 218_246_400), ("Tuesday, 29-Feb-00 00:00:00 GMT", 951_782_400),
            ("Thu, 29 Feb 2024 00:00:00 GMT", 1_709_164_800), ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_800),
        ] as [(String, Double)]
    )
    func `A header's date is read in each of HTTP's three forms`(_ text: String, _ seconds: Double) {
        let now = Date(timeIntervalSince1970: 1_796_000_000)
        #expect(HTTPDate.date(from: text, now: now)?.timeIntervalSince1970 == seconds)
        #expect(RetryAfter(header: " \(text)\t") != nil)
    }

    @Test(
        arguments: [
            "Fri, 31 Feb 2027 00:00:00 GMT", "Friday, 31-Feb-27 00:00:00 GMT", "Fri Feb 31 00:00:00 2027",
            "Mon, 29 Feb 2027 00:00:00 GMT", "Monday, 29-Feb-27 00:00:00 GMT", "Fri Feb 29 00:00:00 2027",
            "Sun, 00 Nov 1994 08:49:37 GMT", "Sun Nov  0 08:49:37 1994", "Thu, 31 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:00 GMT", "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 08:49:37", "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT", "Sonntag, 06-Nov-94 08:49:37 GMT",
            "Sun, 06-Nov-94 08:49:37 GMT", "Sunday, 06-Nov-1994 08:49:37 GMT", "Sun Nov 6 08:49:37 1994",
            "Sun Nov 06 08:49:37 1994", "Sun Nov  6 08:49:37 1994 GMT", "Sun Nov  16 08:49:37 1994",
            "Sun, 06 Nov 0000 08:49:37 GMT", "Sun, +6 Nov 1994 08:49:37 GMT", "Sun,  06 Nov 1994 08:49:37 GMT",
        ]
    )
    func `What the calendar does not have, or HTTP does not write, is no date`(_ text: String) {
        #expect(HTTPDate.date(from: text) == nil)
        #expect(RetryAfter(header: text) == nil)
    }
}
