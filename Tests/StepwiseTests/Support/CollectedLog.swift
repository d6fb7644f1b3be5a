import Logging
import Synchronization

/// What was logged, line by line.
final class CollectedLog: Sendable {
    struct Line: Sendable, Hashable {
        var level: Logger.Level
        var message: String
        var metadata: [String: String]
    }

    private let collected = Mutex<[Line]>([])

    var lines: [Line] { collected.withLock { $0 } }

    /// The lines with this message.
    func lines(_ message: String) -> [Line] { lines.filter { $0.message == message } }

    var logger: Logger {
        var logger = Logger(label: "collected") { _ in Handler(log: self) }
        logger.logLevel = .debug
        return logger
    }

    private func append(_ line: Line) { collected.withLock { $0.append(line) } }

    private struct Handler: LogHandler {
        let log: CollectedLog
        var logLevel = Logger.Level.debug
        var metadata: Logger.Metadata = [:]

        init(log: CollectedLog) { self.log = log }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            var all = metadata.merging(event.metadata ?? [:]) { _, new in new }
            // As swift-log's own handler writes it.
            if let error = event.error { all["error.message"] = "\(error)" }
            log.append(Line(level: event.level, message: "\(event.message)", metadata: all.mapValues { "\($0)" }))
        }
    }
}
