import StepwiseHTTP
import Testing

@Suite("HTTP: redirects")
struct RedirectTests {
    private let caller = HTTPStepClient(
        policy: HTTPPolicy(allowedHosts: ["a.test", "b.test"], privateHosts: ["127.0.0.1", "a.test", "b.test"]),
        resolve: hosts(["a.test": ["127.0.0.1"], "b.test": ["127.0.0.1"]]))

    @Test func `A redirect is not followed unless asked: its status is an error that says so`() async throws {
        try await TestServer.with { _ in
            .answer(302, headers: ["Location: /b"])
        } _: { server in
            let refused = try await refusal(.get(server.url + "/a"), by: caller)
            #expect(refused.error.status == 302)
            #expect(refused.error.message.contains("followRedirects"))
            #expect(refused.isFinal)
            #expect(server.requests.count == 1)
        }
    }

    @Test(
        arguments: [
            (301, "POST", "GET"), (302, "POST", "GET"), (303, "PUT", "GET"), (303, "HEAD", "HEAD"),
            (302, "PUT", "PUT"), (307, "POST", "POST"), (308, "POST", "POST"),
        ]
    )
    func `A redirect keeps method and body as RFC 9110 says`(_ status: Int, _ method: String, _ next: String)
        async throws
    {
        try await TestServer.with { request in
            request.path == "/x/a" ? .answer(status, headers: ["Location: b?q=1"]) : .answer(200)
        } _: { server in
            let call = HTTPCall(
                method, server.url + "/x/a", headers: ["Content-Type": "text/plain", "Authorization": "secret"],
                body: method == "HEAD" ? [] : [1, 2], .followRedirects(atMost: 1))
            #expect(try await caller.send(call, as: firstTry()).status == 200)
            let last = try #require(server.requests.last)
            #expect(last.line == "\(next) /x/b?q=1 HTTP/1.1")
            #expect(last.body == (next == method && method != "HEAD" ? [1, 2] : []))
            // The same origin: it may have what the first request had.
            #expect(last.header("authorization") == "secret")
            #expect((last.header("content-type") == nil) == (next == "GET"))
        }
    }

    @Test func `Another origin gets no credentials, whatever header they are in`() async throws {
        try await TestServer.with { _ in
            .answer(200)
        } _: { second in
            try await TestServer.with { _ in
                .answer(307, headers: ["Location: http://b.test:\(second.port)/x"])
            } _: { first in
                let headers: CallHeaders = [
                    "Authorization": "1", "Cookie": "2", "X-Api-Key": "3", "Proxy-Authorization": "4", "Host": "a.test",
                    "Accept": "text/plain", "Content-Type": "text/plain",
                ]
                let call = HTTPCall.post(
                    "http://a.test:\(first.port)/", headers: headers, body: [7], .followRedirects(atMost: 3),
                    .idempotencyKey)
                let answer = try await caller.send(call, as: firstTry())
                #expect(answer.status == 200)
                let names = second.requests.last?.headers.map { $0.prefix { $0 != ":" }.lowercased() }.sorted()
                #expect(names == ["accept", "content-length", "content-type", "host", "idempotency-key"])
                #expect(second.requests.last?.header("host") == "b.test:\(second.port)")
                #expect(second.requests.last?.body == [7])
            }
        }
    }

    @Test(
        arguments: [
            "http://evil.test/", "http://169.254.169.254/latest/meta-data/", "http://localhost/", "file:///etc/passwd",
            "http://user:secret@a.test/", "//evil.test/",
        ]
    )
    func `Every hop is held to the policy`(_ location: String) async throws {
        try await TestServer.with { _ in
            .answer(302, headers: ["Location: \(location)"])
        } _: { server in
            let refused = try await refusal(.get(server.url, .followRedirects(atMost: 5)), by: caller)
            #expect(refused.error.code == .refused || refused.error.code == .invalid, "\(refused.error)")
            #expect(refused.isFinal)
            #expect(server.requests.count == 1)
        }
    }

    @Test func `A loop of redirects ends after as many as are allowed`() async throws {
        try await TestServer.with { _ in
            .answer(302, headers: ["Location: /again"])
        } _: { server in
            let refused = try await refusal(.get(server.url, .followRedirects(atMost: 4)), by: caller)
            #expect(refused.error.code == .tooManyRedirects)
            #expect(refused.error.message.contains("4 times"))
            #expect(refused.isFinal)
            #expect(server.requests.count == 5)
        }
    }

    @Test func `From https nothing is followed to http`() throws {
        let request = try OutgoingRequest(.get("https://a.test/x"), idempotencyKey: "")
        #expect(try request.redirected(302, to: "/y").url.text == "https://a.test/y")
        #expect(try request.redirected(302, to: "//b.test/y").url.text == "https://b.test/y")
        #expect(throws: HTTPCallError.self) { try request.redirected(302, to: "http://a.test/y") }
    }
}
