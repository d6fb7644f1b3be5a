package import Logging

/// Writes each of Stepwise's own log lines as one line: what it tells may hold texts that somebody else has pushed. All of its texts pass here:
/// the message, the metadata of the line and of the logger, their keys, and the error.
struct PrintableLogHandler: LogHandler {
    var base: any LogHandler

    var logLevel: Logger.Level {
        get { base.logLevel }
        set { base.logLevel = newValue }
    }

    var metadata: Logger.Metadata {
        get { base.metadata }
        set { base.metadata = Self.printable(newValue) }
    }

    var metadataProvider: Logger.MetadataProvider? {
        get { base.metadataProvider }
        set { base.metadataProvider = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { base[metadataKey: key.printable] }
        set { base[metadataKey: key.printable] = newValue.map(Self.printable) }
    }

    func log(event: LogEvent) {
        var event = event
        event.message = Logger.Message(stringLiteral: event.message.description.printable)
        event.metadata = event.metadata.map(Self.printable)
        // Handlers write an error as its text.
        event.error = event.error.map { error -> any Error in
            let words = "\(error)"
            let shown = words.printable
            return shown == words ? error : PrintableError(description: shown)
        }
        base.log(event: event)
    }

    private static func printable(_ metadata: Logger.Metadata) -> Logger.Metadata {
        Logger.Metadata(metadata.map { ($0.key.printable, printable($0.value)) }) { first, _ in first }
    }

    private static func printable(_ value: Logger.Metadata.Value) -> Logger.Metadata.Value {
        switch value {
        case .string(let text): .string(text.printable)
        case .stringConvertible(let value): .string(value.description.printable)
        case .array(let values): .array(values.map(printable))
        case .dictionary(let values): .dictionary(printable(values))
        }
    }
}

/// An error on one line, in place of one that is not.
private struct PrintableError: Error, CustomStringConvertible {
    let description: String
}

extension Logger {
    /// Logs the same, each line as one.
    package var printable: Logger {
        var logger = self
        logger.handler = PrintableLogHandler(base: handler)
        return logger
    }

    /// The handler for what a workflow's function logs: its lines are its own.
    var functionHandler: any LogHandler { (handler as? PrintableLogHandler)?.base ?? handler }
}
