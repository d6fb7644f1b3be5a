#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// In the JSON of this library's own types, times and lengths of time are whole milliseconds, whatever the coder does with a `Date`. The coding that
/// the compiler writes for a type of this module takes these overloads, because they are nearer than the generic calls.
extension KeyedDecodingContainer {
    func decode(_: Date.Type, forKey key: Key) throws -> Date { Date(milliseconds: try decode(Int.self, forKey: key)) }

    func decodeIfPresent(_: Date.Type, forKey key: Key) throws -> Date? {
        Date(milliseconds: try decodeIfPresent(Int.self, forKey: key))
    }

    func decode(_: Duration.Type, forKey key: Key) throws -> Duration {
        .milliseconds(try decode(Int.self, forKey: key))
    }

    func decodeIfPresent(_: Duration.Type, forKey key: Key) throws -> Duration? {
        try decodeIfPresent(Int.self, forKey: key).map { .milliseconds($0) }
    }
}

extension KeyedEncodingContainer {
    mutating func encode(_ time: Date, forKey key: Key) throws { try encode(time.wholeMilliseconds, forKey: key) }

    mutating func encodeIfPresent(_ time: Date?, forKey key: Key) throws {
        try encodeIfPresent(time?.wholeMilliseconds, forKey: key)
    }

    mutating func encode(_ length: Duration, forKey key: Key) throws {
        try encode(length.wholeMilliseconds, forKey: key)
    }

    mutating func encodeIfPresent(_ length: Duration?, forKey key: Key) throws {
        try encodeIfPresent(length?.wholeMilliseconds, forKey: key)
    }
}
