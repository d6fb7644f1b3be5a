import Logging
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

/// A code point that the compiler takes in no literal.
private func bare(_ value: UInt32) -> String { Unicode.Scalar(value).map { String(Character($0)) } ?? "" }

/// What moves a cursor, ends a line, turns the direction of writing or cannot be seen, and how it is shown.
private let hostile: [(text: String, shown: String)] = [
    ("\n", "\\n"), ("\r\n", "\\r\\n"), ("\t", "\\t"), ("\0", "\\u0000"), ("\u{1B}[31m", "\\u001b[31m"),
    ("\u{7F}", "\\u007f"), ("\u{85}", "\\u0085"), ("\u{9B}2J", "\\u009b2J"), ("\u{200B}", "\\u200b"),
    ("\u{200F}", "\\u200f"), ("\u{2028}", "\\u2028"), ("\u{2029}", "\\u2029"), ("\u{202E}", "\\u202e"),
    ("\u{2066}", "\\u2066"), ("\u{FEFF}", "\\ufeff"), ("\u{E0041}", "\\udb40\\udc41"),
    // Fillers, joiners, vowels and selectors that take no room or are blank.
    ("\u{3164}", "\\u3164"), ("\u{115F}", "\\u115f"), ("\u{FFA0}", "\\uffa0"), ("\u{034F}", "\\u034f"),
    ("\u{17B4}", "\\u17b4"), ("\u{FE0F}", "\\ufe0f"), ("\u{2800}", "\\u2800"), ("\u{1D159}", "\\ud834\\udd59"),
    // Spaces, and what every font shows differently.
    ("\u{2003}", "\\u2003"), ("\u{E000}", "\\ue000"),
    ("\u{10FFFD}", "\\udbff\\udffd"), ("\u{F0000}", "\\udb80\\udc00"),
    // Blanks of hieroglyphs and a filler of Khitan.
    ("\u{13441}", "\\ud80d\\udc41"), ("\u{13442}", "\\ud80d\\udc42"), ("\u{16FE4}", "\\ud81b\\udfe4"),
    // What is not a character, or not yet, or not yet and will take no room.
    ("\u{FFFE}", "\\ufffe"), (bare(0xFDD0), "\\ufdd0"), ("\u{1FFFF}", "\\ud83f\\udfff"),
    ("\u{10FFFF}", "\\udbff\\udfff"), ("\u{378}", "\\u0378"), ("\u{E0FFF}", "\\udb43\\udfff"),
    ("\u{2065}", "\\u2065"), ("\u{FFF0}", "\\ufff0"), ("\u{E01F0}", "\\udb40\\uddf0"),
]

@Suite("Texts on one line")
struct PrintableTests {
    @Test(arguments: [
        "", "plain text ~ \\ \" '", "né, größer", "a\u{A0}: b\u{202F}c", "日本\u{3000}語", "a\u{301}", "\u{1F600}",
        "\u{2764}\u{FE0F}", "\u{1D11E}", "\u{13000}", "\u{FFFD}", "\u{AC00}", "\u{2801}",
    ])
    func `What can be read stays as it is`(_ text: String) {
        #expect(text.printable == text)
        #expect(text.printable.utf8.elementsEqual(text.utf8))
    }

    @Test func `What a terminal obeys, or nobody sees, is escaped as in JSON`() throws {
        for (text, shown) in hostile {
            #expect("a\(text)é".printable == "a\(shown)é")
            let meant = try JSON.value(String.self, from: Array("\"\(text.printable)\"".utf8))
            #expect(meant == text)
        }
    }

    @Test func `The selector of an emoji's form stays behind one, once`() {
        #expect("\u{2764}\u{FE0F}\u{FE0F}".printable == "\u{2764}\u{FE0F}\\ufe0f")
        #expect("1\u{FE0F}".printable == "1\\ufe0f")
        #expect("\u{2764}\u{FE0E}".printable == "\u{2764}\\ufe0e")
    }

