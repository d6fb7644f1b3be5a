import Foundation
import Stepwise

/// Where words go: answers to stdout, complaints to stderr.
enum Output {
    /// Writes a text and a newline. A reader that has gone away costs nothing but the output.
    ///
    /// A terminal obeys nothing in it but newlines: whatever else moves a cursor is escaped here, in JSON as JSON does.
    static func print(_ text: String) {
        let lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
        write(
            lines.map { String($0).printable }.joined(separator: "\n") + "\n",
            to: FileHandle.standardOutput.fileDescriptor)
    }

    /// Writes one sentence to stderr, on one line.
    static func complain(_ sentence: String) {
        write("stepwise: \(sentence.printable)\n", to: FileHandle.standardError.fileDescriptor)
    }

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
