import Foundation
import Stepwise
import Testing

@Suite("JSON text that others hand over")
struct JSONTextTests {
    @Test(
        arguments: [
            "null", "true", "false", "0", "-0", "-1.5e+10", "1E2", "12345678901234567890", " [ ] ", "{}", "\t{\r\n} ",
            #"{"a":[1,{"b":null},"c"],"a":2}"#, #""\"\\\/\b\f\n\r\t\u00e9\u0000""#, #""\ud83d\uDE00""#,
            "\"ü€😀\u{7F}\u{10FFFF}\"", "[[[]],{},[{}]]",
        ]
    )
    func `is taken in every form that RFC 8259 knows`(_ text: String) {
        #expect(JSON.problem(with: Array(text.utf8)) == nil)
    }

    @Test(
        arguments: [
            ("", "it ends at byte 0, where a value was expected"),
            (" ", "it ends at byte 1"),
            (#"{"n":2,}"#, "a name in quotes was expected, not }, at byte 7"),
            ("[1,]", "a value was expected, not ], at byte 3"),
            ("[1 2]", "a comma or ] was expected, not 2, at byte 3"),
            (#"{"a":1]"#, "a comma or } was expected, not ], at byte 6"),
            (#"{"a" 1}"#, "a colon was expected, not 1, at byte 5"),
            ("{a:1}", "a name in quotes was expected, not a, at byte 1"),
            ("[", "it ends at byte 1, where a value was expected"),
            ("{", "it ends at byte 1, where"), ("]", "not ], at byte 0"), ("[1", "it ends at byte 2"),
            ("01", "nothing more was expected, not 1, at byte 1"), ("1 2", "nothing more"), ("null,", "nothing more"),
            ("-", "it ends at byte 1, where a digit"), ("1.", "a digit"), (".5", "a value was expected"),
            ("1e", "a digit"), ("+1", "a value"), ("0x10", "nothing more"), ("NaN", "a value"), ("Infinity", "a value"),
            ("tru", "a value was expected, not t, at byte 0"), ("True", "a value"), ("'a'", "a value"),
            ("\"a\nb\"", "the control character 0x0A stands in a string without an escape at byte 2"),
            ("\"\u{0}\"", "0x00"), ("\"a\tb\"", "0x09"), ("\"a", "it ends at byte 2, where the end of a string"),
            (#""\x""#, "an escape was expected, not x, at byte 2"), (#""\u12g4""#, "a hexadecimal digit"),
            (#""\ud800""#, "half of a surrogate pair at byte 1"), (#""\udc00""#, "surrogate"),
            (#""\ud800\u0041""#, "surrogate"), ("\u{A0}1", "not 0xC2, at byte 0"), ("1\u{0}", "not 0x00, at byte 1"),
            ("// note\n1", "a value"), ("\u{FEFF}1", "it begins with a byte order mark; leave it out at byte 0"),
        ]
    )
    func `is refused if it is none, with what is wrong and at which byte`(_ text: String, _ part: String) throws {
        let problem = try #require(JSON.problem(with: Array(text.utf8)))
        #expect(problem.hasPrefix("not valid JSON: "))
        #expect(problem.contains(part), "\(problem)")
    }

    @Test(
        arguments: [
            [0xE9], [0x80], [0xC3], [0xC0, 0xAF], [0xE0, 0x80, 0xAF], [0xED, 0xA0, 0x80], [0xE2, 0x82],
            [0xF0, 0x80, 0x80, 0xAF], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF], [0xE2, 0x28, 0xA1],
        ] as [[UInt8]]
    )
    func `is refused if it is not UTF-8, with the byte`(_ character: [UInt8]) throws {
        let quote = UInt8(ascii: "\"")
        for end in [[quote], []] {
            let problem = try #require(JSON.problem(with: [quote, UInt8(ascii: "a")] + character + end))
            #expect(problem.contains("it is not UTF-8 at byte 2"), "\(problem)")
        }
        let utf16 = try #require(JSON.problem(with: [0xFF, 0xFE, 0x7B, 0, 0x7D, 0]))
        #expect(utf16.contains("UTF-16"))
    }

    @Test func `is taken as deep as a workflow's input can be decoded, and what is deeper is told as such`() throws {
        func nested(_ levels: Int) -> [UInt8] {
            Array((String(repeating: "[", count: levels) + String(repeating: "]", count: levels)).utf8)
        }
        struct Anything: Decodable {
            init(from decoder: any Decoder) throws {}
        }
        #expect(JSON.problem(with: nested(JSON.depthLimit)) == nil)
        _ = try JSONDecoder().decode(Anything.self, from: Data(nested(JSON.depthLimit)))
        let problem = JSON.problem(with: nested(JSON.depthLimit + 1))
        #expect(problem == "nested deeper than 512 levels at byte 512")
        #expect(JSON.problem(with: nested(1_000_000)) == problem)
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(Anything.self, from: Data(nested(JSON.depthLimit + 1)))
        }
    }
}
