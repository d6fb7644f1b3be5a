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
        case .large:
            StepwiseError(
                .mailboxFull,
                "event \"\(event)\" cannot be sent to run \(run): there is no such run, and with this event more than "
                    + "\(Self.mostWaitingBytes) bytes of pushed events would wait for it; start the run first")
        case .full:
            StepwiseError(
                .mailboxFull,
                "event \"\(event)\" cannot be sent to run \(run): \(Self.mostMessages) events wait there already for the run to ask; is it "
                    + "the right run, and does it wait for events of this name?")
        }
    }

    /// Why a pushed event for everybody could not be sent.
    func problem(_ reply: Broadcast, mostKept: Int) -> String? {
        switch reply {
        case .sent, .nothing: nil
        case .keptAlready:
            "another event \"\(event)\" is kept already, and the first counts: this one was not sent; stepwise events lists what is kept"
        case .tooManyKept:
            "\(mostKept) pushed events are kept already (maximumPushedWaiting of the worker's configuration): this one was not sent; "
                + "stepwise events lists what is kept"
        }
    }
}
