import Foundation
import Stepwise
import StepwiseTesting
import Synchronization
import TestSupport
import Testing

@Suite("Which bodies begin on the worker's own thread") struct BodyPaceTests {
    private func paces(quick times: Int) -> BodyPaces {
        let paces = BodyPaces()
        for _ in 0..<times { paces.of("step").note(took: Duration.microseconds(20), wasHere: false) }
        return paces
    }

    @Test func `Only one that was quick eight times`() {
        #expect(!paces(quick: 0).of("step").isQuick)
        #expect(!paces(quick: 7).of("step").isQuick)
        #expect(paces(quick: 8).of("step").isQuick)
        #expect(!paces(quick: 8).of("another step").isQuick)
    }

    @Test func `One that takes long elsewhere begins to count anew`() {
        let paces = paces(quick: 7)
        paces.of("step").note(took: Duration.milliseconds(1), wasHere: false)
        for _ in 0..<7 { paces.of("step").note(took: Duration.microseconds(20), wasHere: false) }
        #expect(!paces.of("step").isQuick)
    }

    @Test func `Each millisecond that one holds the thread costs eight quick times elsewhere`() {
        let paces = paces(quick: 1000)
        paces.of("step").note(took: Duration.milliseconds(10), wasHere: true)
        for _ in 0..<71 { paces.of("step").note(took: Duration.microseconds(20), wasHere: false) }
        #expect(!paces.of("step").isQuick)
        paces.of("step").note(took: Duration.microseconds(20), wasHere: false)
        #expect(paces.of("step").isQuick)
    }

    @Test func `Names that are made of data do not fill the memory, and cost the others no more than their credit`() {
        let paces = paces(quick: 8)
        for number in 0..<20_000 { paces.of("step \(number)").note(took: Duration.microseconds(20), wasHere: false) }
        // One may be forgotten with the rest.
        for _ in 0..<9 { paces.of("step").note(took: Duration.microseconds(20), wasHere: false) }
        #expect(paces.of("step").isQuick)
    }
}

extension Scenarios {
    @Suite("Quick bodies", .serialized) struct QuickBodies {
        /// Whether the current thread is one of a worker's event loops.
        private static var isOnLane: Bool {
            #if canImport(Darwin)
            var name = [CChar](repeating: 0, count: 64)
            pthread_getname_np(pthread_self(), &name, name.count)
            return String(cString: name).hasPrefix("NIO")
            #else
            return (try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8))?.hasPrefix("NIO") == true
            #endif
        }

        struct Broken: Error {}

        /// Calls the same quick step until one of its bodies begins on the worker's thread; the next of them does what the input says.
        private func workflow(_ waiting: Flag = Flag()) -> Workflow<String, String> {
            Workflow("quick") { (context, what: String) async throws -> String in
                while try await !context.run("step", body: { Self.isOnLane }) {}
                return try await context.run("step", .retry(.never)) {
                    let began = Self.isOnLane
                    switch what {
                    case "returns": break
                    case "throws": throw Broken()
                    case "waits": try await Task.sleep(for: .milliseconds(20))
                    default:
                        waiting.set()
                        try await Task.sleep(for: .seconds(600))
                    }
                    return "\(began) \(Self.isOnLane)"
                }
            }
        }

        /// The first output that tells of a body which began on the worker's thread: on a busy machine the last may not.
        private func output(_ what: String, _ client: StepwiseClient) async throws -> String {
            for _ in 0..<20 {
                let output = try await client.enqueue(workflow(), what).result(timeout: patience)
                if output.hasPrefix("true") { return output }
            }
            return "never"
        }

        @Test
        func `One that begins on the worker's thread returns, throws, or waits: then it goes on elsewhere`()
            async throws
        {
            try await withWorker([workflow()]) { client, _ in
                #expect(try await output("returns", client) == "true true")
                #expect(try await output("waits", client) == "true false")
                let throwing = try await client.enqueue(workflow(), "throws")
                #expect(await errorCode { _ = try await throwing.result(timeout: patience) } == .runFailed)
                #expect(try await throwing.details().error?.contains("Broken") == true)
            }
        }

