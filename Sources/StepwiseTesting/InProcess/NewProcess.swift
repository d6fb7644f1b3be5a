import Foundation
import Stepwise
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension WorkflowTest {
    /// Replays what the last run recorded in another process, where Swift's `Set` and `Dictionary` have another order and nothing of this
    /// process' memory is there.
    ///
    /// The test's program is started again with this test only. There the test's code is executed once more up to `run`, which replays the
    /// history in place of executing steps, and ends that process. Swift Testing is needed.
    ///
    /// ```swift
    /// let receipt = try await test.run(order)
    /// try await test.replayInNewProcess()
    /// ```
    ///
    /// - Parameters:
    ///   - function: the name of the test's function, where this is called by another one: `"order()"`.
    /// - Throws: ``WorkflowTestFailure`` if the replay does not agree, or could not be made.
    public func replayInNewProcess(fileID: String = #fileID, function: String = #function) async throws {
        let outcome = script.outcome.withLock { $0 }
        guard !outcome.traces.isEmpty else {
            throw WorkflowTestFailure("there is nothing to replay in a new process: run the workflow first")
        }
        let module = fileID.prefix { $0 != "/" }
        try await NewProcess.replay(outcome, test: (String(module), function))
    }
}

/// The second process, and how it is told what to do.
enum NewProcess {
    private static let variable = "STEPWISE_TEST_REPLAY"
    private static let limit = Duration.seconds(60)

    private struct Order: Codable {
        var place: String
        var traces: [ReplayTrace]
    }

    private struct Verdict: Codable {
        /// `nil` if it agrees.
        var message: String?
        var divergence: Divergence?
    }

    // MARK: In the first process

    static func replay(_ outcome: TestScript.Outcome, test: (module: String, function: String)) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("stepwise-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        let order = folder.appendingPathComponent("order.json")
        try Data(JSON.encode(Order(place: outcome.place, traces: outcome.traces), what: "a history")).write(to: order)
        let output = folder.appendingPathComponent("output.txt")
        try Data().write(to: output)
        try await execute(arguments(test), order.path, output)
        guard let data = try? Data(contentsOf: verdictFile(order.path)),
            let verdict = try? JSON.decode(Verdict.self, from: Array(data), what: "a verdict")
        else {
            let text = (try? String(contentsOf: output, encoding: .utf8)) ?? ""
            throw WorkflowTestFailure(
                "the new process did not come to run(…) at \(outcome.place): it executes the test \(test.module).\(test.function) alone; if run is "
                    + "called by another function, say replayInNewProcess(function: \"theTest()\"). It said: \(text.suffix(2000))"
            )
        }
        if let message = verdict.message {
            throw WorkflowTestFailure("in a new process: \(message)", divergence: verdict.divergence)
        }
    }

    /// This process' own arguments, with the one test in place of what they choose.
    private static func arguments(_ test: (module: String, function: String)) -> [String] {
        let dropped: Set = [
            "--filter", "--skip", "--xunit-output", "--event-stream-output-path", "--event-stream-version",
            "--configuration-path", "--attachments-path", "--repetitions", "--repeat-until",
        ]
        var arguments: [String] = []
        var rest = CommandLine.arguments.dropFirst()
        while let argument = rest.popFirst() {
            if dropped.contains(argument) { _ = rest.popFirst() } else { arguments.append(argument) }
        }
        if !arguments.contains("--testing-library") { arguments += ["--testing-library", "swift-testing"] }
        // `#function` leaves out the backticks of a name that is a sentence, and a test's id has them.
        let end = test.function.lastIndex(of: "(") ?? test.function.endIndex
        let name = NSRegularExpression.escapedPattern(for: String(test.function[..<end]))
        let parameters = NSRegularExpression.escapedPattern(for: String(test.function[end...]))
        let module = NSRegularExpression.escapedPattern(for: test.module)
        return arguments + ["--filter", "^\(module)\\.(.*/)?`?\(name)`?\(parameters)"]
    }

    private static func execute(_ arguments: [String], _ order: String, _ output: URL) async throws {
        let process = Process()
        #if os(Linux)
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        #else
        process.executableURL = URL(fileURLWithPath: CommandLine.arguments[0])
        #endif
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging([variable: order]) { $1 }
        process.environment?["SWIFT_DETERMINISTIC_HASHING"] = nil
        process.standardInput = FileHandle.nullDevice
        let log = try FileHandle(forWritingTo: output)
        process.standardOutput = log
        process.standardError = log
        let timer = Task {
            guard (try? await Task.sleep(atMost: limit)) != nil else { return }
            process.terminate()
        }
        defer { timer.cancel() }
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in continuation.resume() }
            do { try process.run() } catch {
                process.terminationHandler = nil
                continuation.resume(throwing: error)
            }
        }
    }

    // MARK: In the second

    /// In the second process, at the place where the first has called `run`: replays what that one has recorded, says how it went, and ends
    /// the process. Of a test with arguments each case comes here: it is enough that one agrees, since a closure may depend on the argument.
    static func replayIfAsked(_ workflow: any AnyWorkflow, _ script: TestScript, at place: String) throws {
        guard let path = ProcessInfo.processInfo.environment[variable],
            let data = try? Data(contentsOf: URL(fileURLWithPath: path)),
            let order = try? JSON.decode(Order.self, from: Array(data), what: "a history"), order.place == place,
            order.traces.first?.workflow == workflow.name
        else { return }
        do {
            for trace in order.traces {
                let code = trace.workflow == workflow.name ? workflow : script.workflow(named: trace.workflow)
                guard let code else { continue }
                try trace.check(code, script)
            }
        } catch {
            let failure = error as? WorkflowTestFailure
            try write(Verdict(message: "\(error)", divergence: failure?.divergence), path)
            throw error
        }
        try write(Verdict(), path)
        exit(0)
    }

    private static func verdictFile(_ order: String) -> URL { URL(fileURLWithPath: order + ".verdict") }

    private static func write(_ verdict: Verdict, _ order: String) throws {
        try Data(JSON.encode(verdict, what: "a verdict")).write(to: verdictFile(order), options: .atomic)
    }
}

extension TestScript {
    func workflow(named name: String) -> (any AnyWorkflow)? {
        if case .workflow(let workflow)? = settings.withLock({ $0.children[name] }) { workflow } else { nil }
    }
}
