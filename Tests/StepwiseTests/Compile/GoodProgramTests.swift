import Testing

@Suite("What compiles", .serialized)
struct GoodProgramTests {
    @Test(
        arguments: [
            ("6", []), ("6", ["-enable-upcoming-feature", "NonisolatedNonsendingByDefault"]),
            (
                "6",
                ["-enable-upcoming-feature", "ExistentialAny", "-enable-upcoming-feature", "InternalImportsByDefault"]
            ),
            ("5", ["-enable-upcoming-feature", "InferSendableFromCaptures"]),
        ] as [(String, [String])]
    )
    func `Everything that the guides show compiles without a warning, with import Stepwise alone`(
        _ mode: String, _ flags: [String]
    ) throws {
        let diagnostics = try Compiler().diagnose(Self.program, languageMode: mode, flags)
        #expect(diagnostics.isEmpty, "\(diagnostics.map { "\($0.line): \($0.message)" })")
    }

    @Test func `In language mode 5 alone, only functions passed by name get a warning`() throws {
        let diagnostics = try Compiler().diagnose(Self.program, languageMode: "5")
        #expect(
            diagnostics.allSatisfy { !$0.isError && $0.message.hasPrefix("converting non-Sendable function value") })
    }

    private static let program = #"""
        import Stepwise

        struct Order: Codable, Sendable { var sku: String; var quantity: Int }
        struct Receipt: Codable, Sendable { var text: String }

        extension WorkflowName<Order, Receipt> { static var processOrder: Self { "process-order" } }
        extension WorkflowName<Void, Void> { static var tidy: Self { "tidy" } }
        extension WorkflowName<Order, Void> { static var announce: Self { "announce" } }
        extension WorkflowName<Void, Int> { static var count: Self { "count" } }

        struct Orders: Sendable {
            func process(_ context: WorkflowContext, _ order: Order) async throws -> Receipt {
                let text = try await context.run("text") { order.sku }
                return Receipt(text: text)
            }
            func announce(_ context: WorkflowContext, _ order: Order) async throws {
                try await context.run("say") { print(order.sku) }
            }
            func tidy(_ context: WorkflowContext) async throws {}
            func count(_ context: WorkflowContext) async throws -> Int { 1 }
        }
        actor Stock {
            private var items = 0
            func take(_ context: WorkflowContext, _ order: Order) async throws -> Receipt {
                items -= order.quantity
                return Receipt(text: "\(items) left")
            }
        }

        func workflows(_ orders: Orders, _ stock: Stock) -> [any AnyWorkflow] {
            [
                Workflow(.processOrder, body: orders.process),
                Workflow(.processOrder) { context, order in Receipt(text: order.sku) },
                Workflow(.processOrder) { context, order in try await orders.process(context, order) },
                Workflow(.processOrder, .retry(.never)) { context, order in
                    let payment = try await context.run("charge") { order.quantity * 100 }
                    async let label = context.run("create-label") { "label for \(order.sku)" }
                    async let email = context.run("send-receipt") { payment > 0 }
                    let both = try await (label, email)
                    return Receipt(text: "\(both)")
                },
                Workflow(.announce, body: orders.announce),
                Workflow(.announce) { context, order in try await context.run("say") { print(order) } },
                Workflow(.tidy, body: orders.tidy),
                Workflow(.tidy) { context in try await context.run("sweep") {} },
                Workflow(.count, body: orders.count),
                Workflow(.count) { context in try await context.run("count") { 1 } },
                Workflow(.processOrder, body: stock.take),
                Workflow("process-order") { (context, order: Order) async throws -> Receipt in
                    Receipt(text: order.sku)
                },
                Workflow("anything") { (context: WorkflowContext, name: String) in
                    try await context.run("greet") { "Hello, \(name)" }
                },
            ]
        }

        func someWork(_ input: String) -> Int { input.count }
        func noInput() -> Int { 7 }
        func noInputAsync() async throws -> Int { 7 }
        func withStep(_ step: Step) async throws -> String { step.idempotencyKey }
        func withStepSync(_ step: Step) -> String { step.id }
        func sideEffect() {}
        func sideEffectAsync() async throws {}
        func sideEffectStep(_ step: Step) async throws {}

        func helper<T: Codable & Sendable>(
            _ context: WorkflowContext, _ name: String, _ work: @escaping @Sendable () async throws -> T
        ) async throws -> T {
            try await context.run(name, .retry(Retry(attempts: 2, initialDelay: .seconds(1)))) { try await work() }
        }

        func all(_ context: WorkflowContext, input: String) async throws {
            let a = try await context.run("a") { someWork(input) }
            let b = try await context.run("b", .retry(.never)) { try await noInputAsync() }
            let c = try await context.run("c", body: noInput)
            let d = try await context.run("d", body: noInputAsync)
            let e = try await context.run("e", body: withStep)
            let f = try await context.run("f", body: withStepSync)
            let g = try await context.run("g") { step in "\(step.attempt) \(step.id)" }
            let h = try await context.run("h") { step -> Int in
                print(step)
                return 1
            }
            try await context.run("i", body: sideEffect)
            try await context.run("j", body: sideEffectAsync)
            try await context.run("k", body: sideEffectStep)
            try await context.run("l") { sideEffect() }
            try await context.run("m") { print("m") }
            try await context.run("n") { step in print(step) }
            try await context.run("o") {}
            try await context.run("p") { _ in }
            try await context.run("r") { noInput() }
            try await context.run("s") { try await noInputAsync() }
            try await context.run("t", .retry(.never), .retry(Retry(attempts: 2))) {
                let x = 1
                print(x)
            }
            let u: Int? = try await context.run("u") { nil }
            let v = try await context.run("v") { Optional<String>.none }
            let w: [String: [Int]] = try await context.run("w") { ["a": [1, 2]] }
            let x: [Int] = try await context.run("x") { [] }
            let y = try await context.run("y") { () -> Int in
                if input.isEmpty { return 0 }
                return 1
            }
            let z = try await helper(context, "z") { 5 }
            async let one = context.run("one") { 1 }
            async let two = context.run("two") { "2" }
            async let three: Void = context.run("three") { sideEffect() }
            _ = try await (one, two, three)
            try await withThrowingTaskGroup(of: Int.self) { group in
                for i in 0..<3 { group.addTask { try await context.run("item") { i } } }
                for try await value in group { print(value) }
            }
            let order: Order = try context.input()
            let again = try context.input(as: Order.self)
            context.logger.info("done")
            print(a, b, c, d, e, f, g, h, u as Any, v as Any, w, x, y, z, order, again)
            do {
                try await context.run("fails") { throw CancellationError() }
            } catch let failure as StepFailure {
                print(failure.step, failure.attempts, failure.type, failure.message)
            }
            try await context.run("discard") { _ = noInput() }
        }

        struct Payment: Codable, Sendable { var id: Int }
        func charge() async throws -> Payment { Payment(id: 1) }
        func refund(_ payment: Payment) async throws {}
        func refundOnce(_ payment: Payment, _ step: Step) async throws {}

        final class Basket { var items = 0 }
        func sagas(_ context: WorkflowContext, _ order: Order) async throws -> Receipt {
            let basket = Basket()
            try await context.saga { saga in try await saga.run("a") {} undo: {} }
            let text = try await context.saga(undo: .retry(.fixed(.seconds(60), attempts: 100))) { saga in
                basket.items += 1
                let payment = try await saga.run("charge") { Payment(id: 1) } undo: { payment in print(payment.id) }
                let again = try await saga.run("charge", .retry(.never)) { step in
                    print(step.idempotencyKey)
                    return Payment(id: 2)
                } undo: { payment, step in
                    print(payment.id, step.idempotencyKey)
                    try await refund(payment)
                }
                try await saga.run("named", body: charge, undo: refund)
                try await saga.run("named", body: charge, undo: refundOnce)
                try await saga.run("unread") { try await charge() } undo: { _ in }
                try await saga.run("shorthand") { try await charge() } undo: { try await refund($0) }
                try await saga.run("reserve") { sideEffect() } undo: { sideEffect() }
                try await saga.run("reserve") { try await sideEffectAsync() } undo: { step in print(step.attempt) }
                try await saga.run("reserve") { step in print(step.id) } undo: { print("undone") }
                async let left = saga.run("left") { 1 } undo: { number in print(number) }
                async let right: Void = saga.run("right") { print("x") } undo: { print("y") }
                _ = try await (left, right)
                return "\(payment.id) \(again.id) \(order.sku)"
            }
            do {
                try await context.run("ship") {}
            } catch {
                let tidied = try await context.cleanup { try await context.run("tidy") { 1 } }
                try await context.cleanup { try await context.run("tidy") {} }
                print(tidied)
                throw error
            }
            return Receipt(text: text)
        }

        func vote(_ judge: String) async throws -> Bool { judge.isEmpty }
        func warn(_ judge: String, _ step: Step) async throws {}

        func groups(_ context: WorkflowContext, _ judges: [String], _ order: Order) async throws {
            let lengths = try await context.map(judges, "measure", maxConcurrency: 2) { judge in judge.count }
            let same: [Int] = try await context.map(judges, "measure", .retry(.never)) { judge in
                let count = judge.count
                return count
            }
            let keys = try await context.map(judges, "measure") { judge, step in step.idempotencyKey + judge }
            let squares = try await context.map(0..<10, "square") { $0 * $0 }
            try await context.map(["a": 1, "b": 2].sorted { $0.key < $1.key }, "pair") { pair in print(pair.key, pair.value) }
            try await context.map(judges, "tell") { judge in print(judge) }
            try await context.map(judges, "tell", maxConcurrency: 1) { judge, step in print(judge, step.attempt) }
            try await context.map(judges, "vote", body: vote)
            try await context.map(judges, "warn", body: warn)
            try await context.map(judges, "say") { _ in sideEffect() }
            let votes = try await context.settle(judges, "vote", until: .atLeast(3, tolerating: 2)) { try await vote($0) }
            let told = try await context.settle(judges, "tell", .retry(.never)) { judge in print(judge) }
            let warned = try await context.settle(judges, "tell", until: .tolerating(percent: 10), body: warn)
            async let first = context.any(judges, "vote", .retry(.never), maxConcurrency: 2) { judge in try await vote(judge) }
            print(lengths, same, keys, squares, votes.compactMap(\.value), told.compactMap(\.failure), warned.count, try await first)
            for (judge, outcome) in zip(judges, votes) {
                switch outcome {
                case .success(let isGood): print(judge, isGood)
                case .failure(let failure): print(judge, failure.message)
                case .withdrawn: print(judge)
                }
            }
            do {
                _ = try await context.any(judges, "vote") { judge, step in step.attempt }
            } catch let failure as GroupFailure where failure.reason == .tooFewCanSucceed {
                print(failure.failures.map(\.step), failure.count, failure.succeeded)
            }
            for judge in judges { try await context.run("keyed", .key(judge), .key(order)) {} }
        }

        func enqueues(_ client: StepwiseClient) async throws {
            let run = try await client.enqueue(.processOrder, Order(sku: "A", quantity: 1))
            let receipt = try await run.result()
            let again: Receipt = try await client.handle(run.id, as: Receipt.self).result(timeout: .seconds(3))
            try await client.enqueue(.processOrder, Order(sku: "A", quantity: 1), id: "x", .queue("slow"))
            try await client.enqueue(.tidy)
            try await client.enqueue(.tidy).result()
            try await client.enqueue(.announce, Order(sku: "A", quantity: 1)).result(timeout: .seconds(1))
            let count = try await client.enqueue(.count).result()
            let runs = try await client.enqueue(.processOrder, each: [Order(sku: "A", quantity: 1)])
            print(receipt, again, count, runs.count)
        }

        func schedules(_ client: StepwiseClient, _ tidy: Workflow<Void, Void>, _ count: Workflow<Int, Int>) async throws -> [Schedule] {
            let order = Order(sku: "A", quantity: 1)
            try await client.schedules.create(Schedule("nightly", .cron("0 2 * * *", timeZone: "Europe/Berlin"), .tidy))
            try await client.schedules.pause("nightly")
            let run = try await client.schedules.trigger("nightly")
            for tick in try await client.schedules.nextTicks(of: "nightly", count: 3) { print(tick, run.id) }
            for details in try await client.schedules.list().schedules where details.paused == nil { print(details.missed) }
            return try [
                Schedule("a", .every(.seconds(900)), .processOrder, order, overlap: .skip, catchUp: 3),
                Schedule("b", .cron("@daily"), tidy, queue: "slow", labels: ["a": "b"], runTimeout: .seconds(60), version: 2),
                Schedule("c", .cron("@daily"), count, 1),
                Schedule("d", .cron("@daily"), workflow: "elsewhere", payloadJSON: "{}"),
            ]
        }

        final class Session: Codable, Sendable {
            let id: Int
            init(id: Int) { self.id = id }
            func describe() -> String { "session \(id)" }
        }

        func classes(_ context: WorkflowContext) async throws -> String {
            let session = try await context.run("open") { Session(id: 1) }
            return try await context.run("describe") { session.describe() }
        }

        func services(_ context: WorkflowContext) async throws {
            let redis = try RedisEndpoint("redis://localhost:6379")
            var configuration = StepwiseWorker.Configuration()
            configuration.concurrency = 10
            let worker = try StepwiseWorker(
                redis: redis, workflows: workflows(Orders(), Stock()),
                schedules: [Schedule("tidy", .cron("@daily"), .tidy)], configuration: configuration,
                logger: context.logger)
            let client = try StepwiseClient(redis: redis, logger: context.logger)
            try await worker.run()
            await client.close()
        }
        """#
}
