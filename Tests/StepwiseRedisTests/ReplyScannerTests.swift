import NIOCore
import StepwiseRedis
import Testing

@Suite("Replies with strings that are too long")
struct ReplyScannerTests {
    /// The body of a string that looks like replies.
    private static let disguise = "a\r\n$999999\r\n*3\r\n:1\r\n-x\r\n"
    private static let exchange: [(bytes: String, limit: Int, value: RedisValue)] = [
        ("+OK\r\n", 0, .string(Array("OK".utf8))),
        (":-42\r\n", 0, .integer(-42)),
        ("$-1\r\n", 0, .null),
        ("*-1\r\n", 0, .null),
        ("*0\r\n", 0, .array([])),
        ("-ERR a longer text\rwith a return\r\n", 3, .error("ERR a longer text\rwith a return")),
        ("$0\r\n\r\n", 0, .string([])),
        ("$1\r\nx\r\n", 0, .excerpt(prefix: [], length: 1)),
        ("$3\r\nabc\r\n", 3, .string(Array("abc".utf8))),
        ("$4\r\nabcd\r\n", 3, .excerpt(prefix: Array("abc".utf8), length: 4)),
        ("$4\r\n\r\n\r\n\r\n", 3, .excerpt(prefix: Array("\r\n\r".utf8), length: 4)),
        ("$4\r\nabcd\r\n", 4, .string(Array("abcd".utf8))),
        (
            "$\(disguise.utf8.count)\r\n\(disguise)\r\n", 5,
            .excerpt(prefix: Array(disguise.utf8.prefix(5)), length: disguise.utf8.count)
        ),
        ("$\(disguise.utf8.count)\r\n\(disguise)\r\n", 5_000, .string(Array(disguise.utf8))),
        (
            "*7\r\n:1\r\n$2\r\nxy\r\n*4\r\n$-1\r\n$5\r\nabcde\r\n*0\r\n-WRONGTYPE y\r\n$0\r\n\r\n*-1\r\n$6\r\n*1\r\n:1\r\n+z\r\n",
            2,
            .array([
                .integer(1), .string(Array("xy".utf8)),
                .array([.null, .excerpt(prefix: Array("ab".utf8), length: 5), .array([]), .error("WRONGTYPE y")]),
                .string([]), .null, .excerpt(prefix: Array("*1".utf8), length: 6), .string(Array("z".utf8)),
            ])
        ),
        (":7\r\n", 1, .integer(7)),
    ]

    /// What a parser reads of these pieces, each reply with its own limit.
    private func read(_ pieces: [some Sequence<UInt8>], limits: [Int]) throws -> [RedisValue] {
        let parser = ReplyParser()
        var values: [RedisValue] = []
        for piece in pieces {
            try parser.feed(ByteBuffer(bytes: piece))
            while values.count < limits.count, let value = try parser.next(maximumBulk: limits[values.count]) {
                values.append(value)
            }
        }
        #expect(try parser.next() == nil)
        return values
    }

    @Test func `Each reply has its own limit, wherever two cuts fall in the bytes`() throws {
        let bytes = Array(Self.exchange.map(\.bytes).joined().utf8)
        let (limits, values) = (Self.exchange.map(\.limit), Self.exchange.map(\.value))
        for first in 0..<bytes.count {
            let second = min(first + 1 + first % 17, bytes.count)
            let pieces = [bytes[..<first], bytes[first..<second], bytes[second...]]
            try #require(try read(pieces, limits: limits) == values, "cut at \(first) and \(second)")
        }
    }

    @Test func `Each reply has its own limit, in pieces of any one size`() throws {
        let bytes = Array(Self.exchange.map(\.bytes).joined().utf8)
        let (limits, values) = (Self.exchange.map(\.limit), Self.exchange.map(\.value))
        for size in 1...bytes.count {
            let pieces = stride(from: 0, to: bytes.count, by: size).map { bytes[$0..<min($0 + size, bytes.count)] }
            try #require(try read(pieces, limits: limits) == values, "pieces of \(size)")
        }
    }

