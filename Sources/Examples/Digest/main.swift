import Foundation
import Logging
import ServiceLifecycle
import Stepwise
import UnixSignals

// A scratch program until the example stands.
let greet = Workflow("greet") { (context, name: String) async throws -> String in
    let a = try await context.run("a") { "a:" + name }
    let b = try await context.run("b") { a + "b" }
    async let x = context.run("x") { b + "x" }
    async let y = context.run("y") { b + "y" }
    let both = try await x + y
    return try await context.run("c") { both + "c" }
}
var logger = Logger(label: "scratch")
logger.logLevel = .debug
let worker = try StepwiseWorker(redis: .fromEnvironment(), workflows: [greet], logger: logger)
try await ServiceGroup(services: [worker], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger).run()
