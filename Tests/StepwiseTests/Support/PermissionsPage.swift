import Foundation
import Stepwise

/// The ACL lines of the page "Permissions".
enum PermissionsPage {
    /// The keys that others push to.
    static func pushed(_ queue: String) throws -> String { try Keys(namespace: "default").inbox(queue) }

    static let users = ["sw-worker", "sw-enqueuer", "sw-producer", "sw-monitor"]
    static let password = "password"

    /// The rules behind `ACL SETUSER <user>`, as Redis gets them.
    static func rules(of user: String) throws -> [String] {
        let page = try Sources.text("Stepwise/Stepwise.docc/Permissions.md").replacing("\\\n", with: " ")
        let command = "redis-cli ACL SETUSER \(user) "
        guard let line = page.components(separatedBy: "\n").first(where: { $0.hasPrefix(command) }) else { return [] }
        return line.dropFirst(command.count).split(separator: " ").map { word in
            word.filter { $0 != "'" && $0 != "\\" }
        }
    }

    /// The commands that the line allows one by one, as an ACL calls them.
    static func commands(of user: String) throws -> [String] {
        try rules(of: user).filter { $0.hasPrefix("+") && $0 != "+@read" }.map { String($0.dropFirst()) }
    }
}

/// The package's sources, as text.
enum Sources {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../../Sources").standardizedFileURL

    static func text(_ path: String) throws -> String {
        try String(contentsOf: folder.appending(path: path), encoding: .utf8)
    }

    /// The text of each file below a folder whose name ends like this, by its name.
    static func texts(below path: String, _ ending: String) throws -> [String: String] {
        var texts: [String: String] = [:]
        for file in try FileManager.default.subpathsOfDirectory(atPath: folder.appending(path: path).path)
        where file.hasSuffix(ending) {
            texts[URL(filePath: file).lastPathComponent] = try text("\(path)/\(file)")
        }
        return texts
    }
}
