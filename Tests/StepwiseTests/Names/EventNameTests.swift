import Stepwise
import Testing

@Suite("Names of events")
struct EventNameTests {
    private static let secret = "00112233445566778899aabbccddeeff"
    /// What `sha1sum` says of it.
    private static let digest = "2ab31b2b0c25d5f6cbc9e082f80ab7cd27ec6315"

    @Test func `Of a callback's event the secret's digest is stored, and a digest that is given is digested again`() {
        let stored = EventName.stored("callback:\(Self.secret)")
        #expect(stored == "callback:\(Self.digest)")
        let again = EventName.stored(stored)
        #expect(again.hasPrefix("callback:") && again != stored)
        for name in ["approved", "callback", "my-callback:\(Self.secret)"] { #expect(EventName.stored(name) == name) }
    }

    @Test func `Where an item is shown, a digest stands for what may be a secret, and a cut one is left out`() {
        let (secret, digest) = (Self.secret, Self.digest)
        let cases: [(String, Bool, String)] = [
            ("{\"event\":\"callback:\(secret)\"}", false, "{\"event\":\"callback:\(digest)\"}"),
            ("a:b:\(secret):\(secret)", false, "a:b:\(digest):\(digest)"),
            ("a:b:\(secret)", true, "a:b:"), ("a:0123", true, "a:"), ("a:", true, "a:"), ("a:", false, "a:"),
            ("a:0123", false, "a:0123"), ("\(secret) \(secret)", true, "\(secret) \(secret)"), ("", false, ""),
        ]
        for (text, isCut, shown) in cases {
            #expect(String(decoding: EventName.masked(Array(text.utf8), isCut: isCut), as: UTF8.self) == shown)
        }
    }
}
