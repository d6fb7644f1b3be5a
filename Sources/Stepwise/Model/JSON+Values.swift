#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

extension JSON {
    /// - Parameter what: names the value in the error.
    /// - Throws: ``StepwiseError`` with code `notStorable`.
    package static func encode<T: Encodable>(_ value: T, what: @autoclosure () -> String) throws(StepwiseError)
        -> [UInt8]
    {
        do {
            let data = try encoder.encode(value)
            return [UInt8](unsafeUninitializedCapacity: data.count) { bytes, count in
                count = data.copyBytes(to: bytes)
            }
        } catch {
            throw StepwiseError(.notStorable, "\(what()) cannot be stored as JSON: \(words(error))\(advice(error))")
        }
    }

    /// - Parameter what: names the value in the error.
    /// - Throws: ``StepwiseError`` with code `notDecodable`.
    package static func decode<T: Decodable>(_ type: T.Type, from bytes: [UInt8], what: @autoclosure () -> String)
        throws(StepwiseError) -> T
    {
        do {
            return try value(type, from: bytes)
        } catch {
            throw StepwiseError(
                .notDecodable,
                "\(what()) is stored as \(excerpt(bytes)), which does not decode as \(type): \(words(error))")
        }
    }
}
