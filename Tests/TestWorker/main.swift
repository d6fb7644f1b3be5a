import Foundation
import Logging
import ServiceLifecycle
import Stepwise
import TestWorkflows
import UnixSignals

// A worker process for tests: TestWorker <redis URL> <ledger's redis URL> <ledger> <author> <namespace> <lease in ms> <concurrency> <grace in ms>
// [<setting>=<ms> ...]
let arguments = CommandLine.arguments
guard arguments.count >= 9, let lease = Int(arguments[6]), let concurrency = Int(arguments[7]),
    let grace = Int(arguments[8])
else {
    FileHandle.standardError.write(
        Data(
            "usage: TestWorker URL LEDGER-URL LEDGER AUTHOR NAMESPACE LEASE-MS CONCURRENCY GRACE-MS [SETTING=MS ...]\n"
                .utf8))
    exit(64)
}
LoggingSystem.bootstrap(StreamLogHandler.standardError)
var logger = Logger(label: "test-worker")
let environment = ProcessInfo.processInfo.environment
logger.logLevel = environment["TEST_WORKER_LOG"] == nil ? .warning : .debug
let ledger = try Ledger(url: arguments[2], name: arguments[3], author: arguments[4])
var configuration = StepwiseWorker.Configuration(
    namespace: arguments[5], concurrency: concurrency, lease: .milliseconds(lease), shutdownGrace: .milliseconds(grace))
// So that a busy machine does not decide which bodies are quick.
configuration.quickBody = .milliseconds(20)
configuration.blockingThreads = environment["TEST_WORKER_BLOCKING_THREADS"].flatMap { Int($0) } ?? 1000
for argument in arguments.dropFirst(9) {
    let parts = argument.split(separator: "=").map(String.init)
    guard parts.count == 2, let limit = Int(parts[1]), parts[0] == "bodyStartLimit" else {
        FileHandle.standardError.write(Data("no such setting: \(argument)\n".utf8))
        exit(64)
    }
    configuration.bodyStartLimit = .milliseconds(limit)
}
// How long user code may hold a thread, and how many; what then is the process's end, unless it is to go on.
if let limit = environment["TEST_WORKER_STUCK_MS"].flatMap({ Int($0) }) {
    configuration.stuckLimit = .milliseconds(limit)
}
if let most = environment["TEST_WORKER_STUCK_THREADS"].flatMap({ Int($0) }) { configuration.maximumStuckThreads = most }
configuration.onStuck = environment["TEST_WORKER_GOES_ON"] == nil ? .endProcess : .stopClaiming
// `make attack` fills what is bounded by it.
if let most = environment["TEST_WORKER_PUSHED_WAITING"].flatMap({ Int($0) }) {
    configuration.maximumPushedWaiting = most
}
// `make outages` waits for the end of workers that have a wrong password for so long.
if let limit = environment["TEST_WORKER_PERMANENT_ERROR_MS"].flatMap({ Int($0) }) {
    configuration.permanentErrorLimit = .milliseconds(limit)
}
// `make oncall` deploys workers of other queues, and such as lack workflows.
if let queues = environment["TEST_WORKER_QUEUES"] {
    configuration.queues = queues.split(separator: ",").map(String.init)
}
let tests = TestWorkflows(ledger: ledger)
let wanted = environment["TEST_WORKER_WORKFLOWS"].map { Set($0.split(separator: ",").map(String.init)) }
let all = tests.all + tests.worst + tests.waitingForThreads + tests.staying + tests.unending + tests.onCall
let worker = try StepwiseWorker(
    redis: .fromEnvironment(url: arguments[1]),
    workflows: all.filter { wanted?.contains($0.name) ?? true },
    configuration: configuration, logger: logger)
try await ServiceGroup(services: [worker], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger).run()
