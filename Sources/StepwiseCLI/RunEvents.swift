import Stepwise

/// What waits in a run's mailbox, and what the run waits for.
struct RunEvents {
    private let run: String
    /// `nil` of a run that does not exist.
    private let status: RunStatus?
    private let waits: [EventWait]
    private let hasMoreWaits: Bool
    private let messages: [MailMessage]
    /// Where the next page of the mailbox begins.
    private let next: MailPlace?

    /// - Parameters:
    ///   - isShort: whether the beginning of a long value is enough.
    /// - Throws: `noSuchRun` if there is neither the run nor an event for it.
    init(
        of run: String, _ client: StepwiseClient, after place: MailPlace?, limit: Int, isShort: Bool
    ) async throws {
        self.run = run
        status = try await client.sight(ofRun: run)?.status
        let found = try await client.eventWaits(ofRun: run, limit: Output.oneMore(than: limit))
        // The open steps of an ending run no longer wait for anything.
        waits = status == .ending ? [] : Array(found.prefix(limit))
        hasMoreWaits = found.count > limit
        let mail = try await client.mailbox(
            ofRun: run, after: place, limit: Output.oneMore(than: limit), isShort: isShort)
        messages = Array(mail.prefix(limit))
        next = mail.count > limit ? messages.last?.place : nil
        if status == nil, mail.isEmpty, place == nil { throw client.noSuchRun(run) }
    }

    func show() {
        var waiting = Table("STEP", "WAITS FOR", "SINCE", "UNTIL", "ALL THAT WAIT FOR IT")
        for wait in waits {
            waiting.add(
                wait.step, wait.isCallback ? "callback" : wait.event, Output.time(wait.since), Output.time(wait.until),
                wait.isCallback ? "" : String(wait.waiting))
        }
        var mailbox = Table("IN ITS MAILBOX", "SENT", "PUSHED", "VALUE")
        for message in messages {
            mailbox.add(
                message.event.hasPrefix("callback:") ? "callback" : message.event, Output.time(message.sent),
                message.isPushed ? "yes" : "no", Output.short(message.value))
        }
        Output.print([waiting, mailbox])
        if status == nil { Output.complain("there is no run \(run) yet: these events wait for it") }
        if hasMoreWaits { Output.complain("more of its steps wait: raise --limit") }
        if let next {
            Output.complain("there are more in its mailbox: add --limit or --after \(next.description.shellWord)")
        }
    }

    var json: JSONDocument {
        .object([
            ("run", .string(run)), ("status", JSONDocument(status?.rawValue)),
            (
                "waiting",
                .array(
                    waits.map { wait in
                        .object([
                            ("step", .string(wait.step)), ("event", .string(wait.event)),
                            ("callback", .bool(wait.isCallback)), ("since", JSONDocument(wait.since)),
                            ("until", JSONDocument(wait.until)), ("all", .number(wait.waiting)),
                        ])
                    })
            ),
            (
                "mailbox",
                .array(
                    messages.map { message in
                        .object([
                            ("event", .string(message.event)), ("sent", JSONDocument(message.sent)),
                            ("pushed", .bool(message.isPushed)), ("value", JSONDocument(stored: message.value)),
                        ])
                    })
            ), ("next", JSONDocument(next?.description)),
        ])
    }
}
