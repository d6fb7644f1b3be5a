import Foundation

/// What the example makes: a folder's files with their digests, and the totals.
package struct Manifest: Codable, Sendable, Hashable {
    package struct Totals: Codable, Sendable, Hashable {
        package var files: Int
        package var bytes: Int
        package var lines: Int
        package var words: Int
    }

    package var directory: String
    package var files: [FileDigest]
    package var totals: Totals

    package init(directory: String, files: [FileDigest]) {
        self.directory = directory
        self.files = files
        totals = Totals(
            files: files.count,
            bytes: files.reduce(0) { $0 + $1.bytes },
            lines: files.reduce(0) { $0 + $1.lines },
            words: files.reduce(0) { $0 + $1.words })
    }

    /// The JSON with sorted keys, a file a line: `diff` and `grep` read it as well as a program does.
    package func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        func text(_ value: some Encodable) throws -> String {
            String(decoding: try encoder.encode(value), as: UTF8.self)
        }
        let lines = try files.map(text).joined(separator: ",\n")
        return """
            {"directory":\(try text(directory)),"files":[
            \(lines)
            ],"totals":\(try text(totals))}

            """
    }

    /// Puts the manifest in its place at once: a reader sees the old file or the new one, and a second writer (a step is executed
    /// at least once) writes the same.
    ///
    /// - Throws: the system's error, which names the file.
    package func write(to path: String) throws {
        try Data(json().utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
    }
}
