internal import Dispatch
#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif
package import Stepwise

/// What keeps a process from ending, or from hearing that it should. Each has one step, called as the run is.
extension TestWorkflows {
    package var staying: [any AnyWorkflow] { [mainHolder, exitHolder, logHolder, queueHolder, ignoring] }

    private func workflow(
        _ name: WorkflowName<String, String>,
        _ body: @escaping @Sendable (_ note: @escaping @Sendable () -> Void) async throws -> Void
    ) -> Workflow<String, String> {
        Workflow(name) { [ledger] context, input in
            try await context.run(input) { (step: Step) async throws -> String in
                // So that the body has left the worker's own thread.
                try await ledger.execute("\(step.id)-begins", attempt: step.attempt)
                try await body { ledger.executeQuickly(step.id, attempt: step.attempt) }
                return input
            }
        }
    }

    /// Its body does not give the main actor back.
    package var mainHolder: Workflow<String, String> {
        workflow("main-holder") { note in
            await MainActor.run {
                note()
                holdThread()
            }
        }
    }

    /// Its body leaves behind what does not come back when the process exits.
    package var exitHolder: Workflow<String, String> {
        workflow("exit-holder") { note in
            atexit { holdThread() }
            note()
        }
    }

    /// Its body keeps the lock of the standard error.
    package var logHolder: Workflow<String, String> {
        workflow("log-holder") { note in
            if let standardError { flockfile(standardError) }
            note()
        }
    }

    /// Its body takes every thread that Dispatch has for queues of the usual kind.
    package var queueHolder: Workflow<String, String> {
        workflow("queue-holder") { note in
            for number in 0..<300 { DispatchQueue(label: "held-\(number)").async { holdThread() } }
            note()
        }
    }

    /// Its body has SIGTERM ignored.
    package var ignoring: Workflow<String, String> {
        workflow("ignoring") { note in
            _ = signal(SIGTERM, SIG_IGN)
            note()
        }
    }
}

/// The variable itself cannot be named in concurrent code.
nonisolated(unsafe) private let standardError = dlsym(nil, "stderr").map {
    $0.assumingMemoryBound(to: UnsafeMutablePointer<FILE>.self).pointee
}

/// Does not return.
private func holdThread() {
    while access("/", F_OK) == 0 { usleep(100_000) }
}
