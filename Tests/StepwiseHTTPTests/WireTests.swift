import Stepwise
import StepwiseHTTP
import Testing

@Suite("HTTP: what is on the wire")
struct WireTests {
    private let caller = HTTPStepClient(policy: local)

    @Test
    func `Nothing is added to a request but Host and Content-Length, and the path goes out as it is written`()
        async throws
    {
        try await TestServer.with { _ in
            .answer(200)
        } _: { server in
            let host = "Host: 127.0.0.1:\(server.port)"
            _ = try await caller.send(.get(server.url + "/a//b/../c%2Fd;x?q=%20&q=a+b#part"), as: firstTry())
            #expect(
                server.requests.last?.head.lowercased()
                    == "GET /a//b/../c%2Fd;x?q=%20&q=a+b HTTP/1.1\r\n\(host)\r\n".lowercased())
            let body: [UInt8] = [0, 255, 13, 10, 65]
            _ = try await caller.send(
                .post(server.url, headers: ["X-A": "1", "x-a": "2", "Accept": "*/*"], body: body), as: firstTry())
            #expect(
                server.requests.last?.head.lowercased()
                    == "POST / HTTP/1.1\r\nX-A: 1\r\nx-a: 2\r\nAccept: */*\r\n\(host)\r\nContent-Length: 5\r\n"
                    .lowercased())
            #expect(server.requests.last?.body == body)
            _ = try await caller.send(HTTPCall("PURGE", server.url, headers: ["Host": "other"]), as: firstTry())
            #expect(server.requests.last?.line == "PURGE / HTTP/1.1")
            #expect(server.requests.last?.header("host") == "other")
            // One connection was enough.
            #expect(server.connections == 1)
        }
    }

    @Test func `A body of JSON says that it is JSON, unless the headers say something else`() async throws {
        try await TestServer.with { _ in
            .answer(200)
        } _: { server in
            _ = try await caller.send(.post(server.url, json: ["b": 1, "a": 2]), as: firstTry())
            #expect(server.requests.last?.header("content-type") == "application/json")
            #expect(server.requests.last?.body == Array(#"{"a":2,"b":1}"#.utf8))
            _ = try await caller.send(
                .put(server.url, headers: ["content-type": "application/vnd.x+json"], json: [1]), as: firstTry())
            #expect(server.requests.last?.headers.filter { $0.lowercased().hasPrefix("content-type") }.count == 1)
        }
    }

    @Test
    func `The idempotency key goes out as a header if asked, also of a step whose name is no header's value`()
        async throws
    {
        try await TestServer.with { _ in
            .answer(200)
        } _: { server in
            _ = try await caller.send(.get(server.url), as: firstTry())
            #expect(server.requests.last?.header("idempotency-key") == nil)
            _ = try await caller.send(.get(server.url, .idempotencyKey), as: firstTry())
            #expect(server.requests.last?.header("idempotency-key") == "run-1/7/call")
            _ = try await caller.send(.get(server.url, .idempotencyKey(header: "X-Key")), as: firstTry("a b\r\n%é"))
            #expect(server.requests.last?.header("x-key") == "run-1/7/a%20b%0D%0A%25%C3%A9")
        }
    }

    @Test(
        arguments: [
            HTTPCall("GET", "http://127.0.0.1/", headers: ["X-A": "1\r\nX-B: 2"]),
            HTTPCall("GET", "http://127.0.0.1/", headers: ["X-A": "1\nX-B: 2"]),
            HTTPCall("GET", "http://127.0.0.1/", headers: ["X-A": "\0"]),
            HTTPCall("GET", "http://127.0.0.1/", headers: ["X-A: 1\r\nX-B": "2"]),
            HTTPCall("GET", "http://127.0.0.1/", headers: ["": "2"]),
            HTTPCall("GET / HTTP/1.1\r\n\r\nGET", "http://127.0.0.1/"),
            HTTPCall("", "http://127.0.0.1/"),
            HTTPCall("GET", "http://127.0.0.1/", headers: ["Transfer-Encoding": "chunked"]),
            HTTPCall("POST", "http://127.0.0.1/", headers: ["content-length": "1"], body: [1, 2]),
            HTTPCall("CONNECT", "http://127.0.0.1/"),
        ]
    )
    func `A request that would be another one on the wire is never sent`(_ call: HTTPCall) async throws {
        let refused = try await refusal(call)
        #expect(refused.error.code == .invalid)
        #expect(refused.isFinal)
    }

    @Test func `A header's value is not in the error about it`() async throws {
        let refused = try await refusal(.get("http://127.0.0.1/", headers: ["Authorization": "Bearer secret\n"]))
        #expect(refused.error.message.contains("Authorization"))
        #expect(!refused.error.message.contains("secret"))
    }

    @Test func `A body that is no UTF-8 comes back from the store as it came; text is stored as text`() async throws {
        for body in [[UInt8]("{\"a\":\"\u{e9} e\u{301} \u{2028}\0\"}".utf8), [0xff, 0xfe, 0, 65], [], Array(0...255)] {
            let answer = HTTPStepResponse(status: 200, headers: ["A": "1", "a": "2"], body: body)
            let stored = try JSON.encode(answer, what: "")
            #expect(try JSON.decode(HTTPStepResponse.self, from: stored, what: "") == answer)
        }
        let text = try JSON.encode(HTTPStepResponse(status: 200, headers: ["A": "1"], body: Array("x".utf8)), what: "")
        #expect(String(decoding: text, as: UTF8.self) == #"{"body":"x","headers":[["A","1"]],"status":200}"#)
    }
}
