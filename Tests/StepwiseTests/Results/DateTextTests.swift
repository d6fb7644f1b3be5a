import Foundation
import Stepwise
import Testing

@Suite("Dates as text")
struct DateTextTests {
    private func text(_ date: Date) throws -> String {
        String(decoding: try JSON.encode(date, what: "a date"), as: UTF8.self)
    }

    private func date(_ text: String) throws -> Date {
        try JSON.decode(Date.self, from: Array(text.utf8), what: "a date")
    }

    @Test func `Text to date to text is the same text, for any microsecond of the years 1 to 9999`() throws {
        var random = SeededNumbers(seed: 7)
        for _ in 0..<2000 {
            let instant = Date(
                timeIntervalSince1970: Double.random(in: -62_135_596_800..<253_402_300_799, using: &random))
            let written = try text(instant)
            let back = try date(written)
            #expect(try text(back) == written)
            // A Double of the year 1 has steps of 8 µs.
            #expect(abs(back.timeIntervalSince(instant)) < max(0.000_001, abs(instant.timeIntervalSince1970) * 1e-15))
        }
    }

    @Test(
        arguments: [
            ("2026-01-31T12:00:00Z", 1_769_860_800.0), ("2026-01-31T12:00:00.250Z", 1_769_860_800.25),
            ("2026-01-31T13:00:00+01:00", 1_769_860_800.0), ("2026-01-31T13:00:00.5+01:00", 1_769_860_800.5),
        ]
    )
    func `Dates of other services are read: without a fraction, with milliseconds, with an offset`(
        _ text: String, _ seconds: Double
    ) throws {
        #expect(try date("\"\(text)\"").timeIntervalSince1970 == seconds)
    }

    @Test(arguments: ["\"yesterday\"", "\"2026-01-31T12:00:00.Z\"", "12"])
    func `What is no date is refused with an example of one`(_ text: String) throws {
        #expect(throws: StepwiseError.self) { try date(text) }
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity, 1e12, -1e12])
    func `A date without a value or beyond the year 9999 is refused`(_ seconds: Double) throws {
        #expect(throws: StepwiseError.self) { try text(Date(timeIntervalSince1970: seconds)) }
    }
}
