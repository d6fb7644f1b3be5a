import Foundation
import Stepwise

/// Where words go: answers to stdout, complaints to stderr. Nothing else in the command line writes. A line, a table's cell and a sentence are
/// made `printable`, so that what is stored can neither move a cursor nor forge a line. Of JSON that holds on a terminal; a pipe and a file
/// get its strings as they are stored. A complaint is `masked` besides: it may quote an address with a password that was given in a wrong place.
enum Output {
    /// Writes one line. A reader that has gone away costs nothing but the output.
    static func print(_ line: String) { answer(line.printable) }

    static func print(_ table: Table) { print([table]) }

    /// Writes tables with an empty line between them. Their cells are printable.
    static func print(_ tables: [Table]) {
        answer(tables.map(\.text).joined(separator: "\n\n"))
    }

    /// Writes one document on one line. Outside of its strings JSON has nothing that would be escaped; in them the escapes mean the same.
    static func print(_ document: JSONDocument) {
        let isTerminal = isatty(FileHandle.standardOutput.fileDescriptor) == 1
        answer(isTerminal ? document.text.printable : document.text)
    }

    /// Writes the document, or the line if there is none.
    static func print(_ document: JSONDocument?, else line: String) {
        if let document { print(document) } else { print(line) }
    }

    /// Writes one sentence to stderr, on one line.
    static func complain(_ sentence: String) { complain(lines: ["stepwise: " + sentence]) }

    /// Writes what the parser says of wrong usage to stderr.
    ///
    /// - Parameters:
    ///   - message: of lines, the first of which is `start`.
    ///   - start: one line, though it may quote an argument that has several.
    static func complain(usage message: String, start: String) {
        // By scalars: a character may be one of the start and of what follows.
        let scalars = message.unicodeScalars
        let isWhole = scalars.starts(with: start.unicodeScalars)
        let rest = scalars.dropFirst(isWhole ? start.unicodeScalars.count : 0)
        let lines = rest.split(separator: "\n", omittingEmptySubsequences: false).map { String($0) }
        complain(lines: isWhole ? [start + (lines.first ?? "")] + lines.dropFirst() : lines)
    }

    /// Shows how far something has come, on a line of stderr that the next call replaces; `nil` clears it. Only at a terminal.
    static func replaceLine(_ line: String?) {
        let file = FileHandle.standardError.fileDescriptor
        if isatty(file) == 1 { write("\r\u{1B}[K" + (line?.printable ?? ""), to: file) }
    }

    /// Of a list that was read with one entry more than is to be shown: those to show. Says if there are more.
    static func page<Element>(_ entries: [Element], _ limit: Int) -> [Element] {
        if entries.count > limit { complain("there are more: raise --limit") }
        return Array(entries.prefix(limit))
    }

    /// How many entries to read for ``page(_:_:)``.
    static func oneMore(than limit: Int) -> Int { limit == .max ? limit : limit + 1 }

    /// Whether people see complaints as they are written.
    static var isComplaintAtTerminal: Bool { isatty(FileHandle.standardError.fileDescriptor) == 1 }

    /// Writes to stderr how far something is; nothing for `nil`. The text is the command line's own: nothing stored is in it.
    static func progress(_ text: String?) {
        if let text { write(text, to: FileHandle.standardError.fileDescriptor) }
    }

    /// Whether nobody reads the answers any more, as after `| head`.
    static var isReaderGone: Bool {
        var answers = pollfd(fd: FileHandle.standardOutput.fileDescriptor, events: 0, revents: 0)
        return poll(&answers, 1, 0) == 1 && answers.revents & Int16(POLLERR | POLLHUP) != 0
    }

    private static func complain(lines: [String]) {
        write(
            lines.map(\.masked.printable).joined(separator: "\n") + "\n", to: FileHandle.standardError.fileDescriptor)
    }

    private static func answer(_ text: String) { write(text + "\n", to: FileHandle.standardOutput.fileDescriptor) }

    private static func write(_ text: String, to file: Int32) {
        let bytes = Array(text.utf8)
        var at = 0
        while at < bytes.count {
            let written = bytes[at...].withUnsafeBytes { Foundation.write(file, $0.baseAddress, $0.count) }
            if written < 0 {
                if errno == EINTR { continue }
                return
            }
            at += written
        }
    }

    // MARK: Times

    /// A time as `2026-01-31 12:00:00` in UTC; `-` for none.
    static func time(_ time: Date?) -> String {
        guard let time else { return "-" }
        return time.formatted(Date.ISO8601FormatStyle(dateTimeSeparator: .space, timeZone: .gmt)).replacing(
            "Z", with: "")
    }

    /// Of milliseconds since 1970.
    static func time(_ milliseconds: Int?) -> String { time(Date(milliseconds: milliseconds)) }

    /// A length of time in its two largest units, such as `2h 5m` or `340ms`; `-` for none.
    static func length(_ length: Duration?) -> String { Self.length(length?.wholeMilliseconds) }

    /// How long ago a time is, both in milliseconds since 1970; nothing for a time to come. Anybody may have written it.
    static func length(since time: Int?, at now: Int) -> String { length(time.map { now - min(now, max(0, $0)) }) }

    /// When a schedule's ticks come.
    static func timing(_ timing: ScheduleTiming) -> String {
        switch timing.kind {
        case .cron: timing.description
        case .every(let interval, _): "every \(length(interval))"
        }
    }

    /// Of milliseconds.
    static func length(_ milliseconds: Int?) -> String {
        guard let milliseconds else { return "-" }
        if milliseconds < 1000 { return "\(milliseconds)ms" }
        let seconds = milliseconds / 1000
        switch seconds {
        case ..<60: return "\(seconds)s"
        case ..<3600: return "\(seconds / 60)m \(seconds % 60)s"
        case ..<86_400: return "\(seconds / 3600)h \(seconds % 3600 / 60)m"
        default: return "\(seconds / 86_400)d \(seconds % 86_400 / 3600)h"
        }
    }

    /// A text on one line, cut to so many characters, and to four times as many bytes: a character may have any number of these.
    static func short(_ text: String, _ limit: Int = 80) -> String {
        let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
        let beginning = (line.count > limit ? line.prefix(limit - 1) : line[...]).prefix(bytes: 4 * limit)
        return beginning.utf8.count < line.utf8.count ? beginning + "…" : line
    }
}
