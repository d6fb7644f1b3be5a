/// What an enqueuer says of a run, for finding it again: names with values, stored as one JSON object.
package struct RunLabels: Sendable, Hashable {
    package private(set) var values: [String: String] = [:]

    package init() {}

    package init(_ values: [String: String]) {
        self.values = values
    }

    /// From what is stored; nothing of what cannot be read.
    package init(stored text: String?) {
        guard let text, let members = JSONMembers(Array(text.utf8)) else { return }
        for key in members.keys { values[key] = members.string(key) }
    }

    package subscript(name: String) -> String? {
        get { values[name] }
        set { values[name] = newValue }
    }

    package var isEmpty: Bool { values.isEmpty }

    /// Sorted by name; empty if there are none.
    package var json: String {
        if values.isEmpty { return "" }
        let members = values.sorted { $0.key < $1.key }.map { "\(JSON.string($0.key)):\(JSON.string($0.value))" }
        return "{" + members.joined(separator: ",") + "}"
    }

    /// Whether every one of the other's is here with the same value: byte by byte, as an index compares them.
    package func contains(_ other: RunLabels) -> Bool {
        other.values.allSatisfy { name, value in values[name]?.utf8.elementsEqual(value.utf8) ?? false }
    }

    /// What is wrong with them, as the end of a sentence.
    package static func problem(withCount count: Int) -> String? {
        count > 20 ? "are \(count), and the limit is 20" : nil
    }

    /// What a name has to be, if this cannot be one.
    package static func problem(withName name: String) -> String? {
        Identifier.problem(with: name) != nil || name.contains("=") || name.utf8.count > 100
            ? "use 1 to 100 printable ASCII characters without spaces and =" : nil
    }

    package var problem: String? {
        if let problem = Self.problem(withCount: values.count) { return problem }
        for (name, value) in values.sorted(by: { $0.key < $1.key }) {
            if let problem = Self.problem(withName: name) {
                return "have one named \(JSON.string(name.prefix(bytes: 120))): \(problem)"
            }
            if value.utf8.count > 200
                || value.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
            {
                return "have for \"\(name)\" a value of more than 200 bytes or with control characters"
            }
        }
        return nil
    }
}
