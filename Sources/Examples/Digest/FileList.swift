import Foundation

/// The regular files under a folder, at any depth, as paths relative to it. Symbolic links are neither listed nor followed.
///
/// - Returns: the paths in the order of their bytes (as `LC_ALL=C sort` has them), the same on every machine.
/// - Throws: an error that names the folder that cannot be read.
package func regularFiles(under directory: String) throws -> [String] {
    var files: [String] = []
    var folders = [""]
    while let folder = folders.popLast() {
        for name in try FileManager.default.contentsOfDirectory(atPath: "\(directory)/\(folder)") {
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

/// The `S_IF…` kind of what is at a path, without following a link; `nil` if it has gone meanwhile.
private func kind(ofFileAt path: String) -> mode_t? {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode & S_IFMT : nil
}
