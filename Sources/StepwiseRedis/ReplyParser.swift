internal import CStepwiseHiredis
package import NIOCore

/// Bytes in, replies out: hiredis's RESP2 reader, and a bound of what it holds.
///
/// Replies may nest seven deep (hiredis 0.14); a deeper one is an error, after which the connection is of no use.
///
/// **The bound.** hiredis holds a bulk until its last byte has come, so it must not see one that is longer than the command
/// allows. A ``ReplyScanner`` passes the first 4 KiB of such a bulk and skips the rest. Most replies are short and come whole;
/// they need no scanner. When hiredis stands at the beginning of a reply, and all bytes that it has are not more than the limit,
/// then a reply that it finds in them cannot have a bulk above the limit. If it finds none, or if there are more bytes, a scanner
/// reads the reply once more from its first byte, for a new reader, and stays until the reply ends.
///
/// A reader thus holds the limit and one piece at most. A bulk that it hands on is copied twice beside that. The bound is not
/// one of the whole reply: an array has as many values as the command asks for. To read a list that others fill, ask for a page.
package final class ReplyParser {
    private var reader: UnsafeMutablePointer<redisReader>
    /// What was fed last. While there is no scanner, it ends with the bytes that hiredis has not made a reply of.
    private var fed: ByteBuffer?
    /// The scanner of the reply that has begun; `nil` while hiredis stands at the beginning of one.
    private var scanner: ReplyScanner?
    /// The length of the longest bulk of the last reply that became an excerpt; `nil` if none did.
    package var longestCut: Int? { longest }
    // Private: each access to a stored property that other modules see is checked, for every reply.
    private var longest: Int?
    /// The most bytes that hiredis has held of a reply that did not come in one piece. For tests.
    package var mostHeld: Int { most }
    private var most = 0

    package init() {
        reader = ReplyParser.makeReader()
    }

    deinit {
        redisReaderFree(reader)
    }

    private static func makeReader() -> UnsafeMutablePointer<redisReader> {
        guard let reader = redisReaderCreate() else { fatalError("out of memory: no room for a reply reader") }
        return reader
    }

    /// Adds bytes as they came from the server; they may end anywhere.
    package func feed(_ buffer: ByteBuffer) throws(RedisError) {
        guard scanner != nil else { return try add(buffer) }
        var rest = buffer
        try scan(&rest)
        try add(rest)
    }

    /// The next whole reply, or `nil` until more bytes are fed.
    /// - Parameter maximumBulk: a longer bulk in it becomes an excerpt. It is to be the same until the reply is whole.
    package func next(maximumBulk: Int = RedisOptions.defaultMaximumBulk) throws(RedisError) -> RedisValue? {
        longest = nil
        if scanner == nil {
            let unread = reader.pointee.len - reader.pointee.pos
            if unread == 0 {
                fed = nil
                return nil
            }
            if unread <= maximumBulk, let reply = try parsed() { return reply }
            try scan(last: unread, maximumBulk)
        }
        most = max(most, reader.pointee.len)
        guard let reply = try parsed() else { return nil }
        let cuts = scanner?.cuts ?? []
        scanner = nil
        guard !cuts.isEmpty else { return reply }
        longest = cuts.map(\.length).max()
        var (place, left) = (0, cuts[...])
        return reply.marking(&left, from: &place)
    }

    // MARK: Through the scanner

    /// Reads the reply that begins with the last `count` bytes once more.
    private func scan(last count: Int, _ maximumBulk: Int) throws(RedisError) {
        guard let fed, var rest = fed.getSlice(at: fed.writerIndex - count, length: count) else { return }
        var scanner = ReplyScanner(maximumBulk: maximumBulk)
        var passed = ByteBuffer()
        try scanner.scan(&rest, into: &passed)
        self.scanner = scanner
        // A whole reply without a cut is what hiredis has.
        if scanner.isAtEnd, scanner.cuts.isEmpty { return }
        redisReaderFree(reader)
        reader = ReplyParser.makeReader()
        self.fed = nil
        try give(passed)
        try add(rest)
    }

    /// Takes the part of `rest` that belongs to the reply that has begun.
    private func scan(_ rest: inout ByteBuffer) throws(RedisError) {
        var passed = ByteBuffer()
        try scanner?.scan(&rest, into: &passed)
        try give(passed)
    }

    // MARK: hiredis

    /// Gives hiredis bytes that no scanner has seen.
    private func add(_ bytes: ByteBuffer) throws(RedisError) {
        guard bytes.readableBytes > 0 else { return }
        if fed == nil { fed = bytes } else { fed?.writeImmutableBuffer(bytes) }
        try give(bytes)
    }

    private func give(_ bytes: ByteBuffer) throws(RedisError) {
        let status = bytes.withUnsafeReadableBytes { bytes in
            redisReaderFeed(reader, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        if status != REDIS_OK { throw failure }
    }

    private func parsed() throws(RedisError) -> RedisValue? {
        var reply: UnsafeMutableRawPointer?
        guard redisReaderGetReply(reader, &reply) == REDIS_OK else { throw failure }
        guard let reply else { return nil }
        defer { freeReplyObject(reply) }
        return RedisValue(copying: reply.assumingMemoryBound(to: redisReply.self).pointee)
    }

    private var failure: RedisError {
        let text = withUnsafeBytes(of: reader.pointee.errstr) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return RedisError(protocolError: text)
    }
}

extension RedisValue {
    fileprivate init(copying reply: redisReply) {
        switch reply.type {
        case REDIS_REPLY_INTEGER:
            self = .integer(Int(reply.integer))
        case REDIS_REPLY_STRING, REDIS_REPLY_STATUS:
            self = .string([UInt8](reply.text))
        case REDIS_REPLY_ERROR:
            self = .error(String(decoding: reply.text, as: UTF8.self))
        case REDIS_REPLY_ARRAY:
            self = .array(
                UnsafeBufferPointer(start: reply.element, count: Int(reply.elements)).map { element in
                    element.map { RedisValue(copying: $0.pointee) } ?? .null
                }
            )
        default:
            self = .null
        }
    }

    /// The same with an excerpt at each place where a bulk was cut. Takes the cuts that it has marked.
    fileprivate func marking(_ cuts: inout ArraySlice<ReplyScanner.Cut>, from place: inout Int) -> RedisValue {
        let own = place
        place += 1
        switch self {
        case .array(let values):
            return .array(values.map { $0.marking(&cuts, from: &place) })
        case .string(let bytes) where cuts.first?.place == own:
            return .excerpt(prefix: bytes, length: cuts.removeFirst().length)
        default:
            return self
        }
    }
}

extension redisReply {
    fileprivate var text: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: str, count: Int(len)) }
}
