extension EventMessage {
    /// Why the event could not be sent to a run.
    func problem(_ reply: Reply, run: String) -> StepwiseError? {
        switch reply {
        case .received, .kept, .seen, .stale: nil
        case .over(let status):
            StepwiseError(
                .wrongStatus,
                "event \"\(event)\" cannot be sent to run \(run): it is \(status.rawValue) and will never ask for it")
        case .unknown:
            StepwiseError(
                .invalidIdentifier,
                "run \(run) has made no callback with this token: use the token as Callback.token gave it, whole")
        case .full:
            StepwiseError(
                .mailboxFull,
                "event \"\(event)\" cannot be sent to run \(run): \(Self.mostMessages) events wait there already for the run to ask; is it "
                    + "the right run, and does it wait for events of this name?")
        }
    }
}
