/// A run's patches as they are stored: a JSON object, patch → how many outcomes the function had had when it asked.
package enum PatchMarks {
    /// Empty for none.
    package static func text(_ marks: [String: Int]) -> String {
        if marks.isEmpty { return "" }
        return "{"
            + marks.sorted { $0.key < $1.key }.map { "\(JSON.string($0.key)):\($0.value)" }.joined(separator: ",") + "}"
    }

    package static func read(_ text: some Sequence<UInt8>) -> [String: Int] {
        (try? JSON.decode([String: Int].self, from: Array(text), what: "the patches")) ?? [:]
    }
}
