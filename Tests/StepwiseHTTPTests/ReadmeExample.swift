import Foundation
import StepwiseTesting
import TestSupport
import Testing

// The README shows what is between the lines.
// ----
import Stepwise
import StepwiseHTTP

struct Order: Codable, Sendable {
    var sku: String
    var amount: Int
}

struct Payment: Codable, Sendable {
    var id: String
}

struct Checkout: Sendable {
    var api = "https://api.example.com"
    var token: String
    var caller = HTTPStepClient(policy: HTTPPolicy(allowedHosts: ["api.example.com", "*.example.org"]))

    func pay(_ context: WorkflowContext, _ order: Order) async throws -> String {
        do {
            let answer = try await context.call(
                "charge",
                .post(
                    api + "/charges", headers: ["Authorization": "Bearer \(token)"], json: order,
                    .idempotencyKey, .timeout(.seconds(20))),
                using: caller, .retry(Retry(attempts: 10)))
            return try answer.decode(as: Payment.self).id
        } catch let failure as StepFailure {
            guard let error = failure.error(as: HTTPCallError.self), error.status == 402 else { throw failure }
            return "declined: \(error.body)"
        }
    }
}
// ----

@Suite("HTTP: the README's example")
struct ReadmeTests {
    @Test func `The README shows this file's code`() throws {
        let here = URL(fileURLWithPath: #filePath)
        let code = try String(contentsOf: here, encoding: .utf8).components(separatedBy: "// ----\n")[1]
        let root = here.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let readme = try String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
        #expect(readme.contains("```swift\n" + code + "```\n"))
    }

    @Test func `In a test of the workflow its call is replaced by an answer or an error`() async throws {
        let test = WorkflowTest(Workflow("pay", body: Checkout(token: "secret").pay))
        test.replace("charge") { step in
            if step.attempt == 1 { throw RetryAfter(.seconds(3600), because: HTTPCallError(status: 503)) }
            return HTTPStepResponse(status: 201, text: #"{"id":"ch_1"}"#)
        }
        #expect(try await test.run(Order(sku: "A1", amount: 30)) == "ch_1")
        #expect(test.history.map(\.kind) == ["call"])
        test.replace("charge") { throw NonRetryable(HTTPCallError(status: 402, text: "no money")) }
        #expect(try await test.run(Order(sku: "A1", amount: 30)) == "declined: no money")
    }

    @Test func `It does what the README says`() async throws {
        try await TestServer.with { request in
            String(decoding: request.body, as: UTF8.self).contains("B2")
                ? .answer(402, text: "no money") : .answer(201, text: #"{"id":"ch_1"}"#)
        } _: { server in
            let checkout = Checkout(api: server.url, token: "secret", caller: HTTPStepClient(policy: local))
            let workflow = Workflow("pay", body: checkout.pay)
            try await withWorker([workflow]) { client, _ in
                let paid = try await client.enqueue(workflow, Order(sku: "A1", amount: 30))
                let declined = try await client.enqueue(workflow, Order(sku: "B2", amount: 30))
                #expect(try await paid.result(timeout: patience) == "ch_1")
                #expect(try await declined.result(timeout: patience) == "declined: no money")
                #expect(server.requests.allSatisfy { $0.header("authorization") == "Bearer secret" })
            }
            #expect(server.requests.count == 2)
        }
    }
}
