internal import Logging
import Synchronization

/// Pushed items are refused where the most that may wait already do.
///
/// What can be done at once is never refused, and what was admitted to wait is never removed to make room. So what a stranger pushes can keep
/// out only what would have to wait too. A refused item goes to `malformed`, where it blocks nothing; nobody can tell who pushed it.
extension WorkerSession {
    /// What waits.
    enum Crowd: String, Sendable {
        /// Runs that wait for a worker that can do them, for a person, or for their start.
        case runs
        /// Events for runs that do not exist.
        case events

        /// What a person can do about it. It is stored as well: only the log names commands.
        fileprivate var advice: String {
            switch self {
            case .runs: "start a worker that has their workflows, or cancel what nobody needs"
            case .events: "start their runs, or clear them"
            }
        }

        fileprivate func list(_ keys: Keys) -> String {
            switch self {
            case .runs: "\(keys.command("runs --status unserved")) lists them; so do parked and queued"
            case .events: "\(keys.command("events --expected")) lists them"
            }
        }
    }

    /// How many pushed runs of a queue may wait, and for how many runs that do not exist its pushed events may wait. Twice the setting, because
    /// the lists also have runs that have begun since upkeep last looked through them.
    var mostPushedWaiting: Int {
        let (twice, isTooMuch) = configuration.maximumPushedWaiting.multipliedReportingOverflow(by: 2)
        return isTooMuch ? .max : twice
    }

    /// Why a pushed run is refused.
    func reasonAgainstWaiting(in queue: String, _ share: PushedShare?) -> String {
        if let share {
            return
                "it would wait, and its payload has \(share.size) bytes: where \(share.waiting) pushed runs of queue \"\(queue)\" wait already, "
                + "one more may have \(share.most). Store the value elsewhere and push a reference, or \(Crowd.runs.advice); then push it again"
        }
        return
            "it would wait, and \(mostPushedWaiting) pushed runs of queue \"\(queue)\" wait already (twice maximumPushedWaiting of the worker's "
            + "configuration): \(Crowd.runs.advice), or raise the setting; then push it again"
    }

    /// Why a pushed run that starts too late is refused; `nil` if it does not. Until its start it would hold a place among those that wait.
    func reasonAgainstStart(of order: PushedStart) async throws -> String? {
        let limit = configuration.waitingLimit
        guard limit > .zero, let start = order.start else { return nil }
        guard try await start.delay(from: redisTime()) > limit.wholeMilliseconds else { return nil }
        return
            "it would start later than \(limit.wholeMilliseconds) ms from now (waitingLimit of the worker's configuration): push it "
            + "again nearer to its time, enqueue it with the library or the stepwise command, or raise the setting"
    }

    /// The bound for the run's first wait: `nil` if this worker goes on with it at once, or if a person has paused its workflow.
    func mostWaiting(for order: PushedStart) -> Int? {
        if order.start != nil { return mostPushedWaiting }
        if isPaused(workflow: order.workflow) { return nil }
        return reasonToWait(order.workflow, incompatibleVersions: []) == nil ? nil : mostPushedWaiting
    }

    /// A pushed run that would wait goes to `malformed`.
    ///
    /// - Parameter text: its turn's, which is claimed.
    func refuse(_ run: RunStore.Run, text: String, _ share: PushedShare?) async throws {
        let reason = reasonAgainstWaiting(in: run.queue, share)
        if try await store.refuseWaiting(run, text: text, reason: reason, indexed: indexedLabels) {
            noteCrowded(run.queue, .runs, share)
        }
    }

    /// Logs that an item was refused: once a minute for a queue and kind; there may be thousands.
    func noteCrowded(_ queue: String, _ crowd: Crowd, _ share: PushedShare?) {
        guard isNews(crowded: queue, crowd.rawValue) else { return }
        let advice = "\(crowd.advice) (\(crowd.list(keys)))"
        if let share {
            return logger.warning(
                "pushed items are refused: so many wait in their queue that they are too large; see \(keys.command("queues --malformed"))",
                metadata: [
                    "queue": "\(queue)", "waiting": "\(crowd.rawValue)", "count": "\(share.waiting)",
                    "bytes": "\(share.size)", "bound": "\(share.most)", "advice": "\(advice)",
                ])
        }
        logger.warning(
            "pushed items are refused: their queue already has the most that may wait; see \(keys.command("queues --malformed"))",
            metadata: [
                "queue": "\(queue)", "waiting": "\(crowd.rawValue)", "bound": "\(mostPushedWaiting)",
                "setting": "maximumPushedWaiting", "advice": "\(advice), or raise the setting",
            ])
    }

    /// Logs how many lines were not logged since the last call.
    func countCrowded() {
        for (queue, count) in takeUnloggedCrowded() {
            logger.warning(
                "more pushed items were refused, see \(keys.command("queues --malformed"))",
                metadata: ["queue": "\(queue)", "count": "\(count)"])
        }
    }
}
