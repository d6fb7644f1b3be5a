import Stepwise
import StepwiseTesting
import TestSupport
import Testing

private let leaf = Workflow("leaf") { (_, number: Int) async throws -> Int in number }
private let middle = Workflow("middle") { (context, number: Int) async throws -> Int in
    try await context.invoke(leaf, number, name: "below", id: "leaf-\(number)", .queue("later"))
}
private let top = Workflow("top") { (context, number: Int) async throws -> Int in
    _ = try await context.start(leaf, number, name: "first", id: "started")
    async let a = context.invoke(middle, 1, name: "a", id: "middle-1")
    async let b = context.invoke(leaf, 2, name: "b", id: "leaf-2", .queue("later"))
    return try await a + b
}
/// Has more children than a page shows.
private let wide = Workflow("wide") { (context, number: Int) async throws -> Int in
    for child in 1...number { _ = try await context.start(leaf, child, name: "child", id: "w\(child)") }
    return number
}

@Suite("stepwise children", .serialized)
struct ChildrenCommandTests {
    private func children(_ end: CommandEnd) throws -> [[String: Any]] {
        try document(end.output)["children"] as? [[String: Any]] ?? []
    }

    private func ids(_ end: CommandEnd) throws -> [String] { try children(end).compactMap { $0["id"] as? String } }

    @Test func `The runs that a run has made are listed with how they stand, and those below them if asked for`()
        async throws
    {
        try await Fixture.with { fixture in
            try await fixture.withWorker([leaf, middle, top]) {
                _ = try await fixture.client.enqueue(workflow: "top", payloadJSON: "5", id: "t")
                try await eventually("all of them are made") {
                    let open = try await fixture.client.openSteps(ofRun: "t").compactMap(\.state.child)
                    let below = try await fixture.client.openSteps(ofRun: "middle-1").compactMap(\.state.child)
                    let started = try await fixture.client.details(ofRun: "started")?.status
                    return open.sorted() == ["leaf-2", "middle-1"] && below == ["leaf-1"] && started == .completed
                }
                let own = try await fixture.stepwise("children", "t", "--json")
                #expect(try ids(own) == ["middle-1", "leaf-2", "started"], "\(own)")
                let listed = try children(own)
                #expect(listed.compactMap { $0["status"] as? String } == ["running", "queued", "completed"], "\(own)")
                #expect(listed.compactMap { $0["step"] as? String } == ["a", "b", "first"])
                #expect(listed.compactMap { $0["open"] as? Bool } == [true, true, false])
                #expect(listed.allSatisfy { $0["since"] is Int && $0["parent"] as? String == "t" })

                let all = try await fixture.stepwise("children", "t", "--depth", "3", "--json")
                #expect(try ids(all) == ["middle-1", "leaf-1", "leaf-2", "started"], "\(all)")
                #expect(try children(all)[1]["depth"] as? Int == 2)
                let table = try await fixture.stepwise("children", "t", "--depth", "2")
                let rows = table.output.split(separator: "\n")
                #expect(rows.count == 5 && rows[2].hasPrefix("  leaf-1 ") && rows[3].hasPrefix("leaf-2 "), "\(table)")

                try await fixture.send("DEL ~run:started")
                let removed = try await fixture.stepwise("children", "t")
                #expect(removed.output.split(separator: "\n").last?.contains("removed") == true, "\(removed)")
                try await fixture.client.cancel("t")
            }
        }
    }

    @Test func `They come in pages, none is missing and none comes twice`() async throws {
        try await Fixture.with { fixture in
            try await fixture.withWorker([leaf, wide]) {
                let run = try await fixture.client.enqueue(wide, 5, id: "w")
                #expect(try await run.result(timeout: .seconds(30)) == 5)
            }
            var seen: [String] = []
            var place: String?
            for _ in 0..<10 {
                let after = place.map { ["--after", $0] } ?? []
                let page = try await fixture.run(["children", "w", "--limit", "2", "--json"] + after)
                let some = try ids(page)
                #expect(page.code == 0 && some.count <= 2, "\(page)")
                seen += some
                place = try document(page.output)["next"] as? String
                if place == nil { break }
            }
            #expect(seen == ["w1", "w2", "w3", "w4", "w5"] && place == nil)
            let table = try await fixture.stepwise("children", "w", "--limit", "2")
            #expect(table.complaint.contains("there are more: add --limit or --after recorded-2"), "\(table)")
        }
    }
}
