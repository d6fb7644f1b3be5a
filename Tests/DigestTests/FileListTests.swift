import Digest
import Foundation
import Testing

@Suite("The list of files")
struct FileListTests {
    private let manager = FileManager.default

    private func write(_ path: String, _ folder: String) throws {
        let url = URL(fileURLWithPath: folder).appendingPathComponent(path)
        try manager.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(path.utf8).write(to: url)
    }

    @Test func `goes through all folders and is sorted by bytes, whatever the language`() async throws {
        try await withFolder { folder in
            for path in ["b", "B", "a/z", "a-b", "a/y/deep/er", "ä", ".hidden"] { try write(path, folder) }
            #expect(try regularFiles(under: folder) == [".hidden", "B", "a-b", "a/y/deep/er", "a/z", "b", "ä"])
        }
    }

    @Test func `has neither links nor what lies behind them, nor pipes`() async throws {
        try await withFolder { folder in
            try write("inside/file", folder)
            try manager.createSymbolicLink(atPath: folder + "/loop", withDestinationPath: folder)
            try manager.createSymbolicLink(atPath: folder + "/link", withDestinationPath: folder + "/inside/file")
            try manager.createSymbolicLink(atPath: folder + "/dangling", withDestinationPath: "/nowhere")
            #expect(mkfifo(folder + "/pipe", 0o600) == 0)
            #expect(try regularFiles(under: folder) == ["inside/file"])
        }
    }

    @Test
    func `of a folder with a name that is not UTF-8 is an error that names both, not a list without the file`()
        async throws
    {
        try await withFolder { folder in
            try write("menu/plain", folder)
            _ = try await shell("printf x > \(folder)/menu/$(printf 'caf\\351')")
            let error = #expect(throws: (any Error).self) { try regularFiles(under: folder) }
            #expect("\(try #require(error))".contains("\(folder)/menu/ the name \"caf\\xE9\" is not UTF-8"))
        }
    }

    @Test func `of a folder that is not there is an error that names it`() throws {
        let error = #expect(throws: (any Error).self) { try regularFiles(under: "/nowhere-at-all") }
        #expect("\(try #require(error))".contains("nowhere-at-all"))
    }
}
