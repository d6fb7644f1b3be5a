internal import StepwiseRedis

/// The names of events as Redis has them, in which a callback's secret does not stand.
package enum EventName {
    private static let callback = "callback:"
    /// How many digits a callback's secret has.
    private static let secretLength = 32

    /// The name under which an event is kept and waited for: of `callback:<secret>` it has the secret's SHA-1.
    ///
    /// Every name that comes from outside goes through here, once: from a client, a pushed item, a workflow. So whoever has read a digest in
    /// Redis cannot answer with it, because here it becomes another one.
    package static func stored(_ name: String) -> String {
        guard name.utf8.starts(with: callback.utf8) else { return name }
        return callback + SHA1.hex(String(name.dropFirst(callback.count)))
    }

    /// The id by which a second answer to a callback is known. Nobody who has read the event's stored name can send it before.
    static func answerID(of token: CallbackToken) -> String { stored("\(token.event) answered") }

    /// How an item that is refused may be shown. Behind a colon, as many hexadecimal digits as a secret has may be one, and become their SHA-1;
    /// so may those at which a long item is cut, and they are left out. `mask_secrets` in run.lua does the same.
    ///
    /// - Parameter isCut: whether the item goes on.
    package static func masked(_ excerpt: [UInt8], isCut: Bool) -> [UInt8] {
        var shown: [UInt8] = []
        var rest = excerpt[...]
        while let colon = rest.firstIndex(of: UInt8(ascii: ":")) {
            let start = colon + 1
            let end = rest[start...].firstIndex { !isHexadecimal($0) } ?? rest.endIndex
            let digits = rest[start..<end]
            shown += rest[..<start]
            if isCut, end == excerpt.endIndex { return shown }
            if digits.count < secretLength {
                shown += digits
            } else {
                shown += SHA1.hex(String(decoding: digits, as: UTF8.self)).utf8
            }
            rest = rest[end...]
        }
        shown += rest
        return shown
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (65...70).contains(byte) || (97...102).contains(byte)
    }
}
