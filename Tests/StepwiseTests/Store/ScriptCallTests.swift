import Foundation
import Stepwise
import Testing

/// Scripts get their keys and arguments by position. Their headers, their first lines and the calls give names to the positions.
@Suite("Scripts and their calls")
struct ScriptCallTests {
    @Test func `Every script has a call, and every call a script`() throws {
        let names = try ScriptFile.all.map(\.name)
        #expect(names.count > 40)
        #expect(ScriptLibrary.all.map(\.name).sorted() == names.sorted())
    }

    @Test(arguments: ScriptLibrary.all.map(\.name))
    func `A script's header and its first lines have the names that its call has, in their order`(_ name: String) throws
    {
        let script = try #require(ScriptLibrary.all.first { $0.name == name })
        let file = try #require(try ScriptFile.all.first { $0.name == name })
        let keys = script.keys.map(\.description)
        let arguments = script.arguments.map(\.description)
        #expect(file.header("KEYS") == keys)
        #expect(file.header("ARGV") == arguments)
        #expect(try file.locals("KEYS") == keys.map { file.local(of: $0, "_key") })
        #expect(try file.locals("ARGV") == arguments.map { file.local(of: $0, "") })
    }

    @Test(arguments: ScriptLibrary.all.map(\.name))
    func `Behind its first lines a script has its keys and arguments by their names alone`(_ name: String) throws {
        let file = try #require(try ScriptFile.all.first { $0.name == name })
        #expect(file.rest.filter { $0.contains("KEYS") || $0.contains("ARGV") } == [])
    }

    @Test func `No script takes a key apart: the name in it comes as an argument`() throws {
        let folders = ["lib", "run", "step", "event", "child", "worker", "schedule", "label"]
        let taken = try folders.flatMap(ScriptFile.files).flatMap { file in
            try String(contentsOf: file, encoding: .utf8).components(separatedBy: "\n")
                .filter { $0.contains(#/string\.\w+\([\w.]*(_key\b|keys\.)|(_key|keys\.\w+):\w+\(/#) }
                .map { "\(file.lastPathComponent): \($0.trimmingCharacters(in: .whitespaces))" }
        }
        // The channel of a run's end is the run's key with another word in it; no name is read.
        #expect(
            taken == [
                "prelude.lua: redis.pcall('PUBLISH', (string.gsub(run_key, '}:run:', '}:ended:', 1)), 'ended')"
            ])
    }

    @Test func `What scripts share knows the keys and arguments of none`() throws {
        let library = try ScriptFile.files(in: "lib")
        #expect(library.count == 5)
        for file in library {
            let text = try String(contentsOf: file, encoding: .utf8)
            #expect(!text.contains("KEYS") && !text.contains("ARGV"), "\(file.lastPathComponent)")
        }
    }
}

/// The text of a script: comments, then the lines that name its keys and arguments, then the rest.
private struct ScriptFile {
    let name: String
    private let comments: [String]
    private let first: [String]
    let rest: [String]

    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../../Sources/Stepwise/Store/Scripts").standardizedFileURL

    static func files(in folder: String) throws -> [URL] {
        try FileManager.default.contentsOfDirectory(
            at: Self.folder.appending(path: folder), includingPropertiesForKeys: nil
        )
        .filter { $0.pathExtension == "lua" }
    }

    static var all: [ScriptFile] {
        get throws {
            try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
                .map(\.lastPathComponent).filter { $0 != "lib" }.flatMap { try files(in: $0).map(ScriptFile.init) }
        }
    }

    private init(_ file: URL) throws {
        name = file.deletingPathExtension().lastPathComponent
        let lines = try String(contentsOf: file, encoding: .utf8).components(separatedBy: "\n")
        comments = Array(lines.prefix { $0.hasPrefix("--") })
        let code = lines.dropFirst(comments.count)
        first = code.prefix { $0.hasPrefix("local ") && ($0.contains("= KEYS") || $0.contains("ARGV")) }
        rest = Array(code.dropFirst(first.count))
    }

    /// The first word of each line of a block of the header; what is indented further goes on with the line before.
    func header(_ block: String) -> [String] {
        guard let start = comments.firstIndex(where: { $0.hasPrefix("-- \(block)  ") }) else { return [] }
        let others = comments[(start + 1)...].prefix { $0.hasPrefix("--       ") }
        return ([comments[start]] + others).map { $0.dropFirst(9) }.filter { !$0.hasPrefix(" ") }
            .compactMap { $0.split(separator: " ").first.map(String.init) }
    }

    /// The name that a script gives to what its header names: `run` is the local `run_key`; the rest of a list, `ids...`, begins at `ids_at`.
    func local(of name: String, _ suffix: String) -> String {
        name.hasSuffix("...") ? "\(name.dropLast(3))_at" : name.replacing("?", with: "") + suffix
    }

    /// The locals that stand for `KEYS[1]`, `KEYS[2]` and so on, or for the arguments; last the one for the index at which the rest begins.
    func locals(_ list: String) throws -> [String] {
        var names: [String] = []
        for line in first where line.contains(list) {
            let sides = line.dropFirst("local ".count).components(separatedBy: " = ")
            try #require(sides.count == 2, "\(line)")
            let left = sides[0].components(separatedBy: ", ")
            let right = sides[1].components(separatedBy: ", ")
            try #require(left.count == right.count, "\(line)")
            if right[0] == list {
                #expect(left.count == 2 && right[1] == String(names.count + 1), "\(line)")
                names.append(left[left.count - 1])
                continue
            }
            for (name, value) in zip(left, right) {
                names.append(name)
                #expect(value.contains("\(list)[\(names.count)]"), "\(line)")
            }
        }
        return names
    }
}
