import Stepwise
import Testing

@Suite("Explain and the doctor, of one generated run")
struct ExplainAgreesTests {
    @Test func `What the doctor calls stuck is never moving, and what is sound has no fault`() throws {
        let keys = try Keys(namespace: "default")
        var (stopped, sound, moving) = (0, 0, 0)
        for seed in 0..<5000 {
            var world = AgreementWorld(UInt64(seed))
            let doctor = RunDiagnosis(world.run, movers: world.movers, served: ["w"], keys: keys).violations
            var picture = world.look(keys)
            let joins = picture.run?.joins ?? false
            let findings = Findings(picture, keys: keys)
            if doctor.contains(where: { $0.kind.stops(joins: joins) }) {
                stopped += 1
                #expect(findings.verdict != .moving, "seed \(seed): \(doctor.map(\.line))")
                // A look that could not be repeated.
                (picture.isSuspect, picture.violations) = (!picture.violations.isEmpty, [])
                let once = Findings(picture, keys: keys)
                #expect(once.verdict != .moving, "seed \(seed), seen once: \(doctor.map(\.line))")
            } else if doctor.isEmpty, !world.hasStrangeClaims {
                sound += 1
                #expect(picture.violations.map(\.line) == [], "seed \(seed)")
                #expect(!findings.all.contains { $0.cause == .nobodyMoves }, "seed \(seed)")
                if findings.verdict == .moving { moving += 1 }
            }
        }
        // All three are many.
        #expect(stopped > 500 && sound > 500 && moving > 100, "\(stopped) stopped, \(sound) sound, \(moving) moving")
    }
}
