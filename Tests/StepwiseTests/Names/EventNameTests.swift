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
}
