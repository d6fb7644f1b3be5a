#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// What is known of a cause, in the order in which it was added. A value.
///
/// Each fact has the text that a sentence shows, printable and bounded, and the raw one, which a command takes.
package struct Facts: Sendable, Hashable {
    /// What the work item that a sentence is about is of.
    package enum Subject: Sendable, Hashable {
        case run
        case turn
        case step(String)
    }

    private struct Entry: Sendable, Hashable {
        var name: String
        var shown: String
        var raw: String
    }

    package var subject = Subject.run
    private var entries: [Entry] = []
    /// What chooses a part of a sentence and is shown by no text of its own.
    private var marks: Set<String> = []
    /// Names that commands need, and that no sentence has to be told.
    private var hidden: [String: String] = [:]

    package init(_ subject: Subject = .run) {
        self.subject = subject
        if case .step(let step) = subject { add("step", name: step) }
    }

    /// For the JSON and for who prints them.
    package var list: [Explanation.Fact] { entries.map { .init(name: $0.name, value: $0.shown) } }

    package func shown(_ name: String) -> String? {
        entries.first { $0.name == name }?.shown ?? hidden[name].map { Self.name($0) }
    }

    package func raw(_ name: String) -> String? { entries.first { $0.name == name }?.raw ?? hidden[name] }

    package func has(mark: String) -> Bool { marks.contains(mark) }

    // MARK: Adding

    private mutating func set(_ name: String, _ shown: String, raw: String) {
        let entry = Entry(name: name, shown: shown, raw: raw)
        if let index = entries.firstIndex(where: { $0.name == name }) {
            entries[index] = entry
        } else {
            entries.append(entry)
        }
    }

    /// A name that commands need. A sentence that asks for it shows it, too.
    package mutating func hide(_ name: String, _ text: String?) { hidden[name] = text }

    package mutating func mark(_ name: String, if isSo: Bool = true) {
        if isSo { marks.insert(name) }
    }

    package mutating func add(_ name: String, _ number: Int?) {
        if let number { set(name, String(number), raw: String(number)) }
    }

    /// Words of ours.
    package mutating func add(_ name: String, words: String?) {
        if let words { set(name, words, raw: words) }
    }

    /// A name that somebody has chosen: of a queue, a workflow, a step, a run.
    package mutating func add(_ name: String, name text: String?) {
        if let text { set(name, Self.name(text), raw: text) }
    }

    /// A sentence that somebody else has written, such as an error's.
    package mutating func add(_ name: String, text: String?) {
        if let text, !text.isEmpty { set(name, Self.text(text), raw: text) }
    }

    /// A time in milliseconds since 1970; with how long ago it was, or in what time it comes.
    package mutating func add(_ name: String, time: Int?, ago: String? = nil, in ahead: String? = nil, now: Int) {
        guard let time = time?.bounded else { return }
        set(name, Self.time(time), raw: String(time))
        if let ago { set(ago, Self.length(max(0, now - time)), raw: String(max(0, now - time))) }
        if let ahead { set(ahead, Self.length(max(0, time - now)), raw: String(max(0, time - now))) }
    }

    package mutating func add(_ name: String, length: Int?) {
        if let length { set(name, Self.length(length), raw: String(length)) }
    }

    // MARK: Words

    /// A time, to the second.
    package static func time(_ milliseconds: Int) -> String {
        guard let text = DateText.text(of: Date(milliseconds: milliseconds)) else { return "an unknown time" }
        return text.prefix(bytes: 19).replacing("T", with: " ") + "Z"
    }

    /// A length of time, in the unit in which it has at least two digits, mostly.
    package static func length(_ milliseconds: Int) -> String {
        let units = [(86_400_000, "d", 2), (3_600_000, "h", 2), (60_000, "min", 2), (1000, "s", 1)]
        for (size, unit, least) in units where milliseconds >= least * size { return "\(milliseconds / size) \(unit)" }
        return "\(milliseconds) ms"
    }

    /// A name: in quotes if it has spaces or is empty.
    package static func name(_ text: String) -> String {
        let shown = text.masked.printable.bounded(to: 200)
        let isPlain = !shown.isEmpty && !shown.unicodeScalars.contains { $0.properties.isWhitespace || $0 == "\"" }
        return isPlain ? shown : "\"\(shown)\""
    }

    package static func text(_ text: String) -> String {
        text.prefix(bytes: 4000).maskingTokens.masked.printable.bounded(to: 400)
    }

    /// 1st, 2nd, 3rd, 4th, …
    package static func place(_ number: Int) -> String {
        let ending =
            switch (number % 100, number % 10) {
            case (11...13, _): "th"
            case (_, 1): "st"
            case (_, 2): "nd"
            case (_, 3): "rd"
            default: "th"
            }
        return "\(number)\(ending)"
    }

    /// Some names, and how many more there are.
    package static func names(_ names: [String], most: Int = 3) -> String {
        let more = names.count > most ? " and \(names.count - most) more" : ""
        return names.prefix(most).map(name).joined(separator: ", ") + more
    }
}

extension String {
    /// At most so many bytes, with an ellipsis if something was cut.
    func bounded(to limit: Int) -> String { utf8.count <= limit ? self : prefix(bytes: limit) + "…" }

    /// The text with `***` for each 32 or more hexadecimal digits behind a colon: they may be a callback's secret.
    var maskingTokens: String {
        var result = ""
        var rest = self[...]
        while let colon = rest.firstIndex(of: ":") {
            let digits = rest[rest.index(after: colon)...].prefix { $0.isASCII && $0.isHexDigit }
            result += rest[...colon]
            result += digits.utf8.count >= 32 ? "***" : digits
            rest = rest[digits.endIndex...]
        }
        return result + rest
    }
}
