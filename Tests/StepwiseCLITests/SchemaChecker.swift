import Foundation

/// A JSON value, of which each part can be looked at.
indirect enum JSONTree: Decodable, Hashable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([JSONTree])
    case object([String: JSONTree])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONTree].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONTree].self))
        }
    }

    init(json text: String) throws { self = try JSONDecoder().decode(JSONTree.self, from: Data(text.utf8)) }

    /// The names of its types in a schema.
    fileprivate var types: [String] {
        switch self {
        case .null: ["null"]
        case .bool: ["boolean"]
        case .number(let value): value == value.rounded() ? ["integer", "number"] : ["number"]
        case .string: ["string"]
        case .array: ["array"]
        case .object: ["object"]
        }
    }

    fileprivate subscript(member: String) -> JSONTree? {
        if case .object(let members) = self { members[member] } else { nil }
    }
}

/// Holds values against a schema (JSON Schema 2020-12), as far as the commands' schemas need it: a word of which it knows nothing is a problem.
struct SchemaChecker {
    private let root: JSONTree

    init(_ schema: JSONTree) { root = schema }

    /// What is wrong with a value, each with its place in it; nothing if it is as the schema says.
    func problems(of value: JSONTree) -> [String] { problems(value, root, "$") }

    private func problems(_ value: JSONTree, _ schema: JSONTree, _ path: String) -> [String] {
        guard case .object(let words) = schema else { return ["\(path): its schema is not an object"] }
        return words.sorted { $0.key < $1.key }.flatMap { word, says in
            problems(value, word, says, schema, path)
        }
    }

    private func problems(
        _ value: JSONTree, _ word: String, _ says: JSONTree, _ schema: JSONTree, _ path: String
    ) -> [String] {
        switch (word, says) {
        case ("$schema", .string("https://json-schema.org/draft/2020-12/schema")), ("title", .string),
            ("$defs", .object):
            return []
        case ("$ref", .string(let name)):
            guard let target = definition(name) else { return ["\(path): there is no \(name) in the schema"] }
            return problems(value, target, path)
        case ("type", .string(let type)): return typeProblems(value, [type], path)
        case ("type", .array(let types)): return typeProblems(value, types.compactMap(\.text), path)
        case ("const", let only): return value == only ? [] : ["\(path): is not \(only)"]
        case ("enum", .array(let all)): return all.contains(value) ? [] : ["\(path): \(value) is not among the values"]
        case ("minimum", .number(let least)):
            guard case .number(let number) = value, number < least else { return [] }
            return ["\(path): \(number) is less than \(least)"]
        case ("items", .object):
            guard case .array(let items) = value else { return [] }
            return items.enumerated().flatMap { problems($1, says, "\(path)[\($0)]") }
        case ("properties", .object(let known)):
            return members(of: value).flatMap { name, member in
                known[name].map { problems(member, $0, "\(path).\(name)") } ?? []
            }
        case ("required", .array(let names)):
            guard case .object(let members) = value else { return [] }
            return names.compactMap(\.text).filter { members[$0] == nil }.map { "\(path): member \"\($0)\" is missing" }
        case ("additionalProperties", _): return others(value, says, schema, path)
        case ("anyOf", .array(let choices)):
            let all = choices.map { problems(value, $0, path) }
            // What is wrong with the one that it is most like.
            return all.min { $0.count < $1.count } ?? ["\(path): there is nothing to choose from"]
        default: return ["\(path): the checker does not know \"\(word)\" in this form"]
        }
    }

    private func typeProblems(_ value: JSONTree, _ types: [String], _ path: String) -> [String] {
        if types.contains(where: { value.types.contains($0) }) { return [] }
        return ["\(path): is \(value.types[0]), not \(types.joined(separator: " or "))"]
    }

    /// The members that `properties` does not name.
    private func others(_ value: JSONTree, _ says: JSONTree, _ schema: JSONTree, _ path: String) -> [String] {
        let unnamed = members(of: value).filter { schema["properties"]?[$0.name] == nil }
        switch says {
        case .bool(true): return []
        case .bool(false): return unnamed.map { "\(path): the schema knows no member \"\($0.name)\"" }
        default: return unnamed.flatMap { problems($0.value, says, "\(path).\($0.name)") }
        }
    }

    private func members(of value: JSONTree) -> [(name: String, value: JSONTree)] {
        guard case .object(let members) = value else { return [] }
        return members.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
    }

    private func definition(_ name: String) -> JSONTree? {
        let start = "#/$defs/"
        return name.hasPrefix(start) ? root["$defs"]?[String(name.dropFirst(start.count))] : nil
    }
}

extension JSONTree {
    fileprivate var text: String? {
        if case .string(let text) = self { text } else { nil }
    }
}
