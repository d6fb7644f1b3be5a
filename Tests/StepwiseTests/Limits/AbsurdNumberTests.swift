import Foundation
import NIOPosix
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

private let forever = Duration.seconds(Int64.max)
private let negative = Duration.seconds(Int64.min)
/// More seconds than an `Int64` holds.
private let beyond = Duration.seconds(Int64.max) * 18
private let endOfTime = Date(timeIntervalSince1970: .infinity)
private let beginningOfTime = Date(timeIntervalSince1970: -.infinity)
private let noTime = Date(timeIntervalSince1970: .nan)
/// 10,000 years in milliseconds.
private let longest = 315_360_000_000_000

/// Anything that a `Duration` or a `Date` can be: what it counts as where it becomes a number.
@Suite("Absurd numbers")
struct AbsurdNumberTests {
    @Test(
        arguments: [
            (forever, longest), (negative, -longest), (beyond, longest), (Duration.zero - beyond, -longest), (.zero, 0),
            (.microseconds(1500), 1), (.microseconds(-1500), -1),
        ] as [(Duration, Int)]
    )
    func `A length of time is a number of milliseconds, at most 10,000 years`(_ length: Duration, _ expected: Int) {
        #expect(length.wholeMilliseconds == expected)
        #expect(length.wholeMilliseconds(rounded: .up) == (length == .microseconds(1500) ? 2 : expected))
        #expect(length.bounded.milliseconds == length.milliseconds)
        #expect(abs(length.bounded.components.seconds) <= 315_360_000_000)
    }

    @Test func `A moment is a number of milliseconds, and one that waits is in the years 1 to 9999`() {
        #expect(endOfTime.wholeMilliseconds == .max && beginningOfTime.wholeMilliseconds == .min)
        #expect(endOfTime.boundedMilliseconds() == 253_402_300_799_999)
        #expect(beginningOfTime.boundedMilliseconds() == -62_135_596_800_000)
        #expect(noTime.wholeMilliseconds == 0 && noTime.boundedMilliseconds() == 0)
        #expect(Date(timeIntervalSince1970: 1.0001).boundedMilliseconds(rounded: .up) == 1001)
        #expect(Duration(boundedSeconds: .infinity) == .longest && Duration(boundedSeconds: .nan) == .zero)
        #expect(Duration(boundedSeconds: -1e300) == Duration.zero - Duration.longest)
        #expect(Int(saturating: 1e300) == .max && Int(saturating: -1e300) == .min && Int(saturating: -1.5) == -1)
    }

    @Test func `Minutes and longer units end at the longest number of seconds`() {
        #expect(Duration.minutes(Int.max) == forever && Duration.hours(UInt64.max) == forever)
        #expect(Duration.days(Int.min) == negative && Duration.weeks(Int64.max) == forever)
        #expect(Duration.weeks(2) == .days(14) && Duration.days(-1) == .hours(-24) && Duration.hours(1) == .minutes(60))
    }

    @Test func `The options of runs and steps take any length and any moment`() {
        func options(_ option: EnqueueOption) -> EnqueueOptions { EnqueueOptions([option]) }
        #expect(options(.runTimeout(forever)).timeout == longest && options(.runTimeout(beyond)).timeout == longest)
        #expect(options(.runTimeout(negative)).timeout == 1)
        #expect(options(.after(forever)).start?.text == "+253402300799999" && options(.after(negative)).start == nil)
        #expect(options(.at(endOfTime)).start?.text == "253402300799999")
        #expect(options(.at(noTime)).start == nil && options(.at(beginningOfTime)).start == nil)
        let limits = StepOptions().applying([.totalTimeout(forever), .claimTimeout(negative)]).limits
        #expect(limits == "total=\(longest) claim=0")
        #expect(Notice.keep(forever) == longest && Notice.keep(.microseconds(1)) == 1)
        for keep in [negative, .zero, nil] as [Duration?] { #expect(Notice.keep(keep) == nil) }
    }

    @Test func `Waits between attempts are at most ten years`() {
        #expect(RetryAfter(endOfTime).delay == .longest && RetryAfter(noTime).delay == .zero)
        #expect(RetryAfter(beginningOfTime).delay == .zero && RetryAfter(negative).delay == .zero)
        func delay(_ retry: Retry, _ error: any Error = Hiccup()) -> Int? {
            retry.delay(afterAttempt: 1, error: error, chance: 0)
        }
        let tenYears = 315_360_000_000
        for error in [RetryAfter(endOfTime), RetryAfter(forever), RetryAfter(beyond)] {
            #expect(delay(Retry(), error) == tenYears)
        }
        #expect(delay(.fixed(beyond)) == tenYears && delay(.fixed(negative)) == 0)
        #expect(delay(Retry(initialDelay: forever, multiplier: .infinity, maximumDelay: forever)) == tenYears)
        #expect(delay(Retry(initialDelay: .zero, multiplier: .nan)) == 0)
        #expect(delay(.custom { _, _ in negative }) == 0)
    }

    @Test func `A schedule says which of its numbers is out of range, and a stored one is refused with a reason`()
        throws
    {
        func message(_ timing: ScheduleTiming) -> String {
            do { _ = try Ticks(timing) } catch { return error.message }
            return ""
        }
        for length in [forever, negative, beyond] {
            let text = message(.every(length))
            #expect(text.contains("\(length.wholeMilliseconds) ms") && text.contains("1 second to 10 years"), "\(text)")
        }
        for start in [endOfTime, beginningOfTime] {
            let text = message(.every(.seconds(60), from: start))
            #expect(text.contains("start") && !text.contains("interval"), "\(text)")
        }
        #expect(try Ticks(.every(.seconds(60), from: noTime)).next(after: 1) == 60_000)
        #expect(try Ticks(.cron("0-59/9223372036854775807 * * * *")).next(after: 1) == 3_600_000)
        for number in [Int.min, .max] {
            let json = #"{"workflow":"w","every":1000,"next":\#(number)}"#
            #expect {
                try StoredSchedule(name: "s", json: Array(json.utf8))
            } throws: {
                ($0 as? StoredSchedule.Problem)?.reason == "\"next\" is not a whole number"
            }
        }
    }

