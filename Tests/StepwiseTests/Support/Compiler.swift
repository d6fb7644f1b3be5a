import Foundation

/// The Swift compiler over a program that imports the modules which were built for this test.
struct Compiler {
    struct Diagnostic: Hashable {
        var line: Int
        var isError: Bool
        var message: String
    }

    struct Missing: Error, CustomStringConvertible { var description: String }

    private let arguments: [String]

    /// - Throws: ``Missing`` if the modules or the compiler are not where SwiftPM puts them.
    init() throws {
        guard let products = Self.products else {
            throw Missing(description: "no Modules/Stepwise.swiftmodule beside this test")
        }
        var arguments = ["-I", products.appending(path: "Modules").path]
        // The libraries below Stepwise have C modules, which the compiler must be able to read.
        for map in Self.moduleMaps(products) { arguments += ["-Xcc", "-fmodule-map-file=\(map)"] }
        arguments += Self.output(of: "pkg-config", ["--cflags", "hiredis"]).split(whereSeparator: \.isWhitespace)
            .flatMap {
                ["-Xcc", String($0)]
            }
        self.arguments = arguments
    }

    /// What the compiler says about a program. Its data-race checks run after type checking, hence `-emit-sil`.
    func diagnose(_ program: String, languageMode: String, _ flags: [String] = []) throws -> [Diagnostic] {
        let folder = FileManager.default.temporaryDirectory.appending(path: "stepwise-compile-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "program.swift")
        try Data(program.utf8).write(to: file)
        let text = Self.output(
            of: "swiftc",
            [
                "-emit-sil", "-o", folder.appending(path: "program.sil").path, "-parse-as-library", "-swift-version",
                languageMode,
            ]
                + flags + arguments + [file.path])
        return text.split(separator: "\n").compactMap { line in
            let parts = line.split(separator: ":", maxSplits: 4, omittingEmptySubsequences: false)
            guard parts.count == 5 else { return Self.unplaced(line) }
            guard parts[0].hasSuffix("program.swift"), let number = Int(parts[1]),
                parts[3] == " error" || parts[3] == " warning"
            else { return nil }
            return Diagnostic(
                line: number, isError: parts[3] == " error", message: parts[4].trimmingCharacters(in: .whitespaces))
        }
    }

    /// An error without a place, such as a module that is missing.
    private static func unplaced(_ line: Substring) -> Diagnostic? {
        line.hasPrefix("<unknown>:0: error:") || line.hasPrefix("error:")
            ? Diagnostic(line: 0, isError: true, message: String(line)) : nil
    }

    private static var products: URL? {
        let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        var folders = [package.appending(path: ".build/debug")]
        // Where the test's own program lies is surer, whatever the scratch folder's name.
        var folder = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        while folder.path.count > 1 {
            folders.insert(folder, at: folders.count - 1)
            folder = folder.deletingLastPathComponent()
        }
        return folders.first {
            FileManager.default.fileExists(atPath: $0.appending(path: "Modules/Stepwise.swiftmodule").path)
        }
    }

    private static func moduleMaps(_ products: URL) -> [String] {
        let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let scratch = products.resolvingSymlinksInPath().deletingLastPathComponent().deletingLastPathComponent()
        let generated = children(products).map { $0.appending(path: "module.modulemap") }
        let checkedOut = children(scratch.appending(path: "checkouts")).flatMap {
            children($0.appending(path: "Sources"))
        }
        .map { $0.appending(path: "include/module.modulemap") }
        let own = children(package.appending(path: "Sources")).map { $0.appending(path: "module.modulemap") }
        return (generated + checkedOut + own).map(\.path).filter { FileManager.default.fileExists(atPath: $0) }
    }

    private static func children(_ folder: URL) -> [URL] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.sorted().map { folder.appending(path: $0) }
    }

    /// Standard output and error together.
    private static func output(of program: String, _ arguments: [String]) -> String {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [program] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        guard (try? process.run()) != nil else { return "" }
        let data = (try? pipe.fileHandleForReading.readToEnd()) ?? Data()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
    }
}
