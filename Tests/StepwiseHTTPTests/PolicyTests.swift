import StepwiseHTTP
import Synchronization
import Testing

@Suite("HTTP: which hosts may be called")
struct PolicyTests {
    @Test(
        arguments: [
            ("1.1.1.1", "everywhere"), ("2606:4700::1111", "everywhere"), ("::ffff:1.1.1.1", "everywhere"),
            ("127.0.0.1", "here"), ("127.255.0.9", "here"), ("10.1.2.3", "here"), ("172.16.0.1", "here"),
            ("172.31.255.255", "here"), ("172.32.0.1", "everywhere"), ("192.168.1.1", "here"), ("100.64.0.1", "here"),
            ("::1", "here"), ("fd12::1", "here"), ("::ffff:127.0.0.1", "here"), ("64:ff9b::a00:1", "here"),
            ("2002:7f00:1::", "here"), ("0.0.0.0", "nowhere"), ("169.254.169.254", "nowhere"),
            ("169.254.7.7", "nowhere"), ("100.100.100.200", "nowhere"), ("168.63.129.16", "nowhere"),
            ("fd00:ec2::254", "nowhere"), ("::ffff:169.254.169.254", "nowhere"), ("64:ff9b::a9fe:a9fe", "nowhere"),
            ("fe80::1", "nowhere"), ("224.0.0.1", "nowhere"), ("255.255.255.255", "nowhere"), ("::", "nowhere"),
            ("ff02::1", "nowhere"), ("2001:db8::1", "nowhere"), ("2001::1", "nowhere"), ("192.0.2.1", "nowhere"),
            ("::7f00:1", "nowhere"), ("64:ff9b:1::1", "nowhere"),
        ]
    )
    func `Only public addresses are called unless a host is listed as private`(_ text: String, _ reach: String) throws {
        let address = try #require(IPAddress(text))
        #expect("\(address.reach)".hasPrefix(reach), "\(address.reach)")
        let open = try? HTTPPolicy().usable([address], of: "a.test", port: 80)
        #expect((open != nil) == (reach == "everywhere"))
        let listed = try? HTTPPolicy(privateHosts: ["a.test"]).usable([address], of: "a.test", port: 80)
        #expect((listed != nil) == (reach != "nowhere"))
    }

    @Test(
        arguments: [
            ("api.example.com", true), ("API.Example.COM.", true), ("x.example.org", true), ("a.b.example.org", true),
            ("example.org", false), ("badexample.org", false), ("api.example.com.evil.net", false),
            ("evil.net", false), ("billing.internal", true), (".example.org", false),
        ]
    )
    func `A name is allowed as it is written or by the star before its domain`(_ host: String, _ isAllowed: Bool) {
        let policy = HTTPPolicy(
            allowedHosts: ["api.example.com", "*.example.org"], privateHosts: ["billing.internal"])
        #expect(((try? policy.check(host: host, port: 443)) != nil) == isAllowed)
    }

    @Test(
        arguments: [
            ("redis.internal", 8080, true), ("redis.internal", 6379, false), ("a.example.org", 8443, true),
            ("a.example.org", 443, false), ("api.example.com", 443, true), ("api.example.com", 9, true),
            ("fd12::1", 8080, true), ("fd12::1", 6379, false), ("fd12::2", 6379, true),
        ]
    )
    func `A name with a port is allowed at that port only`(_ host: String, _ port: Int, _ isAllowed: Bool) throws {
        let policy = HTTPPolicy(
            allowedHosts: ["api.example.com", "*.example.org:8443"],
            privateHosts: ["redis.internal:8080", "[fd12::1]:8080", "fd12::2"])
        #expect(((try? policy.check(host: host, port: port)) != nil) == isAllowed)
        let here = try #require(IPAddress("10.0.0.1"))
        let mayBePrivate = (try? policy.usable([here], of: host, port: port)) != nil
        #expect(mayBePrivate == (isAllowed && !host.contains("example")))
    }

