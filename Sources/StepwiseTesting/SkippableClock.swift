import Foundation
import Stepwise
import Synchronization

/// What makes a redis-server's clock one that can be moved: Debian's libfaketime, loaded into it, adds what a file says.
///
/// Only the time of day is moved. Redis' event loop goes by the monotonic clock, which stays.
final class SkippableClock: Sendable {
    private let file: String
    private let offset = Mutex(Duration.zero)
    let environment: [String: String]

    /// - Throws: ``RedisServerError`` that says what to install.
    init(folder: String) throws {
        #if os(Linux)
        guard let library = Self.folders().map({ $0 + "/faketime/libfaketimeMT.so.1" }).first(where: Self.exists) else {
            throw RedisServerError(
                description: "a skippable clock needs libfaketime, which is not installed: apt-get install libfaketime")
        }
        file = folder + "/clock"
        environment = [
            // Debian's redis-server has jemalloc as a library of its own; that asks for the time before libfaketime can answer, for ever.
            // The C library, loaded first, takes its place.
            "LD_PRELOAD": "\(library) libc.so.6",
            "FAKETIME_TIMESTAMP_FILE": file,
            // Else the file is read every ten seconds.
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        ]
        try write(.zero)
        #else
        throw RedisServerError(description: "a skippable clock needs libfaketime and Linux")
        #endif
    }

    func advance(by duration: Duration) throws {
        try offset.withLock { offset in
            try write(offset + duration)
            offset += duration
        }
    }

    private func write(_ offset: Duration) throws {
        let milliseconds = offset.wholeMilliseconds
        let rest = String(milliseconds % 1000)
        let text = "+\(milliseconds / 1000).\(String(repeating: "0", count: 3 - rest.count))\(rest)\n"
        // In one piece: the server reads it at any moment.
        try Data(text.utf8).write(to: URL(fileURLWithPath: file), options: .atomic)
    }

    private static func folders() -> [String] {
        ["/usr/lib64", "/usr/lib", "/usr/local/lib"]
            + ((try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib")) ?? [])
            .filter { $0.hasSuffix("-linux-gnu") }.map { "/usr/lib/" + $0 }
    }

    private static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }
}
