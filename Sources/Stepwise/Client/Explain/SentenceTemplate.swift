/// A sentence with places for facts, as the guide *Explain* has it.
///
/// `⟨queue⟩` is a fact, `⟨ahead is/are⟩` a number and the word for one or for more, `⟨It⟩` and `⟨it⟩` what the sentence is about. What stands in
/// `[ ]` is left out unless all its facts are known; `⟨?name⟩` shows nothing, and is known in the case that the name says.
package struct SentenceTemplate: Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
    private indirect enum Part: Sendable, Hashable {
        case text(String)
        case fact(String)
        case counted(String, one: String, more: String)
        case subject(isFirst: Bool)
        case mark(String)
        case optional([Part])
    }

    package let description: String
    private let parts: [Part]

    package init(stringLiteral text: String) {
        description = text
        var rest = text[...]
        parts = Self.parse(&rest)
    }

    private static func parse(_ rest: inout Substring) -> [Part] {
        var parts: [Part] = []
        while let sign = rest.firstIndex(where: { "⟨[]".contains($0) }) {
            if sign > rest.startIndex { parts.append(.text(String(rest[..<sign]))) }
            let opening = rest[sign]
            rest = rest[rest.index(after: sign)...]
            switch opening {
            case "[": parts.append(.optional(parse(&rest)))
            case "]": return parts
            default:
                let end = rest.firstIndex(of: "⟩") ?? rest.endIndex
                parts.append(place(String(rest[..<end])))
                rest = end == rest.endIndex ? rest[end...] : rest[rest.index(after: end)...]
            }
        }
        if !rest.isEmpty { parts.append(.text(String(rest))) }
        rest = rest[rest.endIndex...]
        return parts
    }

    private static func place(_ text: String) -> Part {
        if text == "It" || text == "it" { return .subject(isFirst: text == "It") }
        if text.hasPrefix("?") { return .mark(String(text.dropFirst())) }
        guard let space = text.firstIndex(of: " ") else { return .fact(text) }
        let forms = text[text.index(after: space)...].split(separator: "/", omittingEmptySubsequences: false)
        return .counted(String(text[..<space]), one: String(forms[0]), more: String(forms.last ?? forms[0]))
    }

    /// - Parameter quoting: gets the facts' raw texts, for a command; without it their shown ones are taken.
    /// - Returns: `nil` if a fact that it cannot do without is not known.
    package func text(_ facts: Facts, quoting: ((String) -> String)? = nil) -> String? {
        Self.text(parts, facts, quoting)
    }

    private static func text(_ parts: [Part], _ facts: Facts, _ quoting: ((String) -> String)?) -> String? {
        var result = ""
        for part in parts {
            switch part {
            case .text(let text): result += text
            case .fact(let name):
                let value = quoting.map { quote in facts.raw(name).map { quote($0) } } ?? facts.shown(name)
                guard let value else { return nil }
                result += value
            case .counted(let name, let one, let more):
                guard let value = facts.shown(name) else { return nil }
                result += "\(value) \(value == "1" ? one : more)"
            case .subject(let isFirst): result += words(facts, isFirst)
            case .mark(let name):
                if !facts.has(mark: name) { return nil }
            case .optional(let parts): result += text(parts, facts, quoting) ?? ""
            }
        }
        return result
    }

    private static func words(_ facts: Facts, _ isFirst: Bool) -> String {
        switch facts.subject {
        case .run: isFirst ? "It" : "it"
        case .turn: isFirst ? "Its turn" : "its turn"
        case .step(let step): (isFirst ? "Step " : "step ") + Facts.name(step)
        }
    }
}
