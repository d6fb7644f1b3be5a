import Stepwise

/// A callback's token is an outcome that not everybody may see: whoever has it may answer.
extension RecordedStep {
    /// What a table shows in place of a token.
    static let hiddenToken = "a callback's token; --reveal shows it"

    private var isToken: Bool { kind == WorkflowContext.callbackKind }

    /// The value as a table shows it.
    var shownValue: String? { isToken ? value.map { _ in Self.hiddenToken } : value }

    /// The value's JSON; of a token with zeros for its secret, so that the history can still be replayed.
    func maskedValue(ofRun run: String) -> String? {
        guard isToken, value != nil else { return value }
        return JSON.string(CallbackToken(run: run, secret: String(repeating: "0", count: 32)).text)
    }
}
