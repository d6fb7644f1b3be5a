import Foundation
import Stepwise

/// A JSON document whose members stay in their order, and in which stored JSON stands as it is stored.
indirect enum JSONDocument {
    case null
    case bool(Bool)
    case number(Int)
    case string(String)
    /// Text that is JSON already.
    case stored(String)
    case array([JSONDocument])
    case object([(String, JSONDocument)])

    init(_ value: Int?) { self = value.map { .number($0) } ?? .null }
    init(_ value: String?) { self = value.map { .string($0) } ?? .null }
    /// Whole milliseconds since 1970.
    init(_ time: Date?) { self.init(time?.wholeMilliseconds) }
    /// Whole milliseconds.
    init(_ length: Duration?) { self.init(length?.wholeMilliseconds) }
    init(_ values: [String]) { self = .array(values.map { .string($0) }) }
    /// Stored JSON; as a string if it is none after all.
    init(stored text: String?) {
        guard let text else {
            self = .null
            return
        }
        self = JSON.problem(with: Array(text.utf8)) == nil ? .stored(text) : .string(text)
    }

    /// Patches, sorted by their ids.
    init(patches: [String: Int]) {
        self = .object(patches.sorted { $0.key < $1.key }.map { ($0.key, .number($0.value)) })
    }

    /// One line: of stored JSON the line breaks and tabs between its parts become spaces, and everything else stays as it is stored.
    var text: String {
        let parts = written.unicodeScalars.split { $0 == "\n" || $0 == "\r" || $0 == "\t" }
        return parts.map { String($0) }.joined(separator: " ")
    }

    private var written: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .number(let value): String(value)
        case .string(let value): JSON.string(value)
        case .stored(let value): value
        case .array(let values): "[" + values.map(\.written).joined(separator: ",") + "]"
        case .object(let members):
            "{" + members.map { "\(JSON.string($0.0)):\($0.1.written)" }.joined(separator: ",") + "}"
        }
    }
}