        @Test(arguments: Memory.allCases)
        func
            `One that was quick and now waits, fails or is tried again is executed as often as any, however little is kept in memory`(
                _ memory: Memory
            ) async throws
        {
            let bodies = Tally()
            let workflow = Workflow<Int, [Int]>("surprising") { (context, width: Int) async throws -> [Int] in
                @Sendable func body(_ number: Int, _ step: Step) async throws -> Int {
                    bodies.add("\(step.idempotencyKey) \(step.attempt)")
                    if number % 4 == 1 { try await Task.sleep(for: .milliseconds(5)) }
                    if number % 4 == 2, step.attempt == 1 { throw Hiccup() }
                    return number
                }
                for _ in 0..<10 { _ = try await context.run("step") { try await body(0, $0) } }
                var numbers = try await context.map(0..<width, "step", .retry(.fixed(.zero, attempts: 2))) {
                    try await body($0, $1)
                }
                for number in 0..<width {
                    numbers.append(
                        try await context.run("step", .retry(.fixed(.zero, attempts: 2))) { try await body(number, $0) }
                    )
                }
                return numbers
            }
            var configuration = StepwiseWorker.Configuration()
            configuration.quickBody = .seconds(1)
            try await withWorker([workflow], memory: memory, configuration: configuration) { client, _ in
                let runs = try await client.enqueue(workflow.workflowName, each: [12, 12, 12])
                for run in runs {
                    #expect(try await run.result(timeout: patience) == Array(0..<12) + Array(0..<12))
                    #expect(try await run.history().count == 34)
                }
                #expect(Set(bodies.all).count == bodies.all.count, "a body was executed twice")
                #expect(bodies.all.count == 3 * (34 + 6))
            }
        }

        @Test func `One that waits is cancelled with its run`() async throws {
            let waiting = Flag()
            try await withWorker([workflow(waiting)]) { client, _ in
                let run = try await client.enqueue(workflow(), "hangs")
                try await eventually("the body waits") { waiting.isSet }
                try await run.cancel(reason: "enough")
                #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runCancelled)
            }
        }

        @Test func `A worker ends although a body holds its thread and does not let go`() async throws {
            let (isHeld, release) = (Flag(), DispatchSemaphore(value: 0))
            @Sendable func hold() {
                isHeld.set()
                release.wait()
            }
            let holding = Workflow("holding") { (context, _: Int) async throws -> Void in
                while !isHeld.isSet {
                    try await context.run("step") { if Self.isOnLane { hold() } }
                }
            }
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let worker = try StepwiseWorker(
                    redis: RedisEndpoint(server.url), workflows: [holding], configuration: .init(shutdownGrace: .zero),
                    logger: .silent)
                let service = RunningWorker(worker)
                _ = try await client.enqueue(holding, 0)
                try await eventually("the body holds the thread") { isHeld.isSet }
                try await service.end()
                release.signal()
                await client.close()
            }
        }

        @Test func `Bodies that block the thread of their worker are soon begun elsewhere`() async throws {
            let tally = Tally()
            @Sendable func block() { Thread.sleep(forTimeInterval: 0.02) }
            let blocking = Workflow("blocking") { (context, count: Int) async throws -> Int in
                for _ in 0..<count {
                    try await context.run("step") {
                        if !Self.isOnLane { return }
                        tally.add("blocked")
                        block()
                    }
                }
                return count
            }
            try await withWorker([blocking]) { client, _ in
                let run = try await client.enqueue(blocking, 600)
                #expect(try await run.result(timeout: patience) == 600)
            }
            // Each costs 160 quick times.
            #expect(tally["blocked"] <= 4)
        }
    }
}