    @Test func `A wait for at most less than nothing is over, and one for ever ends when it is cancelled`() async throws
    {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        await Latch().wait(atMost: negative, on: eventLoop)
        try await Task.sleep(atMost: negative)
        for length in [forever, beyond] {
            let latch = Latch()
            let wait = Task { await latch.wait(atMost: length, on: eventLoop) }
            let sleep = Task { try await Task.sleep(atMost: length) }
            try await Task.sleep(for: .milliseconds(20))
            latch.open()
            sleep.cancel()
            await wait.value
            await #expect(throws: CancellationError.self) { try await sleep.value }
        }
    }
}

extension Scenarios {
    /// What brought worker after worker down: each option once, in a real worker.
    @Suite("Numbers that nobody means")
    struct AbsurdNumbers {
        @Test(arguments: Memory.allCases)
        func `A limit that is longer than any is as good as none`(_ memory: Memory) async throws {
            let workflow = Workflow("patient", .runTimeout(forever), .timeout(forever)) {
                (context, _: Int) async throws -> String in
                // Long enough for a timer to begin.
                @Sendable func slow(_ text: String) async throws -> String {
                    try await Task.sleep(for: .milliseconds(20))
                    return text
                }
                let attempt = try await context.run("timeout", .timeout(forever)) { try await slow("a") }
                let other = try await context.run("the workflow's timeout") { try await slow("b") }
                let total = try await context.run("totalTimeout", .totalTimeout(forever)) { "c" }
                let claim = try await context.run("claimTimeout", .claimTimeout(forever)) { "d" }
                let part = try await context.withTimeout(forever) { try await context.run("part") { "e" } }
                let again = try await context.run("again", .retry(Retry(attempts: 2, maximumElapsed: forever))) {
                    step in
                    if step.attempt == 1 { throw RetryAfter(noTime) }
                    return "f"
                }
                try await context.sleep(until: noTime)
                try await context.notify("over", 1, keep: negative)
                try await context.notify("kept/\(context.runID)", 1, keep: forever)
                return attempt + other + total + claim + part + again
            }
            let configuration = StepwiseWorker.Configuration(
                lease: forever, offExecutorLimit: forever, completedRetention: forever, failedRetention: forever,
                waitingLimit: forever, bodyStartLimit: forever)
            try await withWorker([workflow], memory: memory, configuration: configuration) { client, _ in
                for option in [EnqueueOption.after(negative), .runTimeout(forever)] {
                    let run = try await complete(client.enqueue(workflow, 0, option), of: workflow)
                    #expect(run.output == "abcdef")
                    #expect((run.details.deadline ?? .distantPast) > .distantFuture)
                }
                try await expectSound(client)
            }
        }

        @Test func `A limit below zero is over at once`() async throws {
            let workflow = Workflow("hasty", .retry(.never)) { (context, _: Int) async throws -> [String] in
                var causes: [String] = []
                for option in [StepOption.timeout(negative), .totalTimeout(negative)] {
                    do {
                        try await context.run("hasty", option) { try await Task.sleep(for: .seconds(3600)) }
                    } catch let failure as StepFailure { causes.append("\(failure.cause)") }
                }
                return causes
            }
            #expect(try await complete(workflow, 0).output == ["timedOut", "timedOut"])
        }

