internal import Logging

/// Logs what the function logs for the first time, and nothing that an earlier instance has logged already. Inside a step's body it
/// always logs, and adds the step and the attempt.
struct ReplayLogHandler: LogHandler {
    var base: any LogHandler
    let instance: RunInstance
    /// What it adds itself: an instance's logger is made for each run, and most runs log nothing.
    var own: Logger.Metadata

    var logLevel: Logger.Level {
        get { base.logLevel }
        set { base.logLevel = newValue }
    }

    var metadata: Logger.Metadata {
        get { base.metadata.merging(own) { $1 } }
        set { (base.metadata, own) = (newValue, [:]) }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { own[key] ?? base[metadataKey: key] }
        set {
            own[key] = nil
            base[metadataKey: key] = newValue
        }
    }

    func log(event: LogEvent) {
        var metadata = own
        if let more = event.metadata { metadata.merge(more) { $1 } }
        if let step = StepScope.current {
            metadata["step"] = "\(step.id.printable)"
            metadata["attempt"] = "\(step.attempt)"
        } else if instance.isSilent {
            return
        }
        var event = event
        event.metadata = metadata
        base.log(event: event)
    }
}
