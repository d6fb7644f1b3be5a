/// What went wrong in Stepwise itself, told apart by ``code``. What a user's own step throws is a ``StepFailure``.
public struct StepwiseError: Error, Sendable, Hashable, CustomStringConvertible {
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Value: String, Sendable {
            case invalidStepName, nestedStep, stepOutsideFunction, notStorable, tooLarge, tooManySteps, notDecodable,
                invalidIdentifier, sagaEnded, invalidGroup, tooDeep
            case runFailed, runCancelled, timedOut, noSuchRun, runGone, wrongStatus, mailboxFull
            case redisUnavailable, redisAmbiguous, redisDenied, redisRefused, unsupportedRedis, otherDataFormat
            case invalidConfiguration, closed
            case invalidSchedule, noSuchSchedule, scheduleExists
        }

        private let value: Value
        public var description: String { value.rawValue }

        /// A step's name is empty, too long, or ends in `#` and digits.
        public static var invalidStepName: Code { Code(value: .invalidStepName) }
        /// A step was called inside a step's body.
        public static var nestedStep: Code { Code(value: .nestedStep) }
        /// A step was called from `Task {}`, or after the function had returned.
        public static var stepOutsideFunction: Code { Code(value: .stepOutsideFunction) }
        /// A step was called of a ``Saga`` whose closure had ended.
        public static var sagaEnded: Code { Code(value: .sagaEnded) }
        /// A parallel group that cannot be: a `maxConcurrency` below 1, or a policy that so many elements cannot meet.
        public static var invalidGroup: Code { Code(value: .invalidGroup) }
        /// A run would be the child of a child of a child… more often than the workers allow.
        public static var tooDeep: Code { Code(value: .tooDeep) }
        /// A value cannot be written as JSON (NaN, infinity, an `encode(to:)` that throws).
        public static var notStorable: Code { Code(value: .notStorable) }
        /// A value is larger than what may be stored.
        public static var tooLarge: Code { Code(value: .tooLarge) }
        /// A run's function called more steps than a run may have.
        public static var tooManySteps: Code { Code(value: .tooManySteps) }
        /// Stored JSON does not fit the type that was asked for.
        public static var notDecodable: Code { Code(value: .notDecodable) }
        /// A run id, queue, namespace or workflow name that cannot be one.
        public static var invalidIdentifier: Code { Code(value: .invalidIdentifier) }
        /// The run ended in an error.
        public static var runFailed: Code { Code(value: .runFailed) }
        /// The run was cancelled.
        public static var runCancelled: Code { Code(value: .runCancelled) }
        /// The result was not there within the time given; the run goes on.
        public static var timedOut: Code { Code(value: .timedOut) }
        /// No run has this id.
        public static var noSuchRun: Code { Code(value: .noSuchRun) }
        /// The run existed and is no longer there: retention has removed it after its end, somebody has deleted it, or Redis has lost it.
        public static var runGone: Code { Code(value: .runGone) }
        /// The run's status does not allow what was asked for; nothing was changed.
        public static var wrongStatus: Code { Code(value: .wrongStatus) }
        /// A run has more events to ask for than may wait for it.
        public static var mailboxFull: Code { Code(value: .mailboxFull) }
        /// Redis could not be reached or is not ready; nothing was done.
        public static var redisUnavailable: Code { Code(value: .redisUnavailable) }
        /// The connection was lost after sending: done or not done. Enqueuing with an id may be repeated; without one it was sent a second time already.
        public static var redisAmbiguous: Code { Code(value: .redisAmbiguous) }
        /// Redis refuses the user, the password or the command, or a certificate for TLS is not accepted. A worker that starts names every right that is missing.
        /// One that is at work already throws it after ``StepwiseWorker/Configuration/permanentErrorLimit``.
        public static var redisDenied: Code { Code(value: .redisDenied) }
        /// Redis answered with another error: memory is full, a key has another type.
        public static var redisRefused: Code { Code(value: .redisRefused) }
        /// The server is older than Redis 6.2, does not know a command that workers need, or is a node of a cluster that does not have the namespace.
        public static var unsupportedRedis: Code { Code(value: .unsupportedRedis) }
        /// The namespace was written by a newer Stepwise.
        public static var otherDataFormat: Code { Code(value: .otherDataFormat) }
        /// A setting or an environment variable that cannot be used.
        public static var invalidConfiguration: Code { Code(value: .invalidConfiguration) }
        /// A cron expression, an interval, a time zone or an option of a ``Schedule`` that cannot be used, or a schedule that cannot be read.
        public static var invalidSchedule: Code { Code(value: .invalidSchedule) }
        /// No schedule has this name.
        public static var noSuchSchedule: Code { Code(value: .noSuchSchedule) }
        /// A schedule has this name already; nothing was changed.
        public static var scheduleExists: Code { Code(value: .scheduleExists) }
        /// The client was shut down, or the task that called it was cancelled.
        public static var closed: Code { Code(value: .closed) }
    }

    public var code: Code
    /// What happened, to which run, step, key or option, and what to try.
    public var message: String
    /// Of a call that enqueues many: which runs it had made when it failed.
    public var enqueued: EnqueuedPart?

    /// Whether the host's name in Redis' URL has no address, or the server speaks TLS and the URL does not say so, or the other way round.
    package var isWrongURL = false
    /// Whether a script is missing that the user may not load: after a restart of Redis the workers load it again.
    package var isForWantOfScript = false

    package init(_ code: Code, _ message: String) {
        self.code = code
        // It may quote what somebody else has written: one line, whoever prints it.
        self.message = message.printable
    }

    public var description: String { message }

    /// Whether a step's body that throws this would throw it again at every attempt.
    package var isPermanent: Bool { code == .nestedStep || code == .stepOutsideFunction || code == .notStorable }
}
