import ArgumentParser
import Stepwise

struct ChildrenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "children", abstract: "Lists the runs that a run has made, and how they stand.",
        discussion: """
            Those of open steps first, then those of recorded ones. A run that has begun anew lists those of its present generation. With \
            --depth their children as well, indented below them.
            """)

    /// No run is deeper below another one, unless a worker's `maximumDepth` is raised.
    private static let deepest = 10
    /// However many children each of them has.
    private static let mostRows = 1000

    @Argument(help: "The run's id.")
    var run: String

    @Option(help: ArgumentHelp("How far below the run: 1 is its own children.", valueName: "count"))
    var depth = 1

    @Option(help: ArgumentHelp("About so many of each run.", valueName: "count"))
    var limit = 50

    @Option(help: ArgumentHelp("Go on at this place: the one that the page before has named.", valueName: "place"))
    var after: String?

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if !(1...Self.deepest).contains(depth) { throw ValidationError("--depth must be 1 to \(Self.deepest)") }
        if !(1...Self.mostRows).contains(limit) { throw ValidationError("--limit must be 1 to \(Self.mostRows)") }
        _ = try place()
    }

    private func place() throws -> ChildPlace {
        guard let after else { return .open(0) }
        guard let place = ChildPlace(after) else {
            throw ValidationError(
                "--after \(after) is not a place in the list: use the one that the page before has named")
        }
        return place
    }

    private struct Row {
        var parent: String
        var depth: Int
        var child: ChildListing
    }

    func run() async throws {
        try await connection.withClient { client in
            let start = try place()
            _ = try await client.record(run)
            let page = try await client.children(ofRun: run, after: start, limit: limit)
            var rows: [Row] = []
            // Of these there are more.
            var cut: [(run: String, next: ChildPlace)] = []
            var seen: Set<String> = [run]
            try await add(page, of: run, depth: 1, client, &rows, &cut, &seen)
            if connection.json {
                Output.print(
                    JSONDocument.object([
                        ("run", .string(run)), ("children", .array(rows.map(json))),
                        ("next", JSONDocument(page.next?.description)), ("cut", JSONDocument(cut.map(\.run))),
                    ]))
                return
            }
            var table = Table("RUN", "WORKFLOW", "STATUS", "SINCE", "STEP", "REASON")
            for row in rows {
                let run = row.child.run
                table.add(
                    String(repeating: "  ", count: row.depth - 1) + row.child.id, run?.workflow ?? "-",
                    run?.status.rawValue ?? (row.child.isOpen ? "not made yet" : "removed"), Output.time(run?.since),
                    row.child.step, Output.short(run?.reason ?? ""))
            }
            Output.print(table)
            if let next = page.next {
                Output.complain("there are more: add --limit or --after \(next.description.shellWord)")
            }
            for (run, next) in cut.prefix(10) {
                let command = client.keys.command("children \(run.shellWord) --after \(next.description.shellWord)")
                Output.complain("there are more below \(run): \(command)")
            }
            if cut.count > 10 { Output.complain("there are more below \(cut.count - 10) others as well") }
        }
    }

    /// Adds a page of a run's children, each followed by its own as far as they are wanted.
    private func add(
        _ page: ChildPage, of parent: String, depth: Int, _ client: StepwiseClient, _ rows: inout [Row],
        _ cut: inout [(run: String, next: ChildPlace)], _ seen: inout Set<String>
    ) async throws {
        for child in page.children {
            rows.append(Row(parent: parent, depth: depth, child: child))
            // An id may be given: one run may be the child of many, and of itself.
            guard depth < self.depth, child.run != nil, seen.insert(child.id).inserted else { continue }
            if rows.count >= Self.mostRows {
                cut.append((child.id, .open(0)))
                continue
            }
            let below = try await client.children(ofRun: child.id, limit: limit)
            if let next = below.next { cut.append((child.id, next)) }
            try await add(below, of: child.id, depth: depth + 1, client, &rows, &cut, &seen)
        }
    }

    private func json(_ row: Row) -> JSONDocument {
        let run = row.child.run
        return .object([
            ("id", .string(row.child.id)), ("parent", .string(row.parent)), ("depth", .number(row.depth)),
            ("step", .string(row.child.step)), ("open", .bool(row.child.isOpen)),
            ("workflow", JSONDocument(run?.workflow)), ("status", JSONDocument(run?.status.rawValue)),
            ("queue", JSONDocument(run?.queue)), ("recorded", JSONDocument(run?.recorded)),
            ("since", JSONDocument(run?.since)), ("created", JSONDocument(run?.created)),
            ("ended", JSONDocument(run?.ended)), ("reason", JSONDocument(run?.reason)),
        ])
    }
}
