package import Foundation

/// A folder in which each account is a folder, and each entry a file named after its key: enough to see what was done, and how often.
package struct Books: Sendable {
    let folder: String

    package init(folder: String) {
        self.folder = folder
    }

    /// Makes an entry, unless the account has one with this key: whoever calls twice means the same thing.
    ///
    /// - Returns: the entry's name, to refer to it.
    @discardableResult
    package func enter(_ key: String, in account: String, _ text: String) throws -> String {
        try enter(key, in: account, Data((text + "\n").utf8))
    }

    /// The same with bytes.
    @discardableResult
    package func enter(_ key: String, in account: String, _ data: Data) throws -> String {
        let file = file(key, in: account)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        do {
            try data.write(to: file, options: .withoutOverwriting)
        } catch let error as CocoaError where error.code == .fileWriteFileExists {}
        return file.lastPathComponent
    }

    /// The names of an account's entries.
    package func entries(in account: String) throws -> [String] {
        let folder = URL(fileURLWithPath: folder).appendingPathComponent(account).path
        return FileManager.default.fileExists(atPath: folder)
            ? try FileManager.default.contentsOfDirectory(atPath: folder).sorted() : []
    }

    /// The lines of all of an account's entries, by the entries' names.
    package func lines(in account: String) throws -> [String] {
        try entries(in: account).flatMap { try text($0, in: account).split(separator: "\n").map(String.init) }
    }

    package func text(_ key: String, in account: String) throws -> String {
        String(decoding: try Data(contentsOf: file(key, in: account)), as: UTF8.self)
    }

    package func has(_ key: String, in account: String) -> Bool {
        FileManager.default.fileExists(atPath: file(key, in: account).path)
    }

    /// Where an entry lies, or would lie.
    package func file(_ key: String, in account: String) -> URL {
        let name = key.map { $0 == "/" || $0 == " " ? "-" : "\($0)" }.joined()
        return URL(fileURLWithPath: folder).appendingPathComponent(account).appendingPathComponent(name)
    }
}
