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