    @Test func `Every way to cut the bytes gives the same replies`() throws {
        let exchanges: [(text: String, limits: [Int], values: [RedisValue])] = [
            ("$3\r\nabc\r\n:7\r\n", [2, 2], [.excerpt(prefix: [97, 98], length: 3), .integer(7)]),
            ("*1\r\n$1\r\n\r\r\n", [0], [.array([.excerpt(prefix: [], length: 1)])]),
            ("$-1\r\n$2\r\n\r\n\r\n", [0, 1], [.null, .excerpt(prefix: [13], length: 2)]),
            ("$1\r\na\r\n:7\r\n", [0, 0], [.excerpt(prefix: [], length: 1), .integer(7)]),
            ("$1\r\na\r\n$0\r\n\r\n", [1, 0], [.string([97]), .string([])]),
        ]
        for (text, limits, values) in exchanges {
            let bytes = Array(text.utf8)
            for cuts in 0..<(1 << (bytes.count - 1)) {
                var pieces = [[bytes[0]]]
                for (index, byte) in bytes.dropFirst().enumerated() {
                    if cuts >> index & 1 == 1 { pieces.append([byte]) } else { pieces[pieces.count - 1].append(byte) }
                }
                try #require(
                    try read(pieces, limits: limits) == values, "\(text.debugDescription): \(pieces.map(\.count))")
            }
        }
    }

    @Test func `A scanner passes on what a parser is to see, and leaves the next reply alone`() throws {
        var scanner = ReplyScanner(maximumBulk: 3)
        var (input, output) = (ByteBuffer(string: "*3\r\n$3\r\nabc\r\n$5\r\nabc"), ByteBuffer())
        try scanner.scan(&input, into: &output)
        #expect(!scanner.isAtEnd)
        input.writeString("de\r\n:1\r\n$9\r\nnext")
        try scanner.scan(&input, into: &output)
        #expect(scanner.isAtEnd)
        #expect(String(buffer: output) == "*3\r\n$3\r\nabc\r\n$3\r\nabc\r\n:1\r\n")
        #expect(String(buffer: input) == "$9\r\nnext")
        #expect(scanner.cuts == [.init(place: 2, length: 5)])
        try scanner.scan(&input, into: &output)
        #expect(String(buffer: input) == "$9\r\nnext")
    }

    @Test(arguments: [
        "$x\r\n", "$\r\n", "$-2\r\n", "$1234567890123456789\r\n", "*3000000000\r\n", "*-2\r\n", "$1\r2\r\n",
        "+" + String(repeating: "x", count: 70_000),
    ])
    func `A length that is not a number, or a line without an end, is an error`(text: String) {
        var scanner = ReplyScanner(maximumBulk: 3)
        var (input, output) = (ByteBuffer(string: text), ByteBuffer())
        let error = #expect(throws: RedisError.self) { try scanner.scan(&input, into: &output) }
        #expect(error?.kind == .ambiguous)
    }

    @Test func `An excerpt does not read as a text, bytes or a number`() {
        let excerpt = RedisValue.excerpt(prefix: Array("12".utf8), length: 5_000)
        #expect(excerpt.string == nil)
        #expect(excerpt.bytes == nil)
        #expect(excerpt.integer == nil)
        #expect(excerpt.array == nil)
        #expect(excerpt.excerpt?.prefix == Array("12".utf8))
        #expect(excerpt.excerpt?.length == 5_000)
        #expect(RedisValue.string(Array("12".utf8)).excerpt == nil)
        // Every reply is made of these.
        #expect(MemoryLayout<RedisValue>.stride == MemoryLayout<WithoutExcerpt>.stride)
    }

    private enum WithoutExcerpt {
        case null
        case integer(Int)
        case string([UInt8])
        case array([WithoutExcerpt])
        case error(String)
    }

    @Test func `However long a string is, no more than the limit and a piece is held`() throws {
        let (limit, size) = (256 * 1024, 64 * 1024)
        let piece = ByteBuffer(repeating: UInt8(ascii: "x"), count: size)
        let parser = ReplyParser()
        func feed(pieces: Int) throws {
            for _ in 0..<pieces {
                try parser.feed(piece)
                #expect(try parser.next(maximumBulk: limit) == nil)
            }
        }
        try parser.feed(ByteBuffer(string: "*3\r\n$\(1_000 * size)\r\n"))
        try feed(pieces: 1_000)
        // Short enough to be held as a whole.
        try parser.feed(ByteBuffer(string: "\r\n$\(limit)\r\n"))
        try feed(pieces: limit / size)
        try parser.feed(ByteBuffer(string: "\r\n$\(limit + 1)\r\n"))
        try feed(pieces: limit / size)
        try parser.feed(ByteBuffer(string: "x\r\n$2\r\nok\r\n"))
        let kept = [UInt8](repeating: UInt8(ascii: "x"), count: 4096)
        let reply = try parser.next(maximumBulk: limit)
        #expect(parser.longestCut == 1_000 * size)
        let expected = RedisValue.array([
            .excerpt(prefix: kept, length: 1_000 * size), .string([UInt8](repeating: UInt8(ascii: "x"), count: limit)),
            .excerpt(prefix: kept, length: limit + 1),
        ])
        // Without the values in the report: they are large.
        let isRight = reply == expected
        #expect(isRight)
        #expect(try parser.next(maximumBulk: limit) == .string(Array("ok".utf8)))
        #expect(parser.longestCut == nil)
        #expect(parser.mostHeld >= limit)
        #expect(parser.mostHeld <= limit + 2 * size)
    }
}
