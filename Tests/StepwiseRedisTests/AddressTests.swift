import StepwiseRedis
import Testing

@Suite("Redis URLs")
struct AddressTests {
    @Test(
        arguments: [
            ("redis://localhost", RedisAddress(target: .tcp(host: "localhost", port: 6379))),
            ("REDIS://localhost/", RedisAddress(target: .tcp(host: "localhost", port: 6379))),
            ("redis://10.0.0.1:7000/3", RedisAddress(target: .tcp(host: "10.0.0.1", port: 7000), database: 3)),
            ("redis://cache:7000?db=3", RedisAddress(target: .tcp(host: "cache", port: 7000), database: 3)),
            ("redis://[::1]", RedisAddress(target: .tcp(host: "::1", port: 6379))),
            ("redis://[fe80::1%25eth0]:7000", RedisAddress(target: .tcp(host: "fe80::1%eth0", port: 7000))),
            ("redis://:pw@host", RedisAddress(target: .tcp(host: "host", port: 6379), password: "pw")),
            (
                "rediss://me:a%2Fb%40c%3A%25@cache.example.com:6380/0",
                RedisAddress(
                    target: .tcp(host: "cache.example.com", port: 6380), tls: true, username: "me", password: "a/b@c:%")
            ),
            (
                "redis://me:p@ss@host",
                RedisAddress(target: .tcp(host: "host", port: 6379), username: "me", password: "p@ss")
            ),
            ("redis://me:@host", RedisAddress(target: .tcp(host: "host", port: 6379), username: "me", password: "")),
            ("redis://me@host", RedisAddress(target: .tcp(host: "host", port: 6379), username: "me")),
            ("redis://:@host", RedisAddress(target: .tcp(host: "host", port: 6379))),
            ("unix:///run/redis.sock", RedisAddress(target: .unixSocket(path: "/run/redis.sock"))),
            (
                "unix://me:pw@/run/my%20redis.sock?db=2",
                RedisAddress(
                    target: .unixSocket(path: "/run/my redis.sock"), username: "me", password: "pw", database: 2)
            ),
        ]
    )
    func `A good URL is read in all its parts`(url: String, address: RedisAddress) throws {
        #expect(try RedisAddress(url: url) == address)
    }

    @Test(
        arguments: [
            ("", "no scheme"),
            ("localhost:6379", "no scheme"),
            ("http://:hunter2@localhost", "scheme"),
            ("redis://", "no host"),
            ("redis://:6379", "no host"),
            ("redis://:hunter2@", "no host"),
            // Without its @, the password stands where the port does.
            ("redis://user:hunter2", "port"),
            ("redis://host:0", "port"),
            ("redis://host:65536", "port"),
            ("redis://host:+1", "port"),
            ("redis://::1", "brackets"),
            ("redis://[::1", "]"),
            ("redis://[::1]7000", "after the ]"),
            ("redis://my host", "characters"),
            ("redis://:hunter2@host/one", "database"),
            ("redis://host/-1", "database"),
            ("redis://host/0/1", "database"),
            ("redis://:hunter2%zz@host", "%"),
            ("redis://:hunter2%+1@host", "%"),
            ("redis://:hunter2%ff@host", "UTF-8"),
            // Not percent-encoded.
            ("redis://:hunter2/more@host", "before its @"),
            ("redis://:more?hunter2@host", "before its @"),
            ("redis://user:hunter2?@host", "before its @"),
            ("redis://host?hunter2", "option"),
            ("unix://run/redis.sock", "three slashes"),
            ("unix://:hunter2@", "three slashes"),
            ("unix:///run/redis.sock?database=1", "option"),
        ]
    )
    func `A bad URL is refused with what is wrong and what a good one looks like, and without its password`(
        url: String, problem: String
    ) {
        do throws(RedisError) {
            let address = try RedisAddress(url: url)
            Issue.record("read as \(address)")
        } catch {
            #expect(error.kind == .invalidAddress)
            #expect(error.message.contains(problem))
            #expect(error.message.contains("redis://user:password@host:6379/0"))
            #expect(!error.message.contains("hunter2"))
        }
    }

    @Test(arguments: [
        "redis://user:hunter2@host/1", "redis://hunter2@host", "unix://user:hunter2@/run/redis.sock?db=1",
    ])
    func `No text that is made of an address has the password in it`(url: String) throws {
        let address = try RedisAddress(url: url)
        var dumped = ""
        dump(address, to: &dumped)
        for text in ["\(address)", String(reflecting: address), dumped, "\([address])"] {
            #expect(!text.contains("hunter2"))
        }
        #expect("\(address)".hasPrefix(url.prefix(7)))
    }

    @Test func `An address is described so that it can be recognized`() throws {
        #expect("\(try RedisAddress(url: "rediss://me:pw@[::1]:7000/2"))" == "rediss://me:***@[::1]:7000/2")
        #expect("\(try RedisAddress(url: "unix:///run/redis.sock?db=2"))" == "unix:///run/redis.sock?db=2")
        // It may be a password without its colon.
        #expect("\(try RedisAddress(url: "redis://me@host"))" == "redis://***@host:6379")
    }
}
