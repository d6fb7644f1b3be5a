import NIOCore

/// One timer for many deadlines that nearly always rise: armed for the earliest, it asks at each firing for the next.
/// A scheduled task per command would be the most expensive part of a command.
final class DeadlineTimer {
    private let eventLoop: any EventLoop
    private var scheduled: (due: NIODeadline, task: Scheduled<Void>)?
    /// Called when the time has come; returns the next deadline, if there is one.
    var onDue: ((_ now: NIODeadline) -> NIODeadline?)?

    /// Between two firings at least this long, so that thousands of close deadlines do not each look at all the others.
    private static let spacing = TimeAmount.milliseconds(5)

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    func ensure(by due: NIODeadline) {
        if let scheduled {
            guard due < scheduled.due else { return }
            scheduled.task.cancel()
        }
        let task = eventLoop.assumeIsolated().scheduleTask(deadline: due) { [weak self] in
            guard let self else { return }
            scheduled = nil
            let now = NIODeadline.now()
            if let next = onDue?(now) { ensure(by: max(next, now + Self.spacing)) }
        }
        scheduled = (due, task)
    }

    func stop() {
        scheduled?.task.cancel()
        scheduled = nil
        onDue = nil
    }
}
