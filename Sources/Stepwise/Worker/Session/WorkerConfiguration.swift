extension StepwiseWorker {
    /// A worker's settings. README has the table with units and defaults.
    public struct Configuration: Sendable {
        /// What a worker does once user code holds ``maximumStuckThreads`` of its threads.
        public enum OnStuck: Sendable, Hashable {
            /// It goes on beating and claims nothing until one of the threads is free; `stepwise health` exits with 1. For processes that do other
            /// work as well. The default.
            case stopClaiming
            /// It releases what it holds and ends the process with exit code 70, for a supervisor that starts it again. With this the worker also hears
            /// SIGTERM and SIGINT itself, and the process ends at the latest 2 s after ``shutdownGrace``, whatever blocks its threads, also if `run()`
            /// has returned by then. For processes that are workers and nothing else.
            case endProcess
        }

        /// The namespace, part of every key; `nil`: `STEPWISE_NAMESPACE`, else `default`.
        public var namespace: String?
        /// The queues that this worker claims from, at most 1000. A name is 1 to 100 of the characters `A-Z a-z 0-9 . _ -`. What comes to the first
        /// 16 wakes the worker at once; it looks at the others every 250 ms, and claims what it finds there until nothing more comes.
        public var queues: [String]
        /// The most work items that this worker holds at once, over all queues. A queue without items needs none.
        public var concurrency: Int
        /// How long a worker's beat must stand still until others take its claims over.
        public var lease: Duration
        /// How long running bodies may go on after a shutdown was asked for; then they are cancelled and released.
        public var shutdownGrace: Duration
        /// How long a function may be outside its executor (`Task.sleep`, the main actor) until its run is parked.
        public var offExecutorLimit: Duration
        /// How long completed and cancelled runs are kept; zero keeps them for ever.
        public var completedRetention: Duration
        /// How long failed runs are kept; zero keeps them for ever.
        public var failedRetention: Duration
        /// How long what nobody takes up is kept; zero keeps it for ever. A run that was enqueued and has not begun by then fails; a pushed one
        /// that waits and never began is removed; rejected items are, too; and a pushed event is kept no longer.
        public var waitingLimit: Duration
        /// Under how many names a pushed event may be kept. Twice this number bounds, for each queue, the pushed runs that wait and have never
        /// opened a step (parked, without a worker for them, or for their start), and also the runs that do not exist and for which pushed
        /// events wait. What would have to wait beyond that is rejected; what can be done at once is not.
        public var maximumPushedWaiting: Int
        /// The most bytes that a step's result, a run's output and a pushed item may have, as JSON.
        public var maximumPayloadSize: Int
        /// The most bytes that all recorded outcomes of a run may have together. A result with which they would have more fails its step;
        /// steps without a result, such as undos, always fit.
        public var maximumRunSize: Int
        /// The most steps that a run may call. A function that calls another one fails its run.
        public var maximumSteps: Int
        /// How many runs a run may have above it: its parent, that one's parent, and so on. A step that would make one below that fails.
        public var maximumDepth: Int
        /// How many workers may be lost while they execute a step's body until that is the step's outcome; the last delivery is executed alone. A
        /// worker whose thread was held counts as lost. A function that costs as many parks its run if it held the last one's thread, and fails
        /// it if the last one died.
        public var maximumWorkerLosses: Int
        /// How often step bodies are tried where neither step nor workflow says.
        public var retry: Retry
        /// The most suspended functions and waiting steps, added up, that stay in memory between work items.
        /// A KiB of a function's input counts as a step.
        public var cachedStepLimit: Int
        /// How many bytes the recorded outcomes of the functions may have together that stay in memory between work items. The functions that were
        /// used longest ago are dropped, and rebuilt from their histories when needed.
        public var cachedByteLimit: Int
        /// How many bodies of steps with `StepOption.blocking` are executed at once; more wait for a thread. The threads, at most `concurrency`, are
        /// started with the first such body. A thread with a body that nobody waits for any more, because it is past its time limit or its step was
        /// withdrawn, does not count: a spare one takes its place, of which there are as many.
        public var blockingThreads: Int
        /// How long Swift's pool may begin no body at all, because bodies hold all of its threads. Then this worker claims nothing and releases
        /// what has not begun; that counts neither as an attempt nor as a lost worker. Bodies that have begun go on. Claiming goes on once the
        /// pool begins bodies again. Counted in ticks of the thread that watches: time in which the process was stopped does not count.
        public var bodyStartLimit: Duration
        /// How long a function, or a body on the worker's own thread, may hold that thread until the worker leaves it behind and goes on with a new
        /// thread and a new name. The run has lost a worker then; see ``maximumWorkerLosses``. Zero lets it hold the thread forever.
        ///
        /// Counted in heartbeats: time in which the process was stopped does not count.
        public var stuckLimit: Duration
        /// With how many threads that user code holds at the same time ``onStuck`` decides. A thread that comes free no longer counts.
        public var maximumStuckThreads: Int
        /// What the worker does once user code holds ``maximumStuckThreads`` threads.
        ///
        /// With `.endProcess` it also ends the process for bodies that hold all threads: those of Swift's pool, or ``blockingThreads`` and the spare
        /// ones. After ``stuckLimit``, if nobody waits for a body that has begun; after 4 × ``stuckLimit`` + ``bodyStartLimit``, if somebody does,
        /// unless all may be held by bodies that are waited for: those may come to their ends.
        public var onStuck: OnStuck
        /// How long Redis may refuse a worker that is at work what only a person can mend: a password, a permission, a certificate, or a node of a
        /// cluster that has lost the namespace. Until then it goes on trying; then ``StepwiseWorker/run()`` throws. Zero: at once.
        public var permanentErrorLimit: Duration
        /// Is told of each outcome that this worker's turns have taken a run's function past, in the order of the run's history, once the script
        /// that did it has answered; and of the ends of runs. It cannot throw, runs in a task of its own, one call after the other, and
        /// changes nothing: no run waits for it. It must not block its thread.
        ///
        /// Each is told by one worker of the fleet, or by none: by none if the worker dies, or if the answer of that script is lost on the way;
        /// nor of outcomes that came after the function had ended, of runs that a client cancelled before they had begun, or while they
        /// waited for a person, and of what is more than 10,000 observations behind (``Observation/dropped(_:)``).
        public var observer: (@Sendable (Observation) async -> Void)?
        /// How long a body takes that is begun on the worker's own thread.
        package var quickBody = BodyPaces.quickest
        /// A blocking claim that is answered sooner found its queue not empty: the next claims are several at once. A test says otherwise, so that
        /// a busy machine does not decide.
        package var claimAtOnce = Duration.microseconds(500)
        /// How long nothing is logged of a trouble with Redis that goes on.
        package var troubleInterval = Duration.seconds(30)

        public init(
            namespace: String? = nil, queues: [String] = ["default"], concurrency: Int = 100,
            lease: Duration = .seconds(10),
            shutdownGrace: Duration = .seconds(25), offExecutorLimit: Duration = .seconds(10),
            completedRetention: Duration = .seconds(7 * 86_400), failedRetention: Duration = .seconds(30 * 86_400),
            waitingLimit: Duration = .seconds(30 * 86_400), maximumPushedWaiting: Int = 10_000,
            cachedStepLimit: Int = 100_000, cachedByteLimit: Int = 256 << 20,
            maximumPayloadSize: Int = 1_048_576, retry: Retry = Retry(),
            maximumWorkerLosses: Int = 3, maximumRunSize: Int = Limits.maximumRunSize, maximumSteps: Int = 100_000,
            maximumDepth: Int = 10, blockingThreads: Int = 64, bodyStartLimit: Duration = .seconds(10),
            stuckLimit: Duration = .seconds(30), maximumStuckThreads: Int = 2, onStuck: OnStuck = .stopClaiming,
            permanentErrorLimit: Duration = .seconds(60), observer: (@Sendable (Observation) async -> Void)? = nil
        ) {
            self.namespace = namespace
            self.queues = queues
            self.concurrency = concurrency
            self.lease = lease
            self.shutdownGrace = shutdownGrace
            self.offExecutorLimit = offExecutorLimit
            self.completedRetention = completedRetention
            self.failedRetention = failedRetention
            self.waitingLimit = waitingLimit
            self.maximumPushedWaiting = maximumPushedWaiting
            self.cachedStepLimit = cachedStepLimit
            self.cachedByteLimit = cachedByteLimit
            self.maximumPayloadSize = maximumPayloadSize
            self.retry = retry
            self.maximumWorkerLosses = maximumWorkerLosses
            self.maximumRunSize = maximumRunSize
            self.maximumSteps = maximumSteps
            self.maximumDepth = maximumDepth
            self.blockingThreads = blockingThreads
            self.bodyStartLimit = bodyStartLimit
            self.stuckLimit = stuckLimit
            self.maximumStuckThreads = maximumStuckThreads
            self.onStuck = onStuck
            self.permanentErrorLimit = permanentErrorLimit
            self.observer = observer
        }

        /// - Parameter what: names the value in the error.
        /// - Returns: what is wrong if the value is too large to be stored.
        func problem(withSizeOf json: [UInt8], what: @autoclosure () -> String) -> StepwiseError? {
            guard json.count > maximumPayloadSize else { return nil }
            return StepwiseError(
                .tooLarge,
                "\(what()) is \(json.count) bytes of JSON, and the limit is \(maximumPayloadSize) (maximumPayloadSize of the worker's configuration); store it "
                    + "elsewhere and keep a reference, or raise the limit")
        }

        func check() throws(StepwiseError) {
            if let namespace { try Identifier.checkNamespace(namespace) }
            if queues.isEmpty { throw StepwiseError(.invalidConfiguration, "queues is empty: name at least one queue") }
            for queue in queues { try Identifier.check(queue: queue) }
            if Set(queues).count != queues.count {
                throw StepwiseError(
                    .invalidConfiguration, "queues names a queue twice: \(queues.joined(separator: ", "))")
            }
            if queues.count > 1000 {
                throw StepwiseError(
                    .invalidConfiguration, "queues names \(queues.count) queues; a worker claims from at most 1000")
            }
            if concurrency < 1 || concurrency > 1000 {
                throw StepwiseError(
                    .invalidConfiguration, "concurrency is \(concurrency); it must be 1 to 1000")
            }
            if lease < .seconds(1) {
                throw StepwiseError(.invalidConfiguration, "lease is \(lease); it must be at least 1 second")
            }
            for (name, value) in [
                ("shutdownGrace", shutdownGrace), ("offExecutorLimit", offExecutorLimit),
                ("completedRetention", completedRetention),
                ("failedRetention", failedRetention), ("waitingLimit", waitingLimit), ("stuckLimit", stuckLimit),
                ("permanentErrorLimit", permanentErrorLimit),
            ] where value < .zero {
                throw StepwiseError(.invalidConfiguration, "\(name) is \(value); it must not be negative")
            }
            if maximumPayloadSize < 1024 || maximumPayloadSize > 256 << 20 {
                throw StepwiseError(
                    .invalidConfiguration,
                    "maximumPayloadSize is \(maximumPayloadSize); it must be 1024 bytes to 256 MiB")
            }
            if maximumRunSize < maximumPayloadSize {
                throw StepwiseError(
                    .invalidConfiguration,
                    "maximumRunSize is \(maximumRunSize); it must be at least maximumPayloadSize (\(maximumPayloadSize) bytes)"
                )
            }
            if maximumSteps < 1 {
                throw StepwiseError(.invalidConfiguration, "maximumSteps is \(maximumSteps); it must be at least 1")
            }
            if maximumDepth < 0 {
                throw StepwiseError(.invalidConfiguration, "maximumDepth is \(maximumDepth); it must not be negative")
            }
            if blockingThreads < 1 || blockingThreads > 1000 {
                throw StepwiseError(
                    .invalidConfiguration, "blockingThreads is \(blockingThreads); it must be 1 to 1000")
            }
            if bodyStartLimit < .milliseconds(100) {
                throw StepwiseError(
                    .invalidConfiguration, "bodyStartLimit is \(bodyStartLimit); it must be at least 100 milliseconds")
            }
            if maximumStuckThreads < 1 || maximumStuckThreads > 100 {
                throw StepwiseError(
                    .invalidConfiguration, "maximumStuckThreads is \(maximumStuckThreads); it must be 1 to 100")
            }
            if maximumPushedWaiting < 1 {
                throw StepwiseError(
                    .invalidConfiguration, "maximumPushedWaiting is \(maximumPushedWaiting); it must be at least 1")
            }
            if maximumWorkerLosses < 1 {
                throw StepwiseError(
                    .invalidConfiguration, "maximumWorkerLosses is \(maximumWorkerLosses); it must be at least 1")
            }
            if cachedStepLimit < 0 {
                throw StepwiseError(
                    .invalidConfiguration, "cachedStepLimit is \(cachedStepLimit); it must not be negative")
            }
            if cachedByteLimit < 0 {
                throw StepwiseError(
                    .invalidConfiguration, "cachedByteLimit is \(cachedByteLimit); it must not be negative")
            }
        }
    }
}
