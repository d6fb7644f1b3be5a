import Foundation

/// The regular files under a folder, at any depth, as paths relative to it. Symbolic links are neither listed nor followed.
///
/// - Returns: the paths in the order of their bytes (as `LC_ALL=C sort` has them), the same on every machine.
/// - Throws: an error that names the folder that cannot be read, or in which a name is not UTF-8: a manifest could not name it.
package func regularFiles(under directory: String) throws -> [String] {
    var files: [String] = []
    var folders = [""]
    while let folder = folders.popLast() {
        for name in try names(in: "\(directory)/\(folder)") {
            let path = "\(folder)\(name)"
            switch kind(ofFileAt: "\(directory)/\(path)") {
            case S_IFREG: files.append(path)
            case S_IFDIR: folders.append("\(path)/")
            default: break
            }
        }
    }
    return files.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
}

private struct UnreadableFolder: Error, CustomStringConvertible {
    var description: String
}

/// What is in a folder. Foundation's listing leaves names out that are not UTF-8, and says nothing.
private func names(in folder: String) throws -> [String] {
    func failure() -> UnreadableFolder {
        UnreadableFolder(description: "the folder \(folder) cannot be read: \(String(cString: strerror(errno)))")
    }
    guard let stream = opendir(folder) else { throw failure() }
    defer { closedir(stream) }
    var names: [String] = []
    errno = 0
    while let entry = readdir(stream) {
        let bytes = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
        guard let name = String(validating: bytes, as: UTF8.self) else {
            throw UnreadableFolder(
                description: "in the folder \(folder) the name \"\(escaped(bytes))\" is not UTF-8; rename it")
        }
        if name != ".", name != ".." { names.append(name) }
        errno = 0
    }
    if errno != 0 { throw failure() }
    return names
}

/// A name with what is not printable ASCII as `\xE9`.
private func escaped(_ name: [UInt8]) -> String {
    name.map { byte in
        (0x20..<0x7F).contains(byte)
            ? "\(Unicode.Scalar(byte))" : "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
    }.joined()
}

/// The `S_IF…` kind of what is at a path, without following a link; `nil` if it has gone meanwhile.
private func kind(ofFileAt path: String) -> mode_t? {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode & S_IFMT : nil
}
