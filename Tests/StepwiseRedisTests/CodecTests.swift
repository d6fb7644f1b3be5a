import NIOCore
import StepwiseRedis
import Testing

@Suite("The Redis protocol")
struct CodecTests {
    private static let exchange =
        "+OK\r\n:-42\r\n$-1\r\n*-1\r\n$0\r\n\r\n$3\r\na\0b\r\n*0\r\n-ERR no\r\n"
        + "*3\r\n:1\r\n*2\r\n$1\r\nx\r\n-WRONGTYPE y\r\n$-1\r\n"
    private static let replies: [RedisValue] = [
        .string(Array("OK".utf8)), .integer(-42), .null, .null, .string([]), .string([97, 0, 98]), .array([]),
        .error("ERR no"),
        .array([.integer(1), .array([.string([120]), .error("WRONGTYPE y")]), .null]),
    ]

    @Test(arguments: [1, 2, 3, 7, 1_000]) func `Replies are read alike, however the bytes are cut`(size: Int) throws {
        let parser = ReplyParser()
        var bytes = ByteBuffer(string: Self.exchange)
        var read: [RedisValue] = []
        while let piece = bytes.readSlice(length: min(size, bytes.readableBytes)), piece.readableBytes > 0 {
            try parser.feed(piece)
            while let reply = try parser.next() { read.append(reply) }
        }
        #expect(read == Self.replies)
    }

    @Test
    func `Seven levels of nesting are read; bytes that are no Redis protocol, or nest deeper, are an error`() throws {
        let parser = ReplyParser()
        try parser.feed(ByteBuffer(string: String(repeating: "*1\r\n", count: 7) + ":1\r\n"))
        #expect(try parser.next() != nil)
        for text in ["HTTP/1.1 400 Bad Request\r\n", String(repeating: "*1\r\n", count: 20) + ":1\r\n"] {
            let parser = ReplyParser()
            let error = #expect(throws: RedisError.self) {
                try parser.feed(ByteBuffer(string: text))
                _ = try parser.next()
            }
            #expect(error?.kind == .ambiguous)
        }
    }

    @Test func `A command is written with the length of each argument, whatever bytes it has`() {
        let encoder = CommandEncoder()
        var buffer = ByteBuffer()
        encoder.encode(["SET", "clé", .bytes([0, 13, 10])], into: &buffer)
        encoder.encode(["ECHO", ""], into: &buffer)
        let expected = "*3\r\n$3\r\nSET\r\n$4\r\nclé\r\n$3\r\n\0\r\n\r\n*2\r\n$4\r\nECHO\r\n$0\r\n\r\n"
        #expect(String(buffer: buffer) == expected)
    }

    @Test(
        arguments: [
            ("LOADING Redis is loading the dataset in memory", RedisError.Kind.unavailable),
            ("READONLY You can't write against a read only replica.", .unavailable),
            ("MASTERDOWN Link with MASTER is down", .unavailable),
            ("CLUSTERDOWN The cluster is down", .unavailable),
            ("TRYAGAIN Multiple keys request during rehashing of slot", .unavailable),
            ("UNBLOCKED client unblocked via CLIENT UNBLOCK", .unavailable),
            ("BUSY Redis is busy running a script.", .unavailable),
            ("NOREPLICAS Not enough good replicas to write.", .unavailable),
            ("ERR max number of clients reached", .unavailable),
            ("NOAUTH Authentication required.", .denied),
            ("WRONGPASS invalid username-password pair or user is disabled.", .denied),
            ("NOPERM this user has no permissions to run the 'get' command", .denied),
            ("DENIED Redis is running in protected mode", .denied),
            (
                "ERR The user executing the script can't run this command or subcommand script: 0a1b, on @user_script:3.",
                .denied
            ),
            (
                "ERR The user executing the script can't access at least one of the keys mentioned in the command arguments",
                .denied
            ),
            ("ERR ACL failure in script: User app has no permissions to run the 'lpush' command script: 0a1b", .denied),
            (
                "ERR Error running script (call to f_0a1b): @user_script:3: @user_script: 3: The user executing the script can't run this command or subcommand",
                .denied
            ),
            // What pcall gives a script on Redis 6.2.
            (
                "@user_script: 3: The user executing the script can't publish to the channel mentioned in the command",
                .denied
            ),
            ("ERR something else of The user executing the script ", .refused),
            ("BUSYGROUP Consumer Group name already exists", .refused),
            ("WRONGTYPE Operation against a key holding the wrong kind of value", .refused),
            ("OOM command not allowed when used memory > 'maxmemory'.", .refused),
            ("MISCONF Redis is configured to save RDB snapshots", .refused),
            ("NOSCRIPT No matching script. Please use EVAL.", .refused),
            ("ERR unknown command", .refused),
            (
                "ERR Error running script (call to f_0a1b): @user_script:7: @user_script: 7: -READONLY No writes.",
                .unavailable
            ),
            ("ERR Error running script (call to f_0a1b): @user_script:7: @user_script: 7: -OOM Too much.", .refused),
            (
                "ERR Error running script (call to f_0a1b): @user_script:7: user_script:7: attempt to call a nil",
                .refused
            ),
            ("", .refused),
        ]
    )
    func `An error reply is told apart by its code, the whole first word, also where an older Redis wraps it`(
        reply: String, kind: RedisError.Kind
    ) {
        let error = RedisError(reply: reply)
        #expect(error.kind == kind)
        #expect(error.message == reply)
    }
}
