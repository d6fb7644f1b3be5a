import Foundation
import StepwiseTesting
import TestSupport
import Testing

/// What a server executed between two moments, as redis-cli's MONITOR tells it: each script with its keys and its inner commands.
final class ScriptMonitor: Sendable {
    struct Script: Sendable {
        var keys: String
        var commands: [String]
        /// The same as the monitor tells them, whole.
        var lines: [Substring] = []

        /// How many words follow the key in commands of this name whose key ends like this.
        func entries(_ command: String, ofKey suffix: String) -> [Int] {
            lines.compactMap { line in
                // A quote within a word has a backslash before it.
                let words = line.components(separatedBy: "\" \"")
                guard words.count > 2, words[0].hasSuffix("\"\(command)"), words[1].hasSuffix(suffix) else {
                    return nil
                }
                return words.count - 2
            }
        }
    }

    private let process: Process
    private let file: String
    private let socket: String

    /// Starts watching and returns once the server tells this monitor everything.
    init(_ server: RedisServer) async throws {
        socket = server.folder + "/redis.sock"
        file = server.folder + "/monitor"
        _ = FileManager.default.createFile(atPath: file, contents: nil)
        process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["redis-cli", "-s", socket, "MONITOR"]
        process.standardOutput = FileHandle(forWritingAtPath: file)
        try process.run()
        try await mark("begin")
    }

    /// Everything up to now, without what is bounded by time: beats and what they bring about.
    func scripts() async throws -> [Script] {
        try await mark("end")
        var scripts: [Script] = []
        for line in try lines() {
            if line.contains("\"EVALSHA\"") {
                scripts.append(Script(keys: String(line), commands: []))
            } else if line.contains(" lua] "), let word = line.split(separator: "\"").dropFirst().first {
                scripts[scripts.count - 1].commands.append(String(word))
                scripts[scripts.count - 1].lines.append(line)
            }
        }
        // Beats and declared deaths name `workers`, promotions begin with `delayed`, retention has one index as its first key,
        // what is rejected ages by itself.
        let upkeep = [
            ":workers\"", "\"1\" \"stepwise:{default}:runs:", "\"1\" \"stepwise:{default}:expected\"",
            "\"2\" \"stepwise:{default}:delayed\"", "\"1\" \"stepwise:{default}:malformed\"",
            // What a worker tells of its work.
            "\"2\" \"stepwise:{default}:worker:",
        ]
        return scripts.filter { script in !upkeep.contains { script.keys.contains($0) } }
    }

    /// What clients sent, scripts' inner commands not among it.
    func requests() async throws -> [String] {
        try await mark("end")
        return try lines().filter { !$0.contains(" lua] ") }.map(String.init)
    }

    func stop() {
        process.terminate()
    }

    private func lines() throws -> [Substring] {
        let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
        let begin = lines.lastIndex { $0.contains("\"mark-begin\"") } ?? 0
        return lines[(begin + 1)...].filter { !$0.contains("\"mark-") }
    }

    private func mark(_ name: String) async throws {
        let word = "mark-\(name)"
        let before = count(word)
        try await eventually("the monitor tells of the mark") {
            let ping = Process()
            ping.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            ping.arguments = ["redis-cli", "-s", socket, "PING", word]
            ping.standardOutput = FileHandle.nullDevice
            try ping.run()
            ping.waitUntilExit()
            return count(word) > before
        }
    }

    private func count(_ word: String) -> Int {
        let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
        return text.components(separatedBy: "\"\(word)\"").count - 1
    }
}
