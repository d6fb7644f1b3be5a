import Testing

@Suite("What does not compile", .serialized)
struct BadProgramTests {
    private static let sentence = "a step's result is stored as JSON: return a Codable & Sendable value"

    private static let head = """
        import Foundation
        import Stepwise
        final class Connection: Sendable { func query() async -> Int { 1 } }
        final class Cart: Codable { var items = 0 }
        struct Handle { var number: Int32 }

        """

    /// Each is the body of a function of its own.
    private static let results = [
        "a connection": #"let c = try await context.run("a") { Connection() }; _ = c"#,
        "a connection, with the step": #"let c = try await context.run("a") { step in Connection() }; _ = c"#,
        "several statements":
            #"let c = try await context.run("a") { let c = Connection(); _ = await c.query(); return c }; _ = c"#,
        "several statements, with the step":
            #"let c = try await context.run("a") { step in print(step.id); return Connection() }; _ = c"#,
        "async let": #"async let c = context.run("a") { Connection() }; _ = try await c"#,
        "async let, with the step": #"async let c = context.run("a") { _ in Connection() }; _ = try await c"#,
        "async let that is used": #"async let c = context.run("a") { Connection() }; print(try await c)"#,
        "a statement": #"try await context.run("a") { Connection() }"#,
        "a statement, with the step": #"try await context.run("a") { step in Connection() }"#,
        "an underscore": #"_ = try await context.run("a") { Connection() }"#,
        "options": #"try await context.run("a", .retry(.never)) { Connection() }"#,
        "a file handle": #"let h = try await context.run("a") { FileHandle.standardError }; _ = h"#,
        "a stream": #"let s = try await context.run("a") { AsyncStream<Int> { $0.finish() } }; _ = s"#,
        "a tuple": #"let t = try await context.run("a") { (1, "one") }; _ = t"#,
        "any Codable": #"let v = try await context.run("a") { let v: any Codable & Sendable = 1; return v }; _ = v"#,
        "a closure": #"let f = try await context.run("a") { { @Sendable in 1 } }; _ = f"#,
        "an array of connections": #"let l = try await context.run("a") { [Connection()] }; _ = l"#,
        "an optional connection": #"let o = try await context.run("a") { Optional(Connection()) }; _ = o"#,
        "a class that is not Sendable": #"let c = try await context.run("a") { Cart() }; _ = c"#,
        "a struct that is not Codable": #"let h = try await context.run("a") { Handle(number: 1) }; _ = h"#,
        "a function by name":
            #"@Sendable func open() -> Connection { Connection() }; _ = try await context.run("a", body: open)"#,
        "in a map": #"let l = try await context.map([1], "a") { _ in Connection() }; _ = l"#,
        "in a map, with the step":
            #"_ = try await context.map([1], "a", maxConcurrency: 1) { _, step in Connection() }"#,
        "in a settle": #"let l = try await context.settle([1], "a", until: .atLeast(1)) { _ in Connection() }; _ = l"#,
        "in a settle, with the step": #"_ = try await context.settle([1], "a") { _, _ in (1, 2) }"#,
        "in an any": #"let c = try await context.any([1], "a") { _ in Connection() }; _ = c"#,
        "in an any, with the step": #"_ = try await context.any([1], "a") { _, _ in Cart() }"#,
        "in a saga":
            #"_ = try await context.saga { s in try await s.run("a") { Connection() } undo: { c in print(await c.query()) } }"#,
        "in a saga, with the step":
            #"try await context.saga { s in try await s.run("a") { step in Connection() } undo: { _ in } }"#,
        "in a task group":
            #"await withTaskGroup { g in g.addTask { let c = try? await context.run("a") { Connection() }; _ = c } }"#,
    ]

