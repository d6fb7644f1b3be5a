/// How far work on many runs is, as one line of a terminal. A value: it says what to write, and when.
package struct ProgressLine {
    /// Between two writings.
    package static let pause = Duration.milliseconds(100)

    private let verb: String
    private let total: Int
    private var done = 0
    private var refused = 0
    private var writtenAt: ContinuousClock.Instant?
    /// How many columns are to be overwritten.
    private var width = 0

    /// - Parameter verb: what is done, such as `deleting`.
    package init(_ verb: String, of total: Int) { (self.verb, self.total) = (verb, total) }

    /// - Returns: what to write before the first run; `nil` for a single one, which is told with its answer.
    package mutating func begin(at now: ContinuousClock.Instant) -> String? { total > 1 ? line(at: now) : nil }

    /// One run is done.
    ///
    /// - Returns: what to write; `nil` if something was written just now.
    package mutating func advance(isRefused: Bool = false, at now: ContinuousClock.Instant) -> String? {
        done += 1
        if isRefused { refused += 1 }
        guard let writtenAt, now - writtenAt >= Self.pause else { return nil }
        return line(at: now)
    }

    /// - Returns: what removes the line; `nil` if none was written.
    package mutating func end() -> String? {
        if writtenAt == nil { return nil }
        writtenAt = nil
        return "\r" + String(repeating: " ", count: width) + "\r"
    }

    private mutating func line(at now: ContinuousClock.Instant) -> String {
        writtenAt = now
        let text = "\(verb) \(done) of \(total)" + (refused > 0 ? ", \(refused) refused" : "")
        // It only grows.
        width = text.count
        return "\r" + text
    }
}

/// Writes a ``ProgressLine`` to stderr if that is a terminal, and nothing else otherwise.
struct BulkProgress {
    private var line: ProgressLine?

    init(_ verb: String, of total: Int) {
        guard Output.isComplaintAtTerminal else { return }
        var line = ProgressLine(verb, of: total)
        Output.progress(line.begin(at: .now))
        self.line = line
    }

    mutating func advance(isRefused: Bool = false) { Output.progress(line?.advance(isRefused: isRefused, at: .now)) }

    mutating func end() { Output.progress(line?.end()) }
}
