import Dispatch
import Foundation
import Logging
import ServiceLifecycle
import Stepwise
import TestWorkflows
import UnixSignals

/// ServiceLifecycle waits for a thread of Swift's pool to hear of a signal; bodies can block all of them.
func leaveOnSIGTERM(_ worker: StepwiseWorker) -> any DispatchSourceSignal {
    let source = DispatchSource.makeSignalSource(signal: SIGTERM, queue: DispatchQueue(label: "leaving"))
    source.setEventHandler { worker.leave() }
    source.resume()
    return source
}

// A worker process for tests: TestWorker <redis URL> <ledger's redis URL> <ledger> <author> <namespace> <lease in ms> <concurrency> <grace in ms>
let arguments = CommandLine.arguments
guard arguments.count == 9, let lease = Int(arguments[6]), let concurrency = Int(arguments[7]),
    let grace = Int(arguments[8])
else {
    FileHandle.standardError.write(
        Data("usage: TestWorker URL LEDGER-URL LEDGER AUTHOR NAMESPACE LEASE-MS CONCURRENCY GRACE-MS\n".utf8))
    exit(64)
}
LoggingSystem.bootstrap(StreamLogHandler.standardError)
var logger = Logger(label: "test-worker")
logger.logLevel = ProcessInfo.processInfo.environment["TEST_WORKER_LOG"] == nil ? .warning : .debug
let ledger = try Ledger(url: arguments[2], name: arguments[3], author: arguments[4])
var configuration = StepwiseWorker.Configuration(
    namespace: arguments[5], concurrency: concurrency, lease: .milliseconds(lease), shutdownGrace: .milliseconds(grace))
// So that a busy machine does not decide which bodies are quick.
configuration.quickBody = .milliseconds(20)
configuration.blockingThreads = 1000
// `make attack` fills what is bounded by it.
if let most = ProcessInfo.processInfo.environment["TEST_WORKER_PUSHED_WAITING"].flatMap({ Int($0) }) {
    configuration.maximumPushedWaiting = most
}
let tests = TestWorkflows(ledger: ledger)
let worker = try StepwiseWorker(
    redis: RedisEndpoint(arguments[1]), workflows: tests.all + tests.worst, configuration: configuration,
    logger: logger)
let leaving = leaveOnSIGTERM(worker)
try await ServiceGroup(services: [worker], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger).run()
