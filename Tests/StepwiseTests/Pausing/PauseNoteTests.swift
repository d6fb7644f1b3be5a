import Stepwise
import Testing

@Suite("Notes of pauses")
struct PauseNoteTests {
    @Test func `A note is stored as its time and, where it was said, by whom and why`() {
        #expect(PauseNote(since: 5, by: nil, reason: nil).text == "5")
        #expect(PauseNote(since: 5, by: "", reason: "").text == "5")
        #expect(PauseNote(since: 5, by: "Ada", reason: nil).text == #"5 {"by":"Ada"}"#)
        #expect(PauseNote(since: 5, by: "Ada", reason: #"a "word""#).text == #"5 {"by":"Ada","reason":"a \"word\""}"#)
    }

    @Test(
        arguments: [
            ("Ada", "lunch"), (nil, "1 {\"by\":\"Bob\"} \\ \n\u{202E} end"), ("a b@c", nil),
        ] as [(String?, String?)])
    func `What was stored is read`(_ by: String?, _ reason: String?) {
        let note = PauseNote(since: 1_790_000_000_000, by: by, reason: reason)
        #expect(PauseNote(note.text) == note)
        #expect(note.by == by && note.reason == reason)
    }

    @Test(arguments: ["7", "7 ", "7 {", "7 []", "7 {}", #"7 {"by":9,"reason":null}"#, #"7 {"by":""}"#])
    func `A time without more, as it was stored before, and what cannot be read behind it, is a time`(_ text: String) {
        #expect(PauseNote(text) == PauseNote(since: 7, by: nil, reason: nil))
    }

    @Test(arguments: ["", "soon", #"{"by":"Ada"}"#]) func `Without a time it is a pause all the same`(_ text: String) {
        #expect(PauseNote(text).since == 0)
    }

    @Test func `A name is one line of 200 bytes, a reason has 1,000, also where somebody else has written more`() {
        let endless = String(repeating: "ä", count: 5000)
        let note = PauseNote(since: 7, by: "Ada\n" + endless, reason: endless)
        #expect(note.by?.hasPrefix("Ada\\n") == true && note.by?.utf8.count ?? 0 <= 200)
        #expect(note.reason?.utf8.count == 1000)
        let foreign = PauseNote("7 {\"by\":\"\u{202E}\(endless)\",\"reason\":\"\(endless)\"}")
        #expect(foreign.by?.hasPrefix("\\u202e") == true && foreign.by?.utf8.count ?? 0 <= 200)
        #expect(foreign.reason?.utf8.count == 1000)
    }
}
