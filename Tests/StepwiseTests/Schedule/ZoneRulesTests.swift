import Foundation
import Stepwise
import Testing

@Suite("Time zones")
struct ZoneRulesTests {
    @Test(
        arguments: [
            "Europe/Berlin", "Europe/Dublin", "America/New_York", "America/Sao_Paulo", "Australia/Lord_Howe",
            "Asia/Kathmandu", "Pacific/Apia", "America/St_Johns", "Asia/Tehran", "Etc/GMT+5", "Asia/Tokyo",
        ]
    )
    func `Offsets are those that Foundation's own zones have, day and night, from 1970 to 2100`(_ identifier: String)
        throws
    {
        let zone = try ZoneRules(identifier: identifier)
        let foundation = try #require(TimeZone(identifier: identifier))
        // 19 hours and a bit: every time of the day comes up.
        for time in stride(from: 0, to: 4_102_444_800, by: 69_001) {
            let expected = foundation.secondsFromGMT(for: Date(timeIntervalSince1970: Double(time)))
            #expect(zone.offset(at: time) == expected, "\(time)")
            if zone.offset(at: time) != expected { return }
        }
    }

    @Test func `Every zone of this system can be read`() throws {
        let names = TimeZone.knownTimeZoneIdentifiers
        #expect(names.count > 400)
        // Foundation knows names that the system may lack; those of its own are told apart by their file.
        for name in names where FileManager.default.fileExists(atPath: "/usr/share/zoneinfo/" + name) {
            #expect(throws: Never.self, "\(name)") { try ZoneRules(identifier: name) }
        }
    }

    @Test(arguments: ["Europe/Atlantis", "../../../etc/passwd", "/etc/localtime", "", "Europe", "zone.tab", "MEZ 1"])
    func `What names no zone, or tries to read another file, is refused`(_ identifier: String) {
        #expect(throws: ZoneRules.Problem.self) { try ZoneRules(identifier: identifier) }
    }

    @Test func `A file that is cut off anywhere is refused`() throws {
        let bytes = Array(try Data(contentsOf: URL(filePath: "/usr/share/zoneinfo/Europe/Berlin")))
        #expect((ZoneFile(bytes) == nil) == false)
        let readable = bytes.indices.filter { ZoneFile(Array(bytes.prefix($0))) != nil }
        #expect(readable.isEmpty)
    }
}