    @Test func `An excerpt of JSON and a decoder's words are one line`() {
        for (text, shown) in hostile {
            #expect(JSON.excerpt(Array("[1,\(text)2]".utf8)) == "[1,\(shown)2]")
            let context = DecodingError.Context(codingPath: [], debugDescription: "not \(text)")
            #expect(JSON.words(DecodingError.dataCorrupted(context)) == "not \(shown)")
        }
        #expect(JSON.words(Words(text: String(repeating: "\u{1B}", count: 1000))).utf8.count <= 1000)
    }

    @Test func `A log line stays one line, in its message and in what it names`() throws {
        let log = CollectedLog()
        let logger = log.logger.printable
        for (text, shown) in hostile {
            logger.warning("said \(text)", metadata: ["a": "\(text)", "b": .array([.dictionary(["c": "\(text)"])])])
            let line = try #require(log.lines.last)
            #expect(line.message == "said \(shown)")
            #expect(line.metadata["a"] == shown)
            let nested = try #require(line.metadata["b"])
            // An array's description quotes what is in it.
            #expect(nested.contains(shown.replacing("\\", with: "\\\\")) && nested.printable == nested)
        }
    }

    @Test func `A log line stays one line, in what its logger names, in its keys and in its error`() throws {
        for (text, shown) in hostile {
            let log = CollectedLog()
            var logger = log.logger.printable
            logger[metadataKey: "worker \(text)"] = "w \(text)"
            #expect(logger[metadataKey: "worker \(text)"] == "w \(shown)")
            logger.log(level: .warning, "failed", error: Words(text: "e \(text)"), metadata: ["key \(text)": "a"])
            logger.log(level: .warning, "failed", error: Words(text: "plain"))
            let lines = log.lines
            try #require(lines.count == 2)
            #expect(
                lines[0].metadata == [
                    "worker \(shown)": "w \(shown)", "key \(shown)": "a", "error.message": "e \(shown)",
                ])
            #expect(lines[1].metadata["error.message"] == "plain")
        }
    }

    @Test func `An error of Stepwise is told on one line, and keeps the words of a step's error as they were`() {
        for (text, shown) in hostile {
            let failure = StepFailure(step: "a\(text)", attempts: 1, type: "T", message: "no \(text)", child: nil)
            let ofChild = StepFailure(
                step: "a", attempts: 1, type: "T\(text)", message: "no \(text)", child: "c\(text)")
            let asked = Divergence(
                position: 1, standing: .recorded, expected: Divergence.Step("a\(text)", key: text),
                asked: [.init("b\(text)")])
            let errors: [any Error & CustomStringConvertible] = [
                StepwiseError(.runFailed, "it said \(text)"), failure, ofChild, EventTimeout(event: "e", step: text),
            ]
            for words in errors.map({ $0.description }) + [asked.description] {
                #expect(words.printable == words)
                #expect(words.contains(shown))
            }
            #expect(StepwiseError(.runFailed, "it said \(text)").message == "it said \(shown)")
            #expect(failure.message == "no \(text)")
        }
    }
}

private struct Words: Error, CustomStringConvertible {
    let text: String
    var description: String { text }
}

extension Scenarios {
    @Suite("A stranger's text in a log")
    struct ForgedLines {
        @Test(.rule(8))
        func `A pushed payload that does not decode adds no line to the worker's log`() async throws {
            let log = CollectedLog()
            let number = Workflow("number") { (_, _: Int) async throws -> Int in 1 }
            try await withWorker([number], logger: log.logger) { client, server in
                let payload = "\n[\"\u{9B}31m\",\n\"FORGED LINE\u{202E}\"]"
                let item = "{\"workflow\":\"number\",\"id\":\"x\",\"payload\":\(payload)}"
                _ = try await server.command("LPUSH", "stepwise:{default}:inbox:default", .init(item))
                try await eventually("it is parked") { !log.lines("a run was parked").isEmpty }
                let reason = try #require(log.lines("a run was parked").first?.metadata["reason"])
                #expect(reason.contains(#"["\u009b31m",\n"FORGED LINE\u202e"]"#))
                for line in log.lines {
                    for text in [line.message] + line.metadata.values { #expect(text.printable == text) }
                }
                let stored = try #require(try await client.handle("x").details().reason)
                #expect(stored.printable == stored)
            }
        }
    }
}
