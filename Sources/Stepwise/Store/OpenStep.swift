/// An open step's text, as scripts write it: `<kind> <attempt> <lost> <where>`, what is known besides as ` <name>=<number>`, and once an attempt
/// has failed ` <since>` and a line for each of the last 20, a JSON object. Of what stands behind `<where>` any part may be absent.
package struct OpenStep: Sendable {
    package var kind: String
    package var attempt: Int
    package var lost: Int
    /// `item`, `inline`, `held`, `child`, `timer` or `event`.
    package var place: String
    /// The run that it waits for, at place `child`.
    package var child: String?
    /// The event that it waits for, and the number of its call, at place `event`.
    package var event: (name: String, number: Int)?
    /// Until when it must be done (`total`) and begun (`claim`), or waits (`wake`), in milliseconds since 1970.
    package var limits: [String: Int]
    /// At place `item`: when it was put on a queue, or, of an attempt behind a failed one, when that is due, in milliseconds since 1970 by
    /// Redis' clock. A time to come: the attempt waits in `delayed`. `nil`: it was never on a queue, its worker has claimed it since it was
    /// opened.
    package var called: Int?
    /// How many milliseconds it was on a queue before its first attempt, once that is over and if it was more than 100.
    package var waited: Int?
    /// How many attempts it may have, by the worker on which the last one failed; `nil` before, and if there is no limit.
    package var of: Int?
    /// When its first attempt began, in milliseconds since 1970; known once one has failed.
    package var since: Int?
    /// The lines about failed attempts.
    package var failedLines: [String]

    /// Of the step that the run's `inline` names, if it has nothing more to tell: then it has no text.
    package static var unwritten: OpenStep { OpenStep(unwrittenText)! }
    static let unwrittenText = "run 1 0 inline"

    /// What most open steps have to tell.
    private static let plainText = "run 1 0 item"
    private static let calledText = plainText + " called="

    package init?(_ text: String) {
        if text == Self.plainText {
            (kind, attempt, lost, place, limits, failedLines) = ("run", 1, 0, "item", [:], [])
            return
        }
        if text.hasPrefix(Self.calledText), let time = Int(Substring(text.utf8.dropFirst(Self.calledText.utf8.count))) {
            (kind, attempt, lost, place, limits, failedLines) = ("run", 1, 0, "item", [:], [])
            called = time
            return
        }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let parts = lines[0].split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count >= 4, let attempt = Int(parts[1]), let lost = Int(parts[2]) else { return nil }
        (kind, self.attempt, self.lost, place) = (String(parts[0]), attempt, lost, String(parts[3]))
        let words = place.words(atMost: 3, between: ":")
        if words.count == 3, words[0] == "child" { (place, child) = ("child", words[2]) }
        if words.count == 3, words[0] == "event", let number = Int(words[1]) {
            (place, event) = ("event", (words[2], number))
        }
        limits = [:]
        for part in parts.dropFirst(4) {
            if let since = Int(part) {
                self.since = since
                continue
            }
            let pair = part.split(separator: "=", omittingEmptySubsequences: false)
            guard pair.count == 2, let number = Int(pair[1]) else { return nil }
            switch pair[0] {
            case "called": called = number
            case "waited": waited = number
            case "of": of = number
            default: limits[String(pair[0])] = number
            }
        }
        failedLines = lines.dropFirst().map(String.init)
    }

    /// The kind as people read it. A step that is to make a child says in it which: `child:<length of the id>:<id>:<workflow>`. One whose
    /// attempt was to begin and did not says which call was taken back: `waits:<token>`.
    package var kindName: String {
        if kind.hasPrefix("child:") { return "invoke" }
        return kind.hasPrefix("waits:") ? "run" : kind
    }

    /// What the text says behind the place.
    package var rest: String {
        var text = ""
        for (name, time) in limits.sorted(by: { $0.key > $1.key }) { text += " \(name)=\(time)" }
        for (name, number) in [("called", called), ("waited", waited), ("of", of)] {
            if let number { text += " \(name)=\(number)" }
        }
        if let since { text += " \(since)" }
        for line in failedLines { text += "\n" + line }
        return text
    }

    /// Since when it waits for a worker, in milliseconds since 1970; `nil` if that is not known, or not yet so.
    ///
    /// - Parameter now: by Redis' clock, in milliseconds since 1970.
    package func queued(at now: Int) -> Int? { called.flatMap { $0 <= now ? $0 : nil } }

    package var failed: [FailedAttempt] {
        failedLines.compactMap { try? JSON.decode(FailedAttempt.self, from: Array($0.utf8), what: "") }
    }
}
