import Digest
import Foundation
import Testing

@Suite("A file's digest")
struct FileDigestTests {
    /// A file that programs like to disagree about.
    struct Sample: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var content: [UInt8]
        var lines: Int
        var words: Int

        init(_ description: String, _ content: some Sequence<UInt8>, lines: Int, words: Int) {
            testDescription = description
            self.content = Array(content)
            self.lines = lines
            self.words = words
        }
    }

    static let samples = [
        Sample("nothing", [], lines: 0, words: 0),
        Sample("one newline", "\n".utf8, lines: 1, words: 0),
        Sample("no newline at the end", "one two\nthree".utf8, lines: 1, words: 3),
        Sample("carriage returns", "one\r\ntwo\rthree\r\n".utf8, lines: 2, words: 3),
        Sample("all kinds of white space", " a\tb\u{0B}c\u{0C}d \n\n e ".utf8, lines: 2, words: 5),
        Sample("UTF-8", "Grüße, é — naïve café\n".utf8, lines: 1, words: 3),
        Sample(
            "NUL and other control bytes", [97, 0, 98, 32, 0, 32, 99, 27, 10, 127, 10, 255, 254, 10], lines: 3, words: 2
        ),
        Sample("every byte", 0...255, lines: 1, words: 1),
        Sample(
            "more than is read at once", Array(repeating: Array("lorem ipsum\n".utf8), count: 50_000).joined(),
            lines: 50_000,
            words: 100_000),
    ]

    @Test(arguments: samples) func `is what sha256sum and wc say`(_ sample: Sample) async throws {
        try await withFolder { folder in
            try Data(sample.content).write(to: URL(fileURLWithPath: folder + "/sample"))
            let digest = try FileDigest(of: "sample", in: folder)
            #expect(digest.path == "sample")
            #expect(digest.bytes == sample.content.count)
            #expect(digest.lines == sample.lines)
            #expect(digest.words == sample.words)
            let file = "\(folder)/sample"
            let sum = try await shell(
                "if command -v sha256sum >/dev/null; then sha256sum < \(file); else shasum -a 256 < \(file); fi")
            #expect(digest.sha256 == sum.prefix(64))
            #expect(try await Int(shell("wc -c < \(file) | tr -d ' '")) == digest.bytes)
            #expect(try await Int(shell("wc -l < \(file) | tr -d ' '")) == digest.lines)
            // Some versions of wc count bytes that are not printable as parts of words; none does without such bytes.
            let printable = #"tr -d '\000-\010\016-\037\177-\377'"#
            #expect(try await Int(shell("\(printable) < \(file) | wc -w | tr -d ' '")) == digest.words)
        }
    }

    @Test(arguments: 1...7) func `does not depend on how a text is cut into pieces`(_ size: Int) {
        let text = Array("one  two\r\nthree\n\nfour five".utf8)
        var count = TextCount()
        for start in stride(from: 0, to: text.count, by: size) {
            count.add(text[start..<min(start + size, text.count)])
        }
        #expect(count.bytes == text.count)
        #expect(count.lines == 3)
        #expect(count.words == 5)
    }

    @Test func `fails for a file that is not there, and says which`() throws {
        let error = #expect(throws: (any Error).self) { try FileDigest(of: "missing-file", in: "/nowhere") }
        #expect("\(try #require(error))".contains("missing-file"))
    }
}
