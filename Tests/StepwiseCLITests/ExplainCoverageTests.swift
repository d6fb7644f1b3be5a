import Foundation
import Stepwise
import Testing

/// Which causes are made in scenarios, so that a new one is, too.
@Suite("Causes that scenarios make")
struct ExplainCoverageTests {
    /// Those that only pictures of runs make, in ExplainCases, and why.
    private static let pure: [Explanation.Cause: String] = [
        .movedWhileLooking: "a run that moves at each of three looks does so by chance",
        .placeUnknown: "it takes more workers, or a longer queue, than are looked at",
    ]

    /// What the scenarios ask for: of a helper that compares it with the guide.
    private func made() throws -> Set<Explanation.Cause> {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter {
                $0.lastPathComponent.hasPrefix("ExplainMore") || $0.lastPathComponent.hasPrefix("ExplainScenario")
            }
        #expect(files.count > 5)
        let texts = try files.map { try String(contentsOf: $0, encoding: .utf8) }.joined()
        return Set(
            Explanation.Cause.allCases.filter { cause in
                let asked = "(told|besides|unread)\\(\\.\(cause),|explained\\(fixture, [a-z.\"]+, \\.\(cause)\\)"
                return texts.range(of: asked, options: .regularExpression) != nil
            })
    }

    @Test func `Each cause is made with a real Redis, or it is said here why not`() throws {
        let made = try made()
        for cause in Explanation.Cause.allCases {
            #expect(
                made.contains(cause) != (Self.pure[cause] != nil),
                "\(cause): a scenario makes it (ExplainMore…Tests) and asks for it with told(.\(cause), or it is among those that none makes"
            )
        }
    }
}
