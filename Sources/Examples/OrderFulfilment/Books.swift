import Foundation

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
    func enter(_ key: String, in account: String, _ text: String) throws -> String {
        let name = key.map { $0 == "/" || $0 == " " ? "-" : "\($0)" }.joined()
        let account = URL(fileURLWithPath: folder).appendingPathComponent(account)
        try FileManager.default.createDirectory(at: account, withIntermediateDirectories: true)
        do {
            try Data((text + "\n").utf8).write(to: account.appendingPathComponent(name), options: .withoutOverwriting)
        } catch let error as CocoaError where error.code == .fileWriteFileExists {}
        return name
    }

    /// The names of an account's entries.
    package func entries(in account: String) throws -> [String] {
        let folder = URL(fileURLWithPath: folder).appendingPathComponent(account).path
        return FileManager.default.fileExists(atPath: folder)
            ? try FileManager.default.contentsOfDirectory(atPath: folder).sorted() : []
    }
}
