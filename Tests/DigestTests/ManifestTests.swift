import Digest
import Foundation
import Testing

@Suite("The manifest")
struct ManifestTests {
    private let manifest = Manifest(
        directory: "/a \"folder\"",
        files: [
            FileDigestTests.digest("one", bytes: 3, lines: 1, words: 1),
            FileDigestTests.digest("two/\\", bytes: 40, lines: 2, words: 6),
        ])

    @Test func `is JSON with a file a line`() throws {
        let text = try manifest.json()
        #expect(try JSONDecoder().decode(Manifest.self, from: Data(text.utf8)) == manifest)
        #expect(text.split(separator: "\n").count == 4)
        #expect(text.contains(#"{"bytes":3,"lines":1,"path":"one","sha256":"00","words":1},"#))
    }

    @Test func `adds its files up`() {
        #expect(manifest.totals.files == 2)
        #expect(manifest.totals.bytes == 43)
        #expect(manifest.totals.lines == 3)
        #expect(manifest.totals.words == 7)
        #expect(Manifest(directory: "/", files: []).totals.files == 0)
    }

    @Test func `takes the place of an older one, and leaves nothing beside it`() async throws {
        try await withFolder { folder in
            try Data("old".utf8).write(to: URL(fileURLWithPath: folder + "/manifest.json"))
            try manifest.write(to: folder + "/manifest.json")
            try manifest.write(to: folder + "/manifest.json")
            #expect(try String(contentsOfFile: folder + "/manifest.json", encoding: .utf8) == manifest.json())
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["manifest.json"])
        }
    }

    @Test(arguments: ["plain", "a \"b\"", "back\\slash", "two\nlines", "ends\n", "tab\tand\rreturn", "ü & *"])
    func `names each file as the demo expects it`(_ name: String) async throws {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent(".ci/demo.sh").path
        let quoted = "'" + name.replacing("'", with: "'\\''") + "'"
        let expected = try await shell(
            #"exec bash -c 'eval "$(sed -n "/^escaped() {/,/^}/p" "$0")"; escaped "$1"' '\#(script)' \#(quoted)"#)
        let json = try Manifest(directory: "/", files: [FileDigestTests.digest(name, bytes: 0, lines: 0, words: 0)])
            .json()
        #expect(json.contains("\"path\":\"\(expected)\",\"sha256\""))
    }

    @Test func `gives each step the name of its file where a name can hold it`() {
        #expect(stepName(for: "Element/Select.pm") == "digest Element/Select.pm")
        #expect(stepName(for: "notes#2") == "digest")
        #expect(stepName(for: "two\nlines") == "digest")
        #expect(stepName(for: String(repeating: "x", count: 300)) == "digest")
    }
}

extension FileDigestTests {
    static func digest(_ path: String, bytes: Int, lines: Int, words: Int) -> FileDigest {
        FileDigest(path: path, sha256: "00", bytes: bytes, lines: lines, words: words)
    }
}
