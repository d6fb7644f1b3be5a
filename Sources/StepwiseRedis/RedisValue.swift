/// A reply of the server.
///
/// Strings stay bytes: what users stored is handed on as it is and decoded only where their code asks for it.
package enum RedisValue: Sendable, Hashable {
    case null
    case integer(Int)
    case string([UInt8])
    case array([RedisValue])
    /// An error inside an array. An error that is the whole reply is thrown as a ``RedisError`` instead.
    case error(String)
    /// A string that was longer than its command allowed: its first bytes, at most 4 KiB, and its whole length in bytes. The rest
    /// was skipped. `bytes`, `string` and `integer` are `nil` for it, so that nobody takes it for the whole. It is boxed, so that
    /// the other values do not grow.
    indirect case excerpt(prefix: [UInt8], length: Int)
}

extension RedisValue {
    package var integer: Int? {
        switch self {
        case .integer(let value): value
        case .string(let bytes): Int(String(decoding: bytes, as: UTF8.self))
        default: nil
        }
    }

    /// The bytes of a string reply; `nil` for every other kind.
    package var bytes: [UInt8]? {
        if case .string(let bytes) = self { bytes } else { nil }
    }

    /// The text of a string or an integer reply; `nil` for every other kind.
    package var string: String? {
        switch self {
        case .string(let bytes): String(decoding: bytes, as: UTF8.self)
        case .integer(let value): String(value)
        default: nil
        }
    }

    /// What was kept of a string that was too long; `nil` for every other kind.
    package var excerpt: (prefix: [UInt8], length: Int)? {
        if case .excerpt(let prefix, let length) = self { (prefix: prefix, length: length) } else { nil }
    }

    package var array: [RedisValue]? {
        if case .array(let values) = self { values } else { nil }
    }
}

/// One argument of a command: text, or bytes that are sent as they are.
package enum RedisArgument: Sendable, Hashable, ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
    case string(String)
    case bytes([UInt8])

    package init(stringLiteral value: String) { self = .string(value) }
    package init(_ value: String) { self = .string(value) }
    package init(_ value: Int) { self = .string(String(value)) }
    package init(_ value: [UInt8]) { self = .bytes(value) }
}
