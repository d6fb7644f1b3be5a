internal import Logging

/// Logs what the function logs for the first time, and nothing that an earlier copy has logged already. Inside a step's body it
/// always logs, and adds the step and the attempt.
struct ReplayLogHandler: LogHandler {
    var base: any LogHandler
    let copy: RunCopy

    var logLevel: Logger.Level {
        get { base.logLevel }
        set { base.logLevel = newValue }
    }

    var metadata: Logger.Metadata {
        get { base.metadata }
        set { base.metadata = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { base[metadataKey: key] }
        set { base[metadataKey: key] = newValue }
    }

    func log(event: LogEvent) {
        var event = event
        if let step = StepScope.current {
            var metadata = event.metadata ?? [:]
            metadata["step"] = "\(step.id)"
            metadata["attempt"] = "\(step.attempt)"
            event.metadata = metadata
        } else if copy.isSilent {
            return
        }
        base.log(event: event)
    }
}
