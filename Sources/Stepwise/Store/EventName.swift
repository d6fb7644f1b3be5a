internal import StepwiseRedis

/// The names of events as Redis has them, in which a callback's secret does not stand.
package enum EventName {
    private static let callback = "callback:"

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
}
