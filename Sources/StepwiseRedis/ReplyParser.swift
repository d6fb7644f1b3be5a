internal import CStepwiseHiredis
package import NIOCore

/// Bytes in, replies out: hiredis's RESP2 reader.
///
/// Replies may nest seven deep (hiredis 0.14); a deeper one is an error, after which the connection is of no use.
package final class ReplyParser {
    private let reader: UnsafeMutablePointer<redisReader>

    package init() {
        guard let reader = redisReaderCreate() else { fatalError("out of memory: no room for a reply reader") }
        self.reader = reader
    }

    deinit {
        redisReaderFree(reader)
    }

    /// Adds bytes as they came from the server; they may end anywhere.
    package func feed(_ buffer: ByteBuffer) throws(RedisError) {
        let status = buffer.withUnsafeReadableBytes { bytes in
            redisReaderFeed(reader, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        if status != REDIS_OK { throw failure }
    }

    /// The next whole reply, or `nil` until more bytes are fed.
    package func next() throws(RedisError) -> RedisValue? {
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
        return RedisError(.ambiguous, "the server's answer is not the Redis protocol: \(text)")
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
}

extension redisReply {
    fileprivate var text: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: str, count: Int(len)) }
}