    @Test(
        arguments: [
            "http://allowed.test@127.0.0.1/", "http://127.0.0.1\\@allowed.test/", "http://127.0.0.1:80:90/",
            "http:/127.0.0.1/", "http:127.0.0.1", "//127.0.0.1/", "ftp://127.0.0.1/", "http+unix://%2Ftmp%2Fx/",
            "file:///etc/passwd", "http://127.0.0.1:0/", "http://127.0.0.1:99999/", "http://a b.test/", "http:///x",
            "http://%31%32%37.0.0.1/", "http://127.0.0.1/\r\nX: 1", "http://caf\u{e9}.test/", "http://[::1/",
            "http://[fe80::1%25lo]/", "http://127.0.0.1:/", "", "http://a\u{200b}.test/", "http://a.test:80@b.test/",
        ]
    )
    func `A URL that can be read in two ways is refused`(_ url: String) async throws {
        let refused = try await refusal(.get(url))
        #expect(refused.error.code == .invalid)
        #expect(refused.isFinal)
    }

    @Test func `A password in a URL is in no message`() async throws {
        let refused = try await refusal(.get("http://user:secret@127.0.0.1/"))
        #expect(!refused.error.message.contains("secret"))
        #expect(refused.error.message.contains("Authorization"))
    }

    @Test(
        arguments: [
            "127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "127.1", "2130706433", "0x7f.0.0.1", "0",
            "0.0.0.0",
            "LOCALHOST",
        ]
    )
    func `This machine is not called by whatever name, and nothing reaches it`(_ host: String) async throws {
        try await TestServer.with { _ in
            .answer(200)
        } _: { server in
            let refused = try await refusal(.get("http://\(host):\(server.port)/"), by: HTTPStepClient())
            #expect(refused.error.code == .refused, "\(refused.error)")
            #expect(refused.isFinal)
            #expect(server.connections == 0)
        }
    }

    @Test func `A host that is not among the allowed ones is refused before it is looked up`() async throws {
        let lookups = Mutex(0)
        let caller = HTTPStepClient(policy: HTTPPolicy(allowedHosts: ["api.example.com"])) { _ in
            lookups.withLock { $0 += 1 }
            return []
        }
        let refused = try await refusal(.get("https://api.example.com.evil.net/"), by: caller)
        #expect(refused.error.code == .refused)
        #expect(lookups.withLock { $0 } == 0)
    }

    @Test
    func `The connection is made to the address that was checked, whatever the name means meanwhile`() async throws {
        try await TestServer.with { _ in
            .answer(200)
        } _: { server in
            // By the system's resolver the name means 127.0.0.1, where the server is; nobody is at the address that is checked.
            let lookups = Mutex(0)
            let caller = HTTPStepClient(policy: HTTPPolicy(privateHosts: ["localhost"])) { _ in
                lookups.withLock { $0 += 1 }
                return [IPAddress("127.0.0.2")].compactMap(\.self)
            }
            let refused = try await refusal(.get("http://localhost:\(server.port)/"), by: caller)
            #expect(refused.error.message.contains("127.0.0.2"), "\(refused.error)")
            #expect(lookups.withLock { $0 } == 1)
            #expect(server.connections == 0)
        }
    }

    @Test func `Of a host's addresses those that are allowed are tried, one after the other`() async throws {
        try await TestServer.with { _ in
            .answer(200)
        } _: { server in
            // Nobody listens on 127.0.0.2.
            let caller = HTTPStepClient(
                policy: local,
                resolve: hosts(["a.test": ["169.254.169.254", "127.0.0.2", "127.0.0.1"], "b.test": ["127.0.0.2"]]))
            let answer = try await caller.send(.get("http://a.test:\(server.port)/x"), as: firstTry())
            #expect(answer.status == 200)
            #expect(server.requests.map(\.path) == ["/x"])
            #expect(server.requests.last?.header("host") == "a.test:\(server.port)")
            let refused = try await refusal(.get("http://b.test:\(server.port)/"), by: caller)
            #expect(refused.error.code == .connection)
            #expect(!refused.isFinal)
        }
    }
}
