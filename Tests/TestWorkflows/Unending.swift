package import Stepwise

/// Code of a workflow's author, neither a function's nor a body's own, that blocks its thread until the test lets it go on.
extension TestWorkflows {
    package var unending: [any AnyWorkflow] { [mumbling, keeping] }

    /// A step; then the end, which blocks as the input says: with the `words` of an error, its `code`, or the words of a `saga`'s; or with the code
    /// of an `output`.
    package var mumbling: Workflow<String, Mouthful> {
        Workflow("mumbling") { [ledger] context, input in
            let mouthful = Mouthful(input, ledger)
            try await context.run("before") { (step: Step) async throws -> Void in
                try await ledger.execute(step.id, attempt: step.attempt)
            }
            switch input {
            case "words": throw Mumble(mouthful: mouthful)
            case "code": throw Coded(mouthful: mouthful)
            case "saga":
                return try await context.saga(undo: .retry(.never)) { saga in
                    try await saga.run("one") { () async throws -> Void in
                        try await ledger.execute("one")
                    } undo: { () async throws -> Void in
                        throw Declined()
                    }
                    throw Mumble(mouthful: mouthful)
                }
            default: return mouthful
            }
        }
    }

    /// Steps that leave something whose `deinit` blocks: the `error` of a body so quick that it begins on the worker's own thread, or what a step's
    /// `retry` has captured.
    package var keeping: Workflow<String, String> {
        Workflow("keeping") { [ledger] context, input in
            let mouthful = Mouthful(input, ledger)
            if input == "error" {
                for index in 1...40 {
                    do {
                        try await context.run("tick", .retry(.never)) { (step: Step) async throws -> Void in
                            ledger.executeQuickly(step.id, attempt: step.attempt)
                            if index == 40 { throw Kept(keeper: Keeper(mouthful)) }
                        }
                    } catch is StepFailure {}
                }
            } else {
                let retry = { Retry.custom { [keeper = Keeper(mouthful)] _, _ in keeper.delay } }
                try await context.run("first", .retry(retry())) { (step: Step) async throws -> Void in
                    try await ledger.execute(step.id, attempt: step.attempt)
                }
            }
            return try await context.run("last") { (step: Step) async throws -> String in
                try await ledger.execute(step.id, attempt: step.attempt)
                return input
            }
        }
    }
}

/// A text that blocks where it is encoded.
package struct Mouthful: Codable, Sendable {
    private let text: String
    private let ledger: Ledger?

    fileprivate init(_ text: String, _ ledger: Ledger) { (self.text, self.ledger) = (text, ledger) }

    package init(from decoder: any Decoder) throws {
        text = try decoder.singleValueContainer().decode(String.self)
        ledger = nil
    }

    package func encode(to encoder: any Encoder) throws {
        chew()
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    fileprivate func chew() { ledger?.block(text, attempt: 1) }
}

private struct Mumble: Error, CustomStringConvertible {
    let mouthful: Mouthful
    var description: String {
        mouthful.chew()
        return "mumble"
    }
}

private struct Coded: Error, Encodable, CustomStringConvertible {
    let mouthful: Mouthful
    var description: String { "coded" }
}

private struct Kept: Error, CustomStringConvertible {
    let keeper: Keeper
    var description: String { "kept" }
}

private final class Keeper: Sendable {
    private let mouthful: Mouthful
    init(_ mouthful: Mouthful) { self.mouthful = mouthful }
    deinit { mouthful.chew() }

    var delay: Duration? { nil }
}
