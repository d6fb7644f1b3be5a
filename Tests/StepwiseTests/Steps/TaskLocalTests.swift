import Stepwise
import TestSupport
import Testing

private enum Trace {
    @TaskLocal static var value = 0
}

extension Scenarios {
    @Suite("Task-local values")
    struct TaskLocalValues {
        @Test(arguments: Memory.allCases)
        func `A body sees a task-local value's default, and the function what it has bound itself`(_ memory: Memory)
            async throws
        {
            let traced = Workflow("traced") { (context: WorkflowContext, _: Int) async throws -> [Int] in
                try await Trace.$value.withValue(7) {
                    let one = try await context.run("one") { Trace.value }
                    async let beside = context.run("beside") { Trace.value }
                    let several = try await context.map([1, 2], "several") { _ in Trace.value }
                    let other = try await beside
                    return [Trace.value, one, other] + several
                }
            }
            try await withWorker([traced], memory: memory) { client, _ in
                // The client's task is another one, too.
                let output = try await Trace.$value.withValue(9) {
                    try await client.enqueue(traced, 0).result(timeout: patience)
                }
                #expect(output == [7, 0, 0, 0, 0])
            }
        }
    }
}
