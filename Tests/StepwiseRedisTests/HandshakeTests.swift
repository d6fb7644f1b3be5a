import StepwiseRedis
import Testing

@Suite("The handshake as a value")
struct HandshakeTests {
    private let plain = RedisAddress(target: .tcp(host: "host", port: 6379))

    /// The replies of a server that allows everything, with some replaced by errors.
    private func replies(to handshake: RedisHandshake, errors: [String: String]) -> [Result<RedisValue, RedisError>] {
        handshake.commands.map { command in
            let words = command.map { if case .string(let word) = $0 { word } else { "" } }
            if let error = errors[words[0]] { return .failure(RedisError(reply: error)) }
            let text =
                switch words.last {
                case "server": "# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\n"
                case "replication": "# Replication\r\nrole:slave\r\n"
                case "memory": "used_memory:1\r\nmaxmemory_policy:allkeys-lru\r\n"
                default: "OK"
                }
            return .success(words.last == "ID" ? .integer(7) : .string(Array(text.utf8)))
        }
    }

    @Test func `Only what the address and the options ask for is sent`() {
        let short = RedisHandshake(address: plain, connectionName: nil).commands
        #expect(
            short == [["CLIENT", "ID"], ["PING"], ["INFO", "server"], ["INFO", "replication"], ["INFO", "memory"]])
        var address = plain
        (address.username, address.password, address.database) = ("me", "pw", 2)
        let long = RedisHandshake(address: address, connectionName: "a b").commands
        #expect(long.prefix(3) == [["AUTH", "me", "pw"], ["SELECT", "2"], ["CLIENT", "SETNAME", "a-b"]])
        address.username = nil
        #expect(RedisHandshake(address: address, connectionName: nil).commands[0] == ["AUTH", "pw"])
    }

    @Test func `The session is read from the replies; what the server forbids stays empty`() {
        let handshake = RedisHandshake(address: plain, connectionName: "name")
        let full = RedisSession(
            clientID: 7, runID: "abc", role: "slave", version: "7.0.15", evictionPolicy: "allkeys-lru")
        #expect(handshake.outcome(replies(to: handshake, errors: [:])) == .ready(full))
        let forbidden = [
            "CLIENT": "ERR unknown command 'CLIENT'", "INFO": "NOPERM this user has no permissions",
            "PING": "NOPERM no",
        ]
        let empty = RedisSession(clientID: 0, runID: "", role: "", version: "", evictionPolicy: "")
        #expect(handshake.outcome(replies(to: handshake, errors: forbidden)) == .ready(empty))
    }

    @Test func `A server that loads its data is tried again; one that wants another password is not waited for`() {
        var address = plain
        address.password = "pw"
        let handshake = RedisHandshake(address: address, connectionName: nil)
        func outcome(_ errors: [String: String]) -> RedisHandshake.Outcome {
            handshake.outcome(replies(to: handshake, errors: errors))
        }
        guard case .retry(let loading) = outcome(["PING": "LOADING Redis is loading the dataset in memory"]) else {
            Issue.record("not tried again")
            return
        }
        #expect(loading.kind == .unavailable)
        for reply in ["WRONGPASS invalid", "ERR AUTH <password> called without any password configured"] {
            guard case .hopeless(let error) = outcome(["AUTH": reply]) else {
                Issue.record("not hopeless: \(reply)")
                return
            }
            #expect(error.kind == .denied)
            #expect(error.message.contains("URL"))
        }
    }

    @Test(arguments: [
        ("\u{FEFF}hunter2", "a byte order mark at its beginning"), ("hun\0ter2", "a NUL"),
        ("hun\nter2", "a line break inside"), ("hunter2 ", "a space at its end"),
    ])
    func `Of a refused password from a file it is said what nobody sees in it`(password: String, slip: String) {
        var address = plain
        address.password = password
        let refusal = ["AUTH": "WRONGPASS invalid username-password pair or user is disabled."]
        let handshake = RedisHandshake(address: address, connectionName: nil, passwordPlace: "the file /p")
        guard case .hopeless(let error) = handshake.outcome(replies(to: handshake, errors: refusal)) else {
            Issue.record("it is not hopeless")
            return
        }
        #expect(error.message.hasSuffix("the file /p, which has \(slip)"), "\(error.message)")
        #expect(!error.message.contains("ter2"))
    }
}

@Suite("When a link connects")
struct LinkStateMachineTests {
    @Test func `It connects when it is first wanted, and after each failure waits longer and tries again`() {
        var machine = LinkStateMachine()
        #expect(machine.wanted() == .connect)
        #expect(machine.wanted() == .nothing)
        #expect(machine.failed() == .wait(failures: 1))
        #expect(machine.wanted() == .nothing)
        #expect(machine.waited() == .connect)
        #expect(machine.failed() == .wait(failures: 2))
        #expect(machine.waited() == .connect)
        #expect(machine.succeeded() == .use)
        #expect(machine.lost() == .wait(failures: 1))
        #expect(machine.waited() == .connect)
    }

    @Test func `Once closed it connects no more, and a connection that comes too late is discarded`() {
        var machine = LinkStateMachine()
        _ = machine.wanted()
        machine.close()
        #expect(machine.isClosed)
        #expect(machine.succeeded() == .discard)
        #expect(machine.failed() == .nothing)
        #expect(machine.waited() == .nothing)
        #expect(machine.wanted() == .nothing)
    }
}
