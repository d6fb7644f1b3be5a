/// A callback's token, taken apart.
package struct CallbackToken: Sendable, Hashable {
    package var run: String
    package var secret: String

    package init(run: String, secret: String) {
        (self.run, self.secret) = (run, secret)
    }

    /// `nil` for what is none.
    package init?(_ text: String) {
        // A run's id may have colons.
        guard let colon = text.lastIndex(of: ":") else { return nil }
        (run, secret) = (String(text[..<colon]), String(text[text.index(after: colon)...]))
        guard Identifier.problem(with: run) == nil, secret.utf8.count == 32,
            secret.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) })
        else { return nil }
    }

    package var text: String { "\(run):\(secret)" }
    /// The event that answers, as it is pushed; `EventName` makes the stored name of it.
    package var event: String { "callback:\(secret)" }

    /// 128 bits of the system's.
    package static func newSecret() -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<2).map { _ in
            let digits = String(generator.next() as UInt64, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}