        @Test func `A retry at the end of time waits, and its run can be cancelled`() async throws {
            let workflow = Workflow("late") { (context, _: Int) async throws -> Int in
                try await context.run("late") { () async throws -> Int in
                    throw RetryAfter(endOfTime, because: Hiccup())
                }
            }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow, 0)
                try await eventually("the step does not wait") { try await client.queueTotals().delayed == 1 }
                #expect(try await run.details().status == .running)
                try await run.cancel()
                #expect(await errorCode { _ = try await run.result(timeout: patience) } == .runCancelled)
            }
        }

        @Test func `A function that has left its executor is waited for, also for ever`() async throws {
            let workflow = Workflow("away") { (context, _: Int) async throws -> Int in
                try await context.run("before") {}
                try await Task.sleep(for: .milliseconds(50))
                return try await context.run("after") { 1 }
            }
            let configuration = StepwiseWorker.Configuration(offExecutorLimit: forever)
            try await withWorker([workflow], configuration: configuration) { client, _ in
                let result = try await client.enqueue(workflow, 0).result(timeout: patience)
                #expect(result == 1)
            }
        }

        @Test func `A grace that is longer than any lets a body end`() async throws {
            let gate = Latch()
            let begun = Flag()
            let workflow = Workflow("held") { (context, _: Int) async throws -> Int in
                try await context.run("held") {
                    begun.set()
                    await gate.wait()
                    return 1
                }
            }
            try await RedisServer.withServer { server in
                let endpoint = try RedisEndpoint(server.url)
                let client = try StepwiseClient(redis: endpoint, logger: .silent)
                let worker = RunningWorker(
                    try StepwiseWorker(
                        redis: endpoint, workflows: [workflow], configuration: .init(shutdownGrace: forever),
                        logger: .silent))
                defer {
                    gate.open()
                    worker.leave()
                }
                let run = try await client.enqueue(workflow, 0)
                try await eventually("the body does not begin") { begun.isSet }
                worker.leave()
                // Its claims have ended, and it has beaten since: the grace has begun.
                try await eventually("it goes on claiming") {
                    try await server.command("INFO", "clients").string?.contains("blocked_clients:0") == true
                }
                let beat = try await client.workers().first?.lastBeat
                try await eventually("it does not beat") { try await client.workers().first?.lastBeat != beat }
                gate.open()
                try await worker.end()
                #expect(try await run.history().map(\.step) == ["held"])
                await client.close()
            }
        }

        @Test func `A client takes any number, and says what it cannot do with it`() async throws {
            let workflow = Workflow("quick") { (context, _: Int) async throws -> Int in
                try await context.run("quick") { 1 }
            }
            try await withWorker([workflow]) { client, server in
                let run = try await client.enqueue(workflow, 0, .runTimeout(beyond), .at(noTime))
                #expect(try await run.result(timeout: forever) == 1)
                #expect(try await run.history().count == 1)
                // Over after a millisecond: it may have been done by then.
                let hasty = try await client.enqueue(workflow, 0, .runTimeout(negative))
                try await eventually("it does not end") { try await hasty.details().status.isEnded }
                let failed = try await hasty.details().status == .failed ? 1 : 0

                for (event, keep) in [("never", negative), ("no", Duration.zero), ("long", forever)] {
                    try await client.notify(event, 1, keep: keep)
                    let kept = try await server.command("EXISTS", "stepwise:{default}:kept:\(event)").integer
                    #expect(kept == (keep > .zero ? 1 : 0))
                }
                for moment in [endOfTime, noTime, beginningOfTime] {
                    let until = try await client.deadRuns(DeadRunFilter(until: moment)).runs.count
                    #expect(until == (moment == endOfTime ? failed : 0))
                    _ = try await client.deadRuns(DeadRunFilter(since: moment))
                }
                let token = "\(run.id):\(String(repeating: "0", count: 32))"
                for length in [forever, negative] { #expect(try await client.extend(token, by: length) == false) }

                try await client.schedules.create(
                    Schedule("hourly", .every(.hours(1)), workflow, 0, runTimeout: forever))
                for end in [endOfTime, Date()] {
                    let code = await errorCode {
                        try await client.schedules.backfill("hourly", from: beginningOfTime, to: end)
                    }
                    #expect(code == .invalidSchedule)
                }
                try await client.schedules.delete("hourly")
            }
        }
    }
}
