import Stepwise

/// A function of a random shape: sequences, parallel branches, races and steps whose names repeat everywhere.
indirect enum Program: Sendable {
    case step(String)
    case sequence([Program])
    case parallel([Program])
    case race([Program])
    case pair(Program, Program)
    /// So many elements, so many at a time, and which policy.
    case group(Int, Int, Int)
    /// A saga with so many steps, and a program in the middle of them.
    case saga(Int, Program)
    /// The second is executed, as cleanup, if the first is cancelled.
    case guarded(Program, Program)

    static func random(depth: Int, using random: inout SeededNumbers) -> Program {
        func some() -> [Program] {
            (0..<Int.random(in: 1...3, using: &random)).map { _ in .random(depth: depth - 1, using: &random) }
        }
        switch depth == 0 ? 0 : Int.random(in: 0..<9, using: &random) {
        case 1, 2: return .sequence(some())
        case 3: return .parallel(some())
        case 4: return .race(some())
        case 5: return .pair(.random(depth: depth - 1, using: &random), .random(depth: depth - 1, using: &random))
        case 6: return .guarded(.random(depth: depth - 1, using: &random), .random(depth: depth - 1, using: &random))
        case 7: return .saga(Int.random(in: 1...3, using: &random), .random(depth: depth - 1, using: &random))
        case 8:
            return .group(
                Int.random(in: 1...5, using: &random), Int.random(in: 1...5, using: &random),
                Int.random(in: 0...4, using: &random))
        default: return .step(Bool.random(using: &random) ? "a" : "b")
        }
    }

    /// Executes the program; the text tells which value went where.
    func run(_ context: WorkflowContext) async throws -> String {
        switch self {
        case .step(let name):
            do {
                return "\(try await context.run(name) { 0 })"
            } catch let failure as StepFailure {
                return failure.step + "!"
            }
        case .sequence(let parts):
            var texts: [String] = []
            for part in parts { texts.append(try await part.run(context)) }
            return "(\(texts.joined(separator: ";")))"
        case .parallel(let parts):
            return try await withThrowingTaskGroup(of: (Int, String).self) { group in
                for (index, part) in parts.enumerated() { group.addTask { (index, try await part.run(context)) } }
                var texts = [String](repeating: "", count: parts.count)
                for try await (index, text) in group { texts[index] = text }
                return "[\(texts.joined(separator: "|"))]"
            }
        case .race(let parts):
            let winner = try await context.race(parts.map { part in { @Sendable in try await part.run(context) } })
            return "<\(winner)>"
        case .pair(let left, let right):
            async let first = left.run(context)
            async let second = right.run(context)
            return "{\(try await second),\(try await first)}"
        case .group(let count, let width, let kind):
            do {
                if kind == 0 { return "\(try await context.map(0..<count, "a", maxConcurrency: width) { $0 })" }
                if kind == 1 { return "\(try await context.any(0..<count, "a", maxConcurrency: width) { $0 })" }
                let policy: GroupPolicy = kind == 2 ? .settled : kind == 3 ? .atLeast((count + 1) / 2) : .tolerating(1)
                let outcomes = try await context.settle(0..<count, "b", until: policy, maxConcurrency: width) { $0 }
                return "\(outcomes.map { $0.value.map(String.init) ?? $0.failure?.step ?? "-" })"
            } catch let failure as StepFailure {
                return failure.step + "."
            } catch let failure as GroupFailure {
                return "\(failure.failures.map(\.step)).\(failure.succeeded)"
            }
        case .saga(let count, let work):
            do {
                return try await context.saga { saga in
                    var texts: [String] = []
                    async let beside = saga.run("b") {
                        0
                    } undo: { _ in
                    }
                    for _ in 0..<count { texts.append("\(try await saga.run("a") { 0 } undo: { _ in })") }
                    texts.append(try await work.run(context))
                    return "s\(texts)\(try await beside)"
                }
            } catch let failure as StepFailure {
                return failure.step + "?"
            } catch let failure as SagaFailure {
                if failure.cause is CancellationError { throw failure.cause }
                return "\(failure.notUndone.map(\.step))?"
            }
        case .guarded(let work, let undo):
            do {
                return try await work.run(context)
            } catch is CancellationError {
                return try await context.cleanup { "~\(try await undo.run(context))" }
            }
        }
    }
}
