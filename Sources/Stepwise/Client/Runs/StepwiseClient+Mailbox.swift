#if canImport(FoundationEssentials)
package import FoundationEssentials
#else
package import Foundation
#endif

/// An event that was sent to a run, which has not asked for it.
package struct MailMessage: Sendable, Hashable {
    /// Its name as it is stored; `callback:<digest>` for the answer to a callback.
    package var event: String
    package var sent: Date?
    /// Whether it was pushed to an inbox.
    package var isPushed: Bool
    /// Its JSON, or how that begins.
    package var value: String
    /// Behind which entry of the mailbox the next one stands.
    package var place: MailPlace
}

/// A place in a run's mailbox: behind an event. It stays where it is when that event is taken.
package struct MailPlace: Sendable, Hashable, CustomStringConvertible {
    package var event: String
    /// In microseconds since 1970; of the events of one name no two have the same.
    package var number: Int

    package init(event: String, number: Int) { (self.event, self.number) = (event, number) }

    /// From ``description``; `nil` for another text.
    package init?(_ text: String) {
        let parts = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let number = Int(parts[0]), number >= 0, !parts[1].isEmpty else { return nil }
        self.init(event: String(parts[1]), number: number)
    }

    /// Such as `1767225600000000-approved`.
    package var description: String { "\(number)-\(event)" }

    fileprivate var end: [UInt8] { Array("\(event) m \(number)!".utf8) }
}

/// A step of a run that waits for an event.
package struct EventWait: Sendable, Hashable {
    package var step: String
    /// The event's name as it is stored; `callback:<digest>` for a callback.
    package var event: String
    /// By Redis' clock.
    package var since: Date?
    /// Until when it waits; `nil`: forever.
    package var until: Date?
    /// How many steps, of all runs, wait for an event of this name.
    package var waiting: Int

    package var isCallback: Bool { event.hasPrefix("callback:") }
}

extension StepwiseClient {
    /// What lies in a run's mailbox: events of one name in the order in which the run gets them, name after name.
    ///
    /// - Parameters:
    ///   - place: behind which event; `nil`: from the first one on.
    ///   - limit: the most to return.
    ///   - isShort: whether the beginning of a long value is enough.
    package func mailbox(
        ofRun id: String, after place: MailPlace? = nil, limit: Int, isShort: Bool
    ) async throws -> [MailMessage] {
        var messages: [MailMessage] = []
        var end = place?.end
        while messages.count < limit {
            // A message may have a megabyte.
            let count = min(limit - messages.count, isShort ? 200 : 10)
            let page = try await command(
                .mail(keys, of: id, after: end, count: count, longest: isShort ? 4096 : nil),
                doing: "reading \(keys.mail(id))")
            for entry in page {
                guard case .message(let number, let isPushed, let json) = entry.kind else { continue }
                messages.append(
                    MailMessage(
                        event: entry.event, sent: Date(milliseconds: number / 1000), isPushed: isPushed,
                        value: String(decoding: json, as: UTF8.self),
                        place: MailPlace(event: entry.event, number: number)))
            }
            guard page.count == count, let last = page.last else { break }
            end = last.end
        }
        return messages
    }

    /// The steps of a run that wait for events, of about 1,000 open ones, sorted by their ids.
    ///
    /// - Parameter limit: the most to return.
    package func eventWaits(ofRun id: String, limit: Int) async throws -> [EventWait] {
        let what = "looking at run \(id)"
        let run = try await command(.run(keys, id, .queue, .generation), doing: what)
        let (queue, generation) = (run.text(.queue) ?? "", run.text(.generation) ?? "")
        var waits: [EventWait] = []
        for (step, state) in try await openSteps(ofRun: id) {
            guard let event = state.event, waits.count < limit else { continue }
            waits.append(
                EventWait(
                    step: step, event: event.name, until: Date(milliseconds: state.limits.values.min()), waiting: 0))
        }
        if waits.isEmpty { return [] }
        let since = try await all(
            waits.map { wait in
                StoreCommand<Int?>.waitingSince(
                    keys, for: wait.event,
                    EventWaiter(queue: queue, run: id, generation: generation, step: wait.step))
            }, doing: what)
        let counts = try await all(waits.map { StoreCommand<Int>.count(keys.event($0.event)) }, doing: what)
        for index in waits.indices {
            waits[index].since = Date(milliseconds: since[index])
            waits[index].waiting = counts[index]
        }
        return waits
    }
}
