import Foundation
import Stepwise
import Testing

@Suite("Step keys")
struct StepKeyTests {
    private struct Photo: Codable, Sendable {
        var name: String
        var tags: Set<String> = []
        var sizes: [Int: String] = [:]
    }

    private func key(_ value: some Encodable) throws -> String { try StepKey(value).json }

    @Test func `A short value is its own key, as JSON with sorted members`() throws {
        #expect(try key("A1") == "\"A1\"")
        #expect(try key(7) == "7")
        #expect(try key(["b": 1, "a": 2]) == #"{"a":2,"b":1}"#)
    }

    @Test
    func `A long value, and one that holds arrays, is a hash; equal values have equal ones, others do not`() throws {
        let long = String(repeating: "x", count: 200)
        for value in [long, long + "y", "\(long)\"", "\(long)\\\""] {
            #expect(try key(value).wholeMatch(of: /"fnv1a:[0-9a-f]{16}"/) != nil)
            #expect(try key(value) == key(value))
        }
        let different = [
            try key([long]), try key(long), try key(long + "y"), try key(["a": long]), try key(["b": long]),
            try key(["a": [1, 2]]), try key(["a": [1, 3]]), try key(["a": [1], "b": [2]]),
            try key(["b": [1], "a": [2]]),
            try key([[1], [2, 3]]), try key([[1, 2], [3]]), try key([12]), try key([1, 2]), try key([1, 2, 2]),
            try key([String]()), try key([""]), try key(["\\"]), try key(["\\\\"]), try key(["\""]),
            try key([",", ""]),
            try key(["[1]"]), try key([[1]]),
        ]
        #expect(Set(different).count == different.count)
    }

    @Test func `A set and a dictionary have one key in whatever order they come`() throws {
        let tags = (0..<50).map { "tag \($0)" }
        let sizes = (0..<50).map { ($0, "\($0)") }
        let one = Photo(name: "p", tags: Set(tags), sizes: .init(uniqueKeysWithValues: sizes))
        var other = Photo(name: "p", tags: Set(minimumCapacity: 1000), sizes: .init(minimumCapacity: 1000))
        for tag in tags.reversed() { other.tags.insert(tag) }
        for (number, text) in sizes.reversed() { other.sizes[number] = text }
        #expect(Array(one.tags) != Array(other.tags))
        #expect(try key(one) == key(other))
        other.tags.remove("tag 3")
        #expect(try key(one) != key(other))
    }

    @Test func `A key that has no JSON form is an error where the step is called`() {
        let core = Core { context in
            do { return try await context.run("a", .key(Double.nan)) { "x" } } catch let error as StepwiseError {
                return "\(error.code)"
            }
        }
        #expect(core.end == "notStorable" && core.instance.callCount == 0)
    }

    @Test
    func `An outcome with another key than the step is called with stops the instance; without a key, any will do`() {
        func core(_ stored: String?) -> Core {
            let core = Core { context in try await context.run("resize", .key("b")) { "x" } }
            core.instance.deliver(Outcome(step: "resize", result: .value(Array("\"done\"".utf8)), key: stored))
            return core
        }
        #expect(core("\"b\"").end == "done")
        #expect(core(nil).end == "done")
        let other = core("\"a\"")
        for part in ["\"resize\"", "key \"a\"", "key \"b\"", "position 1"] { #expect(other.standing.contains(part)) }
        #expect(other.instance.evict())
    }
}
