internal import StepwiseRedis

/// An item that was claimed. What others push may be of any length: of a long one only the beginning comes here.
struct ClaimedItem: Sendable, Hashable {
    /// The item, or how a long one begins.
    var bytes: [UInt8]
    /// How many bytes the item has.
    var length: Int

    /// Whether ``bytes`` is all of it.
    var isWhole: Bool { bytes.count == length }

    init(_ bytes: [UInt8]) {
        (self.bytes, length) = (bytes, bytes.count)
    }

    /// - Parameter value: of the reply to a command that may answer with an excerpt; `nil` for no text.
    init?(_ value: RedisValue) {
        if let excerpt = value.excerpt {
            bytes = excerpt.prefix
            length = excerpt.length
            return
        }
        guard let whole = value.bytes else { return nil }
        (bytes, length) = (whole, whole.count)
    }
}
