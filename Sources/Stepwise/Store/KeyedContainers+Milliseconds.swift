#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// The coding keys of a type whose JSON has times and lengths of time as whole milliseconds, whatever the coder does with a `Date`.
///
/// A type says so by its `CodingKeys`. The coding that the compiler writes then takes the calls below: they are more specific than the
/// coder's own.
protocol MillisecondKeys: CodingKey {}

extension KeyedDecodingContainer where Key: MillisecondKeys {
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

extension KeyedEncodingContainer where Key: MillisecondKeys {
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
