import Foundation
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

/// What people see of what workers do, and have done.
extension CommandTests {
    @Test func `Workers show their free slots, their lease and a clock that is off`() async throws {
        try await Fixture.with { fixture in
            let time = try await fixture.client.redisTime()
            let entry = "state alive queues default host h1 concurrency 10"
            let facts = "free 7 lease 10000 clock -93000 maximumWorkerLosses 3"
            try await fixture.send("HSET ~worker:new-1-a \(entry) \(facts)")
            try await fixture.send("HSET ~worker:old-1-a \(entry)")
            try await fixture.send("HSET ~worker:odd-1-a \(entry) free x lease 99999999999999999999 clock 900")
            try await fixture.send("HSET ~worker:odd-1-a lastClaim \(Int.min)")
            for name in ["new-1-a", "old-1-a", "odd-1-a"] { try await fixture.send("ZADD ~workers \(time) \(name)") }
            let end = try await fixture.stepwise("workers")
            let lines = end.output.split(separator: "\n")
            #expect(lines.first?.contains("FREE") == true && lines.first?.contains("LEASE") == true, "\(end)")
            #expect(lines.contains { $0.hasPrefix("new-1-a") && $0.contains("  7  ") && $0.contains("  10s  ") })
            let warning = "warning: the clock of worker new-1-a on host h1 is 93 s behind redis'"
            #expect(end.output.contains(warning), "\(end)")
            #expect(end.output.components(separatedBy: "the clock of worker").count == 2, "\(end)")
            let json = try document(try await fixture.stepwise("workers", "--json").output)
            let workers = json["workers"] as? [[String: Any]] ?? []
            let new = workers.first { $0["name"] as? String == "new-1-a" }
            #expect(new?["free"] as? Int == 7 && new?["lease"] as? Int == 10_000)
            #expect(new?["clock"] as? Int == -93_000 && new?["maximumWorkerLosses"] as? Int == 3)
            let odd = workers.first { $0["name"] as? String == "odd-1-a" }
            #expect(odd?["free"] as? Int == nil && odd?["lease"] as? Int == nil)
            #expect(new?.keys.contains("busy") == false)
        }
    }

    @Test func `With --busy workers show their oldest bodies, and nothing that moves a terminal`() async throws {
        try await Fixture.with { fixture in
            let time = try await fixture.client.redisTime()
            try await fixture.send("HSET ~worker:w-1-a state alive queues default concurrency 10")
            try await fixture.send("ZADD ~workers \(time) w-1-a")
            for number in 0..<7 {
                let body =
                    #"{"run":"r\#(number)","step":"render","workflow":"images","attempt":2,"limit":900000,"since":\#(time - 60_000 * (9 - number))}"#
                try await fixture.send("HSET ~busy:w-1-a \(number)", body)
            }
            try await fixture.send("HSET ~busy:w-1-a 7", #"{"run":"r7","step":"a\u001b[2J","since":1}"#)
            try await fixture.send("HSET ~busy:w-1-a 8", "no JSON")
            let end = try await fixture.stepwise("workers", "--busy")
            let rows = end.output.split(separator: "\n").filter { $0.hasPrefix("w-1-a ") }.dropFirst()
            #expect(rows.count == 5 && rows.first?.contains("r7") == true, "\(end)")
            #expect(rows.dropFirst().first?.contains("r0   render") == true, "\(end)")
            #expect(end.output.contains("15m 0s") && end.output.contains("9m"), "\(end)")
            #expect(!end.output.contains("\u{1b}") && end.output.contains("and 3 younger ones"), "\(end)")
            let json = try document(try await fixture.stepwise("workers", "--busy", "--json").output)
            let busy = (json["workers"] as? [[String: Any]])?.first?["busy"] as? [[String: Any]] ?? []
            #expect(busy.count == 8)
            #expect(busy.last?["run"] as? String == "r6" && busy.last?["limit"] as? Int == 900_000)
            #expect(busy.last?["attempt"] as? Int == 2 && busy.last?["since"] as? Int == time - 180_000)
        }
    }

    @Test func `Stats show what was done per minute, and with --json the numbers`() async throws {
        try await Fixture.with { fixture in
            let minute = try await fixture.client.redisTime() / 60_000
            let counts = "completed 20 failed 2 cancelled 1 outcomes 600 failedAttempts 5 milliseconds 120000"
            try await fixture.send("HSET ~stats:\(minute - 3) \(counts)")
            try await fixture.send("HSET ~stats:\(minute - 4) outcomes many completed -3 later 7")
            try await fixture.send("HSET ~stats:\(minute - 600) \(counts)")
            let end = try await fixture.stepwise("stats", "--since", "10m")
            #expect(end.code == 0, "\(end)")
            let lines = end.output.split(separator: "\n")
            #expect(lines.first?.contains("FAILED ATTEMPTS") == true, "\(end)")
            #expect(lines.contains { $0.contains("20.0") && $0.contains("600.0") && $0.contains("2m 0s") }, "\(end)")
            #expect(lines.last?.hasPrefix("all") == true, "\(end)")
            let json = try document(try await fixture.stepwise("stats", "--since", "10m", "--json").output)
            let total = json["total"] as? [String: Any]
            #expect(total?["outcomes"] as? Int == 600 && total?["completed"] as? Int == 20)
            let minutes = json["minutes"] as? [[String: Any]] ?? []
            #expect((11...12).contains(minutes.count))
            let full = minutes.first { $0["minute"] as? Int == (minute - 3) * 60_000 }
            #expect(full?["failedAttempts"] as? Int == 5 && full?["milliseconds"] as? Int == 120_000)
            for length in ["4d", "0s", "x"] {
                let refused = try await fixture.stepwise("stats", "--since", length)
                #expect(refused.code == 64, "\(refused)")
            }
        }
    }
}
