import NIOCore
import NIOPosix
import Stepwise
import StepwiseHTTP
import TestSupport
import Testing

@Suite("HTTP: what counts as an answer")
struct AnswerTests {
    private let caller = HTTPStepClient(policy: local)

    @Test(
        arguments: [
            (400, true), (401, true), (404, true), (408, false), (409, true), (425, false), (429, false), (500, false),
            (501, true), (502, false), (503, false), (504, false), (505, true), (520, false), (302, true), (199, true),
        ]
    )
    func `Statuses that may pass are tried again, others are final`(_ status: Int, _ isFinal: Bool) async throws {
        try await TestServer.with { _ in
            .answer(status, headers: ["X-Why: no"], text: "because")
        } _: { server in
            // 1xx is no end of an answer.
            if status < 200 { return }
            let refused = try await refusal(.get(server.url + "/x?token=secret"))
            #expect(refused.isFinal == isFinal)
            #expect(refused.error.code == .status)
            #expect(refused.error.status == status)
            #expect(refused.error.body == "because")
            #expect(refused.error.headers["x-why"] == "no")
            #expect(
                refused.error.message
                    == "GET \(server.url)/x was answered with status \(status): because")
            let answer = try await caller.send(.get(server.url, .acceptEveryStatus), as: firstTry())
            #expect(answer.status == status)
            #expect(answer.text == "because")
            let one = try await caller.send(.get(server.url, .acceptStatuses([status])), as: firstTry())
            #expect(one.status == status)
            let chosen = try await refusal(.get(server.url, .retryStatuses([400])))
            #expect(chosen.isFinal == (status != 400))
        }
    }

    @Test func `Retry-After sets the next wait, in seconds or as a date`() async throws {
        try await TestServer.with { request in
            switch request.path {
            case "/seconds": .answer(503, headers: ["Retry-After: 120"])
            case "/final": .answer(404, headers: ["Retry-After: 120"])
            default: .answer(429, headers: ["Retry-After: Sun, 06 Nov 2094 08:49:37 GMT"])
            }
        } _: { server in
            let seconds = try await refusal(.get(server.url + "/seconds"))
            #expect(seconds.after == .seconds(120))
            let date = try await refusal(.get(server.url + "/date"))
            #expect(date.after ?? .zero > .seconds(86_400 * 365))
            let final = try await refusal(.get(server.url + "/final"))
            #expect(final.isFinal)
        }
    }

    @Test func `A limit that is longer than any is as good as none, and one below zero is over at once`() async throws {
        let (forever, negative) = (Duration.seconds(Int64.max), Duration.seconds(Int64.min))
        #expect(TimeAmount(atMost: forever) == .seconds(3_153_600_000) && TimeAmount(atMost: negative) == .zero)
        #expect(TimeAmount(atMost: .microseconds(1500)) == .microseconds(1500))
        try await TestServer.with { _ in
            .answer(200, text: "done")
        } _: { server in
            let call = HTTPCall.get(
                server.url, .timeout(forever), .connectTimeout(forever), .readTimeout(forever))
            let answer = try await caller.send(call, as: firstTry())
            #expect(answer.text == "done")
        }
        // It answers nobody.
        let silent = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(silent.localAddress?.port)
        let late = try await refusal(.get("http://127.0.0.1:\(port)", .timeout(negative)))
        #expect(late.error.code == .timedOut && !late.isFinal)
        try await silent.close()
    }

    @Test func `What an answer says cannot forge a line of a message, and is kept as it is`() async throws {
        let said = "no\nFORGED\u{1B}[2J\u{9B}2J\u{202E}"
        try await TestServer.with { _ in
            .answer(400, text: said)
        } _: { server in
            let error = try await refusal(.get(server.url)).error
            #expect(error.message.hasSuffix(#": no\nFORGED\u001b[2J\u009b2J\u202e"#), "\(error)")
            #expect(error.body == said)
        }
        let url = "http://127.0.0.1/\n\u{202E}"
        let refused = try await refusal(.get(url)).error
        #expect(refused.message.printable == refused.message && "\(refused)" == refused.message)
        #expect(HTTPCallError(.connection, said).message == #"no\nFORGED\u001b[2J\u009b2J\u202e"#)
    }

    @Test func `A large error is kept in part, and fits into what is kept of a step's failure`() async throws {
        for body in [String(repeating: "\u{1}", count: 50_000), String(repeating: "é", count: 50_000)] {
            try await TestServer.with { _ in
                .answer(400, headers: (0..<150).map { "X-\($0): " + String(repeating: "\"", count: 100) }, text: body)
            } _: { server in
                let error = try await refusal(.get(server.url)).error
                #expect(body.hasPrefix(error.body.dropLast()))
                #expect(error.body.utf8.count > 900)
                #expect(error.headers.fields.count > 3)
                let json = try JSON.encode(error, what: "")
                #expect(json.count < 16_384)
                #expect(ErrorWords(error).value != nil)
                #expect(error.message.count < 1000)
            }
        }
    }

    @Test(arguments: [true, false])
    func `An answer that is too large is final, and the error says the limit`(_ isAnnounced: Bool) async throws {
        try await TestServer.with { _ in
            isAnnounced
                ? .answer(200, text: String(repeating: "x", count: 5000))
                : .stall(Array(("HTTP/1.1 200 OK\r\n\r\n" + String(repeating: "x", count: 5000)).utf8))
        } _: { server in
            let refused = try await refusal(.get(server.url, .maximumSize(4000)))
            #expect(refused.error.code == .tooLarge)
            #expect(refused.error.message.contains("4000 bytes"))
            #expect(refused.isFinal)
        }
    }

    @Test func `The size of an answer is that of its JSON`() async throws {
        try await TestServer.with { request in
            request.path == "/text"
                ? .answer(200, text: String(repeating: "\"", count: 3000))
                : .answer(200, [UInt8](repeating: 255, count: 3000))
        } _: { server in
            // Quotes take two bytes each, and three bytes that are no text four.
            for (path, tooSmall, enough) in [("/text", 5999, 6200), ("/bytes", 3999, 4200)] {
                let refused = try await refusal(.get(server.url + path, .maximumSize(tooSmall)))
                #expect(refused.error.code == .tooLarge)
                let answer = try await caller.send(.get(server.url + path, .maximumSize(enough)), as: firstTry())
                #expect(answer.body.count == 3000)
            }
        }
    }

    @Test func `Who does not answer in time, or hangs up, is tried again`() async throws {
        try await TestServer.with { request in
            switch request.path {
            case "/silent": .stall([])
            case "/half": .stall(Array("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345".utf8))
            default: .hangUp
            }
        } _: { server in
            for (path, option) in [
                ("/silent", HTTPCallOption.timeout(.milliseconds(100))), ("/silent", .readTimeout(.milliseconds(100))),
                ("/half", .timeout(.milliseconds(100))), ("/half", .readTimeout(.milliseconds(100))),
            ] {
                let refused = try await refusal(.get(server.url + path, option))
                #expect(refused.error.code == .timedOut, "\(refused.error)")
                #expect(!refused.isFinal)
            }
            let refused = try await refusal(.get(server.url + "/gone"))
            #expect(refused.error.code == .connection)
            #expect(!refused.isFinal)
            try await eventually("connections that nobody waits for are closed") { server.ended == server.connections }
        }
    }

    @Test func `A connection that is not there in time is tried again`() async throws {
        // It listens, but no TLS ever comes of it.
        try await TestServer.with { _ in
            .stall([])
        } _: { server in
            let refused = try await refusal(
                .get("https://127.0.0.1:\(server.port)/", .connectTimeout(.milliseconds(100))))
            #expect(refused.error.code == .timedOut, "\(refused.error)")
            #expect(!refused.isFinal)
        }
    }

    @Test func `Cancelling the body's task cancels the request`() async throws {
        try await TestServer.with { _ in
            .stall([])
        } _: { server in
            let task = Task { [caller] in try await caller.send(.get(server.url), as: firstTry()) }
            try await eventually("the request is there") { server.requests.count == 1 }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            try await eventually("the connection is closed") { server.ended == 1 }
        }
    }

    @Test
    func `More calls of one host than AsyncHTTPClient's usual limit of connections do not wait for each other`()
        async throws
    {
        try await TestServer.with { _ in
            try? await Task.sleep(for: .milliseconds(300))
            return .answer(200)
        } _: { server in
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<40 {
                    group.addTask { [caller] in
                        try await caller.send(.get(server.url, .connectTimeout(.seconds(5))), as: firstTry()).status
                    }
                }
                for try await status in group { #expect(status == 200) }
            }
            #expect(server.connections > 8)
        }
    }
}
