import Stepwise
import TestSupport
import Testing

/// One character of 4 MB.
private let endless = "a" + String(repeating: "\u{301}", count: 2_000_000)

private struct Endless: Error, CustomStringConvertible {
    var description: String { endless }
}

/// A value that nobody can read back, and says so at length.
private struct Unreadable: Codable, Sendable {
    init() {}
    init(from decoder: any Decoder) throws { throw Endless() }
    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(1)
    }
}

@Suite("Texts that are cut")
struct CutTextTests {
    @Test(arguments: ["", "plain", "né, größer", "👩‍👩‍👧 😀", "a\u{301}\u{301}\u{301}\u{301}", "\u{0}\r\n\u{7f}"])
    func `A text is cut where a scalar ends, and no byte earlier than it must be`(_ text: String) {
        for limit in 0...(text.utf8.count + 2) {
            let cut = text.prefix(bytes: limit)
            #expect(cut.utf8.count <= limit && text.utf8.starts(with: cut.utf8))
            #expect(text.unicodeScalars.starts(with: cut.unicodeScalars))
            if let next = text.unicodeScalars.dropFirst(cut.unicodeScalars.count).first {
                #expect(cut.utf8.count + String(next).utf8.count > limit)
            }
        }
    }

    @Test func `Bytes that are no text are cut, too`() {
        let bytes = [UInt8](repeating: 0x80, count: 100)
        for limit in 0...100 { #expect(String(cutting: bytes, to: limit).unicodeScalars.count <= limit) }
        #expect(JSON.excerpt(Array("ééé".utf8), limit: 3) == "é… (6 bytes)")
    }

    @Test func `What is kept of an error is bounded in bytes, though a character may have any number of them`() {
        let words = ErrorWords(Endless())
        #expect((3998...4000).contains(words.message.utf8.count) && endless.utf8.starts(with: words.message.utf8))
        #expect(FailedAttempt.note(attempt: 1, error: Endless(), worker: "w", took: 0).utf8.count < 500)
        #expect(StepFailure(step: "a", attempts: 1, error: Endless()).message == words.message)
        let reason = Obstacle.undecodable(endless).description
        #expect(reason.utf8.count < 4100 && reason.hasSuffix("then resume the run"))
        #expect(Obstacle.other(endless).description.utf8.count <= 4000)
        #expect(JSON.words(Endless()).utf8.count <= 1000)
    }
}

extension Scenarios {
    @Suite("Texts without an end")
    struct EndlessTexts {
        @Test func `A run keeps the beginning of an error's text, of a reason and of a decoder's words`() async throws {
            let fails = Workflow("fails", .retry(Retry(attempts: 3, initialDelay: .milliseconds(1)))) {
                (context, _: Int) async throws -> Int in
                do {
                    return try await context.run("work") { () async throws -> Int in throw Endless() }
                } catch is StepFailure { throw Endless() }
            }
            let undecodable = Workflow("undecodable") { (context, _: Int) async throws -> Int in
                _ = try await context.run("value") { Unreadable() }
                return 1
            }
            try await withWorker([fails, undecodable]) { client, _ in
                let run = try await client.enqueue(fails, 0)
                #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runFailed)
                let step = try #require(try await run.history().first)
                let failure = try #require(step.error)
                #expect((3998...4000).contains(failure.message.utf8.count))
                #expect(step.failed.count == 2 && step.failed.allSatisfy { $0.message.utf8.count <= 300 })
                let error = try #require(try await run.details().error)
                #expect(error.utf8.count < 4500)

                let parked = try await client.enqueue(undecodable, 0)
                try await eventually("it is not parked") { try await parked.details().status == .parked }
                let words = try #require(try await parked.details().reason)
                #expect(words.utf8.count < 2000)
                try await parked.cancel(reason: endless)
                let cancelled = try #require(try await parked.details().cancelled)
                #expect(cancelled.utf8.count <= 1000)

                let later = try await client.enqueue(fails, 0, .after(.hours(1)))
                try await client.pause(later.id, reason: endless)
                let reason = try #require(try await later.details().reason)
                #expect(reason.utf8.count <= 1010)
            }
        }
    }
}