    @Test func `A result that cannot be stored is an error that says what to return, however it is written`() throws {
        let names = Self.results.keys.sorted()
        let functions = names.enumerated().map { index, name in
            "func f\(index)(_ context: WorkflowContext) async throws { \(Self.results[name] ?? "") }"
        }
        let firstLine = Self.head.split(separator: "\n", omittingEmptySubsequences: false).count
        let diagnostics = try Compiler().diagnose(Self.head + functions.joined(separator: "\n"), languageMode: "6")
        for (index, name) in names.enumerated() {
            let here = diagnostics.filter { $0.line == firstLine + index }
            #expect(here.contains { $0.isError }, "\(name) compiles")
            #expect(here.contains { $0.message.contains(Self.sentence) }, "\(name): \(here.map(\.message))")
        }
        #expect(diagnostics.allSatisfy { $0.line >= firstLine }, "\(diagnostics.filter { $0.line < firstLine })")
    }

    @Test
    func `In language mode 5 the same programs get the same sentence as a warning, and using the result is an error`()
        throws
    {
        let names = Self.results.keys.sorted()
        let functions =
            names.enumerated().map { index, name in
                "func f\(index)(_ context: WorkflowContext) async throws { \(Self.results[name] ?? "") }"
            }
        let firstLine = Self.head.split(separator: "\n", omittingEmptySubsequences: false).count
        let compiler = try Compiler()
        let diagnostics = try compiler.diagnose(Self.head + functions.joined(separator: "\n"), languageMode: "5")
        for (index, name) in names.enumerated() {
            let here = diagnostics.filter { $0.line == firstLine + index }
            #expect(here.contains { $0.message.contains(Self.sentence) }, "\(name): \(here.map(\.message))")
        }
        let use =
            #"func f(_ c: WorkflowContext) async throws { _ = await (try c.run("a") { Connection() }).query() }"#
        #expect(try compiler.diagnose(Self.head + use, languageMode: "5").contains { $0.isError })
    }

    @Test(
        arguments: [
            #"try await context.run("a") { count += 1 }"#,
            #"try await context.run("a") { step in count = step.attempt }"#,
            #"try await context.run("a") { count += 1; return count }"#,
            #"async let a: Int = context.run("a") { count += 1; return 1 }; _ = try await a"#,
        ], ["5", "6"]
    )
    func `A body that changes a variable outside is an error, in mode 5 a warning: a replay would not do it`(
        _ statement: String, _ mode: String
    ) throws {
        let program = """
            import Stepwise
            func f(_ context: WorkflowContext) async throws -> Int {
                var count = 0
                \(statement)
                return count
            }
            """
        let diagnostics = try Compiler().diagnose(program, languageMode: mode)
        let found = diagnostics.first { $0.line == 4 && $0.message.contains("captured var 'count'") }
        #expect(found?.isError == (mode == "6"), "\(diagnostics)")
    }

    @Test
    func `A body that returns another type than is expected is an error where the step is called, as the README says`()
        throws
    {
        let program = """
            import Stepwise
            struct Receipt: Codable {}
            func f(_ context: WorkflowContext) async throws {
                let r: Receipt = try await context.run("a") { "x" }
                _ = r
            }
            """
        let errors = try Compiler().diagnose(program, languageMode: "6").filter(\.isError)
        #expect(errors.map(\.line) == [4])
        #expect(errors.first?.message.contains("failed to produce diagnostic") == true, "\(errors)")
    }

    @Test(
        arguments: [
            #"Workflow("w") { (context: WorkflowContext, input: Handle) async throws -> Int in 1 }"#,
            #"Workflow("w") { (context: WorkflowContext, input: Int) async throws -> Handle in Handle(number: 1) }"#,
            #"Workflow(WorkflowName<Int, String>("w")) { context, input in input }"#,
        ]
    )
    func `Wrong inputs, outputs and options do not compile`(_ expression: String) throws {
        let program = Self.head + "func f() -> any AnyWorkflow { \(expression) }"
        #expect(try Compiler().diagnose(program, languageMode: "6").contains { $0.isError })
    }
}
