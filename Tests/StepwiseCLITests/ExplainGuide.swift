import Foundation
import Stepwise
import Testing

/// The reference of the guide *Explain*: the sentences of each cause, and what to do. It is read here without the engine's own templates, so
/// that what is said of a real run is compared with the page.
struct ExplainGuide {
    private var sentences: [String: [String]] = [:]
    private var remedies: [String: [String]] = [:]

    init() throws {
        var root = URL(filePath: #filePath)
        for _ in 1...3 { root.deleteLastPathComponent() }
        let page = try String(
            contentsOf: root.appending(path: "Sources/Stepwise/Stepwise.docc/Explain.md"), encoding: .utf8)
        for line in page.split(separator: "\n") where line.hasPrefix("| `") {
            let cells = line.dropFirst(2).dropLast(2).components(separatedBy: " | ")
            if cells.count != 3 { continue }
            let cause = cells[0].filter { $0 != "`" }
            sentences[cause, default: []].append(cells[1])
            remedies[cause, default: []] += cells[2].components(separatedBy: "; ").filter { !$0.isEmpty }
        }
    }

    /// Expects that all that is told of a run stands on the page.
    func expect(_ explanation: Explanation, sourceLocation: SourceLocation) {
        let facts = Dictionary(explanation.facts.map { ($0.name, $0.value) }) { first, _ in first }
        expect(explanation.cause, explanation.sentence, facts, sourceLocation: sourceLocation)
        for other in explanation.also { expect(other.cause, other.sentence, nil, sourceLocation: sourceLocation) }
        for child in explanation.children { expect(child.cause, child.sentence, nil, sourceLocation: sourceLocation) }
        let causes = [explanation.cause] + explanation.also.map(\.cause)
        // What the doctor advises has his words.
        let doctors: Set<String> = ["mends what the doctor found", "shows what is stored"]
        for action in explanation.next where !doctors.contains(action.effect) {
            let text = (action.command.map { "`\($0)`: " } ?? "") + action.effect
            #expect(
                causes.contains { isRemedy(text, of: $0) }, "not a remedy of the page: \(text)",
                sourceLocation: sourceLocation)
        }
        #expect(!explanation.next.isEmpty, "that there is nothing to do is said, too", sourceLocation: sourceLocation)
    }

    /// Expects that a sentence is one of its cause's rows.
    ///
    /// - Parameter facts: what the sentence was made of; `nil` if that is not told: then any text may stand in its places.
    func expect(
        _ cause: Explanation.Cause, _ sentence: String, _ facts: [String: String]?, sourceLocation: SourceLocation
    ) {
        let rows = sentences[cause.rawValue] ?? []
        #expect(
            rows.contains { GuideTemplate($0, facts).matches(sentence) },
            "not on the page as \(cause): \(sentence), with \(facts ?? [:])", sourceLocation: sourceLocation)
    }

    /// Whether it stands among what to do. A remedy may have a semicolon in it.
    func isRemedy(_ text: String, of cause: Explanation.Cause) -> Bool {
        let parts = remedies[cause.rawValue] ?? []
        return parts.indices.contains { first in
            parts.indices[first...].contains { last in
                GuideTemplate(parts[first...last].joined(separator: "; "), nil).matches(text)
            }
        }
    }
}

/// A text of the page with its places for facts, as a regular expression.
private struct GuideTemplate {
    private var pattern = ""
    private var rest: Substring
    private let facts: [String: String]?

    /// A part of it: whether all its facts are known, and whether something else decides if it is told.
    private struct Part {
        var pattern = ""
        var isKnown = true
        var isMarked = false
    }

    /// What commands need is known of every run, and not always among the facts.
    private static let always: Set<String> = ["run", "queue", "workflow", "namespace"]

    init(_ text: String, _ facts: [String: String]?) {
        (rest, self.facts) = (text[...], facts)
        pattern = part().pattern
    }

    func matches(_ text: String) -> Bool { text.range(of: "^(?:\(pattern))$", options: .regularExpression) != nil }

    private mutating func part() -> Part {
        var part = Part()
        while let sign = rest.firstIndex(where: { "⟨[]".contains($0) }) {
            part.pattern += Self.escaped(String(rest[..<sign]))
            let opening = rest[sign]
            rest = rest[rest.index(after: sign)...]
            switch opening {
            case "]": return part
            case "[":
                let inner = self.part()
                part.pattern += optional(inner)
            default: add(to: &part)
            }
        }
        part.pattern += Self.escaped(String(rest))
        rest = rest[rest.endIndex...]
        return part
    }

    /// What is told if its facts are known is told then, and else it is not.
    private func optional(_ part: Part) -> String {
        if !part.isKnown { return "" }
        return facts == nil || part.isMarked ? "(?:\(part.pattern))?" : part.pattern
    }

    private mutating func add(to part: inout Part) {
        let end = rest.firstIndex(of: "⟩") ?? rest.endIndex
        let place = String(rest[..<end])
        rest = rest[end...].dropFirst()
        if place.hasPrefix("?") {
            part.isMarked = true
        } else if let value = value(of: place) {
            part.pattern += value
        } else {
            part.isKnown = false
        }
    }

    private func value(of place: String) -> String? {
        if place == "It" || place == "it" {
            let step = facts?["step"].map(Self.escaped) ?? ".+"
            return place == "It" ? "(?:It|Its turn|Step \(step))" : "(?:it|its turn|step \(step))"
        }
        let words = place.split(separator: " ", maxSplits: 1).map(String.init)
        let forms = words.count < 2 ? [] : words[1].components(separatedBy: "/")
        guard let known = facts?[words[0]] else {
            if facts != nil, !Self.always.contains(words[0]) { return nil }
            if forms.isEmpty { return ".+" }
            return "(?:1 \(Self.escaped(forms[0]))|[0-9]+ \(Self.escaped(forms[forms.count - 1])))"
        }
        if forms.isEmpty { return Self.escaped(known) }
        return Self.escaped("\(known) \(known == "1" ? forms[0] : forms[forms.count - 1])")
    }

    private static func escaped(_ text: String) -> String { NSRegularExpression.escapedPattern(for: text) }
}
