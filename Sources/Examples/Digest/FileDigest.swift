import Crypto
import Foundation

/// One file's line in the manifest.
package struct FileDigest: Codable, Sendable, Hashable {
    /// Relative to the manifest's folder.
    package var path: String
    /// 64 hexadecimal digits, as `sha256sum` prints them.
    package var sha256: String
    package var bytes: Int
    package var lines: Int
    package var words: Int

    package init(path: String, sha256: String, bytes: Int, lines: Int, words: Int) {
        self.path = path
        self.sha256 = sha256
        self.bytes = bytes
        self.lines = lines
        self.words = words
    }

    /// Reads a file once, in pieces, whatever its size.
    ///
    /// - Parameters:
    ///   - path: the file's path below `directory`.
    ///   - directory: the folder's path.
    /// - Throws: the system's error if the file cannot be read.
    package init(of path: String, in directory: String) throws {
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: directory).appendingPathComponent(path))
        defer { try? file.close() }
        var hash = SHA256()
        var count = TextCount()
        while let piece = try file.read(upToCount: 256 * 1024), !piece.isEmpty {
            hash.update(data: piece)
            count.add(piece)
        }
        let sha256 = hash.finalize().map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }
        self.init(path: path, sha256: sha256.joined(), bytes: count.bytes, lines: count.lines, words: count.words)
    }
}
