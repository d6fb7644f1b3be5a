extension EventMessage {
    /// Why the event could not be sent to a run. These texts may be stored, so they name no command: who reads them knows where the namespace is.
    ///
    /// - Parameter mostExpected: for how many runs that do not exist pushed events may wait.
    func problem(_ reply: Reply, run: String, mostExpected: Int = 0) -> StepwiseError? {
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
                "event \"\(event)\" cannot be sent to run \(run): too many bytes of pushed events would wait there for the run. A run that does not "
                    + "exist may have \(Self.mostWaitingBytes) bytes of pushed events: start it first. One that exists may have half of "
                    + "maximumRunSize of the worker's configuration: does it wait for events of this name?")
        case .half:
            StepwiseError(
                .mailboxFull,
                "event \"\(event)\" cannot be sent to run \(run): \(Self.mostMessages / 2) pushed events wait there already for the run to ask; is "
                    + "it the right run, and does it wait for events of this name?")
        case .crowded(let share?):
            StepwiseError(
                .mailboxFull,
                "event \"\(event)\" cannot be sent to run \(run): there is no such run, and with it pushed events of \(share.size) bytes would wait "
                    + "for it; where they wait for \(share.waiting) others of this queue, these may have \(share.most) bytes. Start the run first, "
                    + "store the value elsewhere and send a reference, or clear the events that nobody needs"
            )
        case .crowded(nil):
            StepwiseError(
                .mailboxFull,
                "event \"\(event)\" cannot be sent to run \(run): there is no such run, and events that were pushed to this queue wait for "
                    + "\(mostExpected) such runs already (twice maximumPushedWaiting of the worker's configuration); start the run first, clear the "
                    + "events that nobody needs, or raise the setting")
        case .full:
            StepwiseError(
                .mailboxFull,
                "event \"\(event)\" cannot be sent to run \(run): \(Self.mostMessages) events wait there already for the run to ask; is it "
                    + "the right run, and does it wait for events of this name?")
        }
    }

    /// Why an event for everybody could not be sent by a step.
    func problem(_ reply: Broadcast) -> StepwiseError? {
        reply == .keptAlready ? Notice.keptAlready(event) : nil
    }

    /// Why a pushed event for everybody could not be sent.
    func problem(_ reply: Broadcast, mostKept: Int) -> String? {
        switch reply {
        case .sent, .nothing: nil
        case .keptAlready:
            "another event \"\(event)\" is kept already, and the first counts: this one was not sent"
        case .tooManyKept(let share?):
            "the value has \(share.size) bytes, and where \(share.waiting) pushed events are kept one more may have \(share.most): this one was not "
                + "sent; send a reference to the value, send it with the library or the stepwise command, which have no such limit, or clear the kept "
                + "events that nobody needs"
        case .tooManyKept(nil):
            "\(mostKept) pushed events are kept already (maximumPushedWaiting of the worker's configuration): this one was not sent; "
                + "clear those that nobody needs, or raise the setting"
        }
    }
}

extension Notice {
    /// Why an event that a step was to send and to keep was not sent.
    package static func keptAlready(_ event: String) -> StepwiseError {
        StepwiseError(
            .mailboxFull,
            "event \"\(event)\" was not sent: another one of this name is kept already, and the first counts; send it without keep: (it "
                + "reaches whoever waits now), use another name, or wait until the kept one is gone (the list of kept events shows when that is)"
        )
    }
}
