import Foundation
import Stepwise
import Testing

@Suite("Replay: random numbers")
struct RandomTests {
    private static func draw(_ context: WorkflowContext) -> UInt64 {
        var random = context.random
        return random.next()
    }

    /// Two branches, a use before, between and after their steps; `extra` uses are inserted at the beginning.
    private func branches(extra: Int = 0, continued: Int = 0) -> Core {
        Core(
            Workflow<Void, String>("core") { context in
                for _ in 0..<extra { _ = context.uuid() }
                let first = Self.draw(context)
                @Sendable func branch(_ name: String) async throws -> String {
                    try await context.run(name) { 0 }
                    let between = "\(Self.draw(context)) \(context.uuid())"
                    try await context.run(name) { 0 }
                    return "\(between) \(Self.draw(context))"
                }
                async let left = branch("left")
                async let right = branch("right")
                return try await "\(first),\(left),\(right)"
            }, continued: continued)
    }

    private func end(_ core: Core, _ order: [String] = ["right", "left", "left#2", "right#2"]) -> [String] {
        for step in order { core.deliver(step, "0") }
        return core.end?.split(separator: ",").map(String.init) ?? []
    }

    @Test func `Numbers and UUIDs are the same on a replay, also in parallel branches, and differ from each other`() {
        let numbers = end(branches())
        #expect(numbers.count == 3)
        for _ in 0..<3 { #expect(end(branches()) == numbers) }
        let all = numbers.joined(separator: " ").split(separator: " ")
        #expect(all.count == 7 && Set(all).count == 7)
    }

    @Test func `A use that is inserted moves the others only up to the next step call`() {
        let (before, after) = (end(branches()), end(branches(extra: 2)))
        #expect(before.count == 3 && after.count == 3)
        #expect(before.first != after.first)
        #expect(before.dropFirst() == after.dropFirst())
    }

    @Test func `A run that has begun anew gets other numbers`() {
        let (before, after) = (end(branches()), end(branches(continued: 1)))
        #expect(before.count == 3 && after.count == 3)
        #expect(Set(before).isDisjoint(with: after))
    }

    @Test func `A UUID is one of version 4, by its bits and by its text`() {
        let core = Core { context in (0..<200).map { _ in context.uuid().uuidString }.joined(separator: ",") }
        let texts = core.end?.split(separator: ",").map(Array.init) ?? []
        #expect(texts.count == 200 && Set(texts).count == 200)
        for text in texts {
            #expect(text.count == 36 && text[14] == "4" && "89AB".contains(text[19]), "\(String(text))")
        }
    }

    @Test func `Neighbouring places give unrelated numbers: each bit is set in about half of them`() {
        let core = Core { context in (0..<4000).map { _ in "\(Self.draw(context))" }.joined(separator: ",") }
        let numbers = core.end?.split(separator: ",").compactMap { UInt64($0) } ?? []
        #expect(Set(numbers).count == 4000)
        for bit in 0..<64 {
            let count = numbers.count { $0 >> UInt64(bit) & 1 == 1 }
            #expect((1800...2200).contains(count), "bit \(bit): \(count)")
        }
    }
}
