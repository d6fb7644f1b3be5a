import Foundation
import Stepwise
import TestSupport
import Testing

/// Executes a step that returns `value`, and notes if something else comes back.
private func same<T: Codable & Equatable & Sendable>(
    _ context: WorkflowContext, _ name: String, _ value: T, _ wrong: inout [String]
) async throws {
    let back = try await context.run(name) { value }
    if back != value { wrong.append("\(name): \("\(back)".prefix(100))") }
}

private enum Currency: String, Codable, Sendable, Hashable, CodingKeyRepresentable { case eur, usd }
private enum Size: Int, Codable, Sendable, Hashable { case small = 1, large }

private enum Payment: Codable, Equatable, Sendable {
    case cash
    case card(number: String, month: Int)
    indirect case split(Payment, Payment)
}

private struct Node: Codable, Equatable, Sendable {
    var name: String
    var children: [Node] = []
    var attributes: [String: [String: [Int?]]] = [:]
}

extension Scenarios {
    @Suite("Results")
    struct Results {
        @Test(.scenario(9), arguments: Memory.allCases)
        func `Primitives come back as they were`(_ memory: Memory) async throws {
            let workflow = Workflow("primitives") { (context, _: Int) async throws -> [String] in
                var wrong: [String] = []
                try await same(context, "Int.min", Int.min, &wrong)
                try await same(context, "Int.max", Int.max, &wrong)
                try await same(context, "UInt64.max", UInt64.max, &wrong)
                try await same(context, "Int8", Int8.min, &wrong)
                try await same(context, "Double", 0.1 + 0.2, &wrong)
                try await same(context, "Double.greatest", Double.greatestFiniteMagnitude, &wrong)
                try await same(context, "Double.least", Double.leastNonzeroMagnitude, &wrong)
                try await same(context, "-0.0", -0.0, &wrong)
                try await same(context, "Float", Float.pi, &wrong)
                try await same(context, "true", true, &wrong)
                try await same(context, "false", false, &wrong)
                try await same(context, "empty", "", &wrong)
                try await same(context, "unicode", "Grüße, 你好, \u{202E}abc\u{2028}e\u{301}", &wrong)
                try await same(context, "emoji", "👩‍👩‍👧‍👦🇺🇳", &wrong)
                try await same(context, "NUL", "a\0b\u{1}\u{7F}\r\n\t\\\"/", &wrong)
                try await same(context, "100 KB", String(repeating: "0123456789", count: 10_240), &wrong)
                try await same(context, "null", "null", &wrong)
                return wrong
            }
            #expect(try await complete(workflow, 0, memory: memory).output == [])
        }

        @Test(.scenario(9), arguments: Memory.allCases)
        func `nil, nothing, empty arrays and empty dictionaries come back as such`(_ memory: Memory) async throws {
            let workflow = Workflow("emptiness") { (context, _: Int) async throws -> [String] in
                var wrong: [String] = []
                try await same(context, "nil", Int?.none, &wrong)
                try await same(context, "some", Int?.some(0), &wrong)
                try await same(context, "[]", [Int](), &wrong)
                try await same(context, "[:]", [String: Int](), &wrong)
                try await same(context, "[[]]", [[String]()], &wrong)
                try await same(context, "[nil]", [Int?.none, 1], &wrong)
                try await context.run("Void") {}
                return wrong
            }
            let run = try await complete(workflow, 0, memory: memory)
            #expect(run.output == [])
            #expect(run.history.map(\.value) == ["null", "0", "[]", "{}", "[[]]", "[null,1]", "null"])
        }

        @Test func `JSON has one null: of a nested optional, the inner nil comes back as the outer one`() async throws {
            let workflow = Workflow("nested-optional") { (context, _: Int) async throws -> [Bool] in
                let inner = try await context.run("inner nil") { Int??.some(nil) }
                let value = try await context.run("value") { Int??.some(5) }
                return [inner == nil, value == 5]
            }
            #expect(try await complete(workflow, 0).output == [true, true])
        }

        @Test(arguments: Memory.allCases)
        func `Dictionaries, enums with payloads and deep structures come back as they were`(_ memory: Memory)
            async throws
        {
            let workflow = Workflow("structures") { (context, _: Int) async throws -> [String] in
                var wrong: [String] = []
                try await same(context, "strings", ["b": 1, "a": 2, "ü": 3], &wrong)
                try await same(context, "enum keys", [Currency.eur: 1.5, .usd: 2], &wrong)
                try await same(context, "other enum keys", [Size.small: "s", .large: "l"], &wrong)
                try await same(context, "Int keys", [1: "a", -2: "b"], &wrong)
                try await same(context, "set", Set(0..<50), &wrong)
                try await same(context, "case", Payment.cash, &wrong)
                try await same(
                    context, "payload", Payment.split(.card(number: "4111", month: 12), .split(.cash, .cash)), &wrong)
                var node = Node(name: "leaf", attributes: ["a": ["b": [1, nil, 3]]])
                for depth in 0..<40 { node = Node(name: "level \(depth)", children: [node, Node(name: "twin")]) }
                try await same(context, "deep", node, &wrong)
                try await same(context, "wide", (0..<500).map { Node(name: "\($0)") }, &wrong)
                return wrong
            }
            let run = try await complete(workflow, 0, memory: memory)
            #expect(run.output == [])
            #expect(run.recorded("strings")?.value == #"{"a":2,"b":1,"ü":3}"#)
            #expect(run.recorded("enum keys")?.value == #"{"eur":1.5,"usd":2}"#)
        }

        @Test(arguments: Memory.allCases)
        func `Foundation's values come back as they were`(_ memory: Memory) async throws {
            let workflow = Workflow("foundation") { (context, _: Int) async throws -> [String] in
                var wrong: [String] = []
                try await same(context, "Data", Data((0...255).map { UInt8($0) }), &wrong)
                try await same(context, "URL", URL(string: "https://example.com/a%20b?q=1&r=ü#top")!, &wrong)
                try await same(context, "UUID", UUID(uuidString: "E621E1F8-C36C-495A-93FC-0C247A3E6E5F")!, &wrong)
                try await same(context, "Decimal", Decimal(string: "12345678901234567890.123456789")!, &wrong)
                try await same(context, "cents", Decimal(string: "0.1")!, &wrong)
                try await same(context, "Date", Date(timeIntervalSince1970: 1_769_860_800.123456), &wrong)
                try await same(context, "before 1970", Date(timeIntervalSince1970: -0.25), &wrong)
                try await same(context, "past", Date.distantPast, &wrong)
                try await same(context, "future", Date.distantFuture, &wrong)
                return wrong
            }
            let run = try await complete(workflow, 0, memory: memory)
            #expect(run.output == [])
            #expect(run.recorded("Date")?.value == #""2026-01-31T12:00:00.123456Z""#)
            #expect(run.recorded("URL")?.value?.contains(#"\/"#) == false)
        }

        @Test func `A date is kept to the microsecond, the same at once and on every replay`() async throws {
            let now = Date(timeIntervalSince1970: 1_769_860_800.123_456_789)
            let workflow = Workflow("dates") { (context, _: Int) async throws -> [Date] in
                let first = try await context.run("now") { now }
                let second = try await context.run("again") { first }
                return [first, second]
            }
            let run = try await complete(workflow, 0)
            #expect(run.output[0] == run.output[1])
            #expect(abs(run.output[0].timeIntervalSince(now)) <= 0.000_001)
        }
    }
}
