import Stepwise
import TestSupport
import Testing

@Suite("What becomes of a tick")
struct TickDecisionTests {
    /// A schedule every ten seconds whose tick of 1,000,000 s is the next.
    private func schedule(
        _ overlap: ScheduleOverlap, catchUp: Int = 1, every seconds: Int = 10, live: [String] = []
    ) throws -> StoredSchedule {
        let definition = try Schedule(
            "s", .every(.seconds(seconds)), workflow: "w", overlap: overlap, catchUp: catchUp)
        var schedule = StoredSchedule(definition, created: 0, next: 1_000_000_000)
        schedule.live = live
        return schedule
    }

    private func seconds(_ after: Int) -> Int { 1_000_000_000 + after * 1000 }

    @Test(arguments: ScheduleOverlap.allCases)
    func `Before its time nothing happens; at its time its run starts and the next tick comes`(
        _ overlap: ScheduleOverlap
    ) throws {
        let schedule = try schedule(overlap)
        #expect(try TickDecision(schedule, now: seconds(0) - 1, live: []) == nil)
        let decision = try #require(try TickDecision(schedule, now: seconds(0), live: []))
        #expect(
            decision.starts == seconds(0) && decision.after.next == seconds(10) && decision.cancels.isEmpty
                && !decision.waits)
        #expect(decision.after.started == 1 && decision.after.lastTick == seconds(0))
        #expect(decision.after.lastRun == "s/19700112T134640Z" && decision.after.live == ["s/19700112T134640Z"])
    }

    @Test
    func `Ticks of the last minute are all started, one after the other, whatever the catch-up limit is`() throws {
        var schedule = try schedule(.allow, catchUp: 0)
        var started: [Int] = []
        while let decision = try TickDecision(schedule, now: seconds(45), live: []) {
            started.append(try #require(decision.starts))
            schedule = decision.after
        }
        #expect(started == [0, 10, 20, 30, 40].map(seconds) && schedule.missed == 0)
    }

    @Test(.scenario(61), arguments: [0, 1, 3, 1000])
    func `After a downtime the most recent late ticks are started up to the limit, and the others counted`(_ limit: Int)
        throws
    {
        var schedule = try schedule(.allow, catchUp: limit)
        var started: [Int] = []
        // 360 ticks are late, 7 are not.
        while let decision = try TickDecision(schedule, now: seconds(3660), live: []) {
            if let tick = decision.starts { started.append(tick) }
            schedule = decision.after
        }
        #expect(started == (max(0, 360 - limit)..<367).map { seconds($0 * 10) })
        #expect(schedule.missed == max(0, 360 - limit) && schedule.next == seconds(3670))
    }

    @Test(.scenario(61))
    func `Backfilled runs, however many, push none out of the live ones that was started at its tick`() throws {
        var schedule = try schedule(.skip, live: ["s/now"])
        for number in 0..<25 { schedule.noteLive("s/\(number)") }
        #expect(schedule.live.count == 20 && schedule.live.last == "s/now")
    }

    @Test func `A downtime of a million ticks is passed over in bounded looks, and ends with the same ticks`() throws {
        var schedule = try schedule(.allow, catchUp: 2, every: 1)
        var started: [Int] = []
        var looks = 0
        while let decision = try TickDecision(schedule, now: seconds(1_000_000), live: []) {
            if let tick = decision.starts { started.append(tick) } else { looks += 1 }
            schedule = decision.after
        }
        #expect(started == ((1_000_000 - 62)...1_000_000).map(seconds))
        #expect(schedule.missed == 1_000_000 - 62 && (100...110).contains(looks))
    }

    @Test
    func
        `While a run is live: allow starts beside it, skip skips, queue waits, replace cancels it and starts the last`()
        throws
    {
        func decision(_ overlap: ScheduleOverlap) throws -> TickDecision {
            try #require(try TickDecision(schedule(overlap, live: ["old"]), now: seconds(25), live: ["old"]))
        }
        #expect(try decision(.allow).starts == seconds(0))
        let skip = try decision(.skip)
        #expect(skip.starts == nil && skip.after.skipped == 3 && skip.after.next == seconds(30) && !skip.waits)
        let queue = try decision(.queue)
        #expect(queue.starts == nil && queue.waits && queue.after.next == seconds(0))
        let replace = try decision(.replace)
        #expect(replace.starts == seconds(20) && replace.cancels == ["old"] && replace.after.skipped == 2)
        #expect(replace.after.next == seconds(30) && replace.after.live == ["old", "s/19700112T134700Z"])
    }

    @Test
    func
        `Of ticks that wait for a run's end, only as many as the limit says are kept once they are late, and they start in order`()
        throws
    {
        let queue = try schedule(.queue, catchUp: 2, live: ["old"])
        let waiting = try #require(try TickDecision(queue, now: seconds(120), live: ["old"]))
        // Late are those of 0 to 50 s.
        #expect(waiting.waits && waiting.after.next == seconds(40) && waiting.after.missed == 4)
        let free = try #require(try TickDecision(waiting.after, now: seconds(120), live: []))
        #expect(free.starts == seconds(40) && free.after.next == seconds(50))
    }

    @Test(arguments: [0, 1]) func `What is stored of a schedule is read back, byte for byte`(_ variant: Int) throws {
        let definition = try Schedule(
            "nightly/e",
            variant == 0 ? .cron("0 2 * * *", timeZone: "Europe/Berlin") : .every(.milliseconds(1500)),
            workflow: "w", payloadJSON: #"{"big":12345678901234567890,"text":"a\"b"}"#, queue: "q",
            labels: ["tenant": "acme"], runTimeout: .seconds(5), overlap: .queue, catchUp: 7, version: 3)
        var schedule = StoredSchedule(definition, created: 5, next: 1_795_590_000_000)
        if variant == 1 {
            (schedule.lastTick, schedule.lastRun) = (9, "nightly/e/x\\")
            (schedule.live, schedule.started, schedule.skipped) = (["a", "b\""], 1, 2)
            (schedule.missed, schedule.triggered, schedule.declared) = (3, 4, "3 abc")
        }
        let timer = try #require(schedule.timer)
        if variant == 1 { schedule.paused = 7 }
        let again = try StoredSchedule(name: definition.name, json: schedule.json)
        #expect(again == schedule && again.json == schedule.json)
        #expect(again.definition.payloadJSON == #"{"big":12345678901234567890,"text":"a\"b"}"#)
        #expect(again.timer == (variant == 0 ? timer : nil))
        #expect(ScheduleTimer(timer.entry) == timer && TimeLimit(timer.entry) == nil && WorkItem(timer.entry) == nil)
    }

    @Test(
        arguments: [
            ("{", "JSON"), ("[]", "object"), ("{}", "\"cron\" or \"every\" is missing"),
            (#"{"every":60000,"next":1}"#, "\"workflow\" is missing"),
            (#"{"every":60000,"workflow":"w"}"#, "\"next\" is missing"),
            (#"{"every":"1m","workflow":"w","next":1}"#, "\"every\" is not a whole number"),
            (#"{"cron":"0 0 31 2 *","workflow":"w","next":1}"#, "never comes"),
            (#"{"cron":"0 0 * * *","zone":"Mars 1","workflow":"w","next":1}"#, "time zone"),
            (#"{"every":60000,"workflow":"w","next":1,"overlap":"never"}"#, "\"overlap\""),
            (#"{"every":60000,"workflow":"w x","next":1}"#, "workflow name"),
            (#"{"every":60000,"workflow":"w","next":1,"catchUp":-1}"#, "catchUp"),
        ]
    )
    func `JSON that was changed by hand and makes no schedule is refused with the reason`(
        _ json: String, _ reason: String
    ) {
        do {
            _ = try StoredSchedule(name: "s", json: Array(json.utf8))
            Issue.record("\(json) was taken")
        } catch { #expect(error.reason.contains(reason), "\(error.reason)") }
    }

    @Test
    func `A schedule whose time zone this system lacks can be read, and names the zone; only its ticks cannot be told`()
        throws
    {
        let json = #"{"cron":"0 0 * * *","zone":"Mars/Base","workflow":"w","next":1000}"#
        let schedule = try StoredSchedule(name: "s", json: Array(json.utf8))
        #expect(schedule.definition.missingZone == "Mars/Base" && schedule.timer?.tick == 1000)
        #expect(throws: StepwiseError.self) { try TickDecision(schedule, now: 2000, live: []) }
        #expect(try Schedule("s", .cron("0 0 * * *"), workflow: "w").missingZone == nil)
    }

    @Test(.scenario(61))
    func
        `Ticks that were due before a pause go on after it, or are missed if a tick came during it; none is forgotten`()
        throws
    {
        var schedule = try schedule(.queue)
        // Those of 0, 10 and 20 s wait.
        schedule.paused = seconds(25)
        let soon = try #require(try schedule.resumed(now: seconds(29)))
        #expect(soon.paused == nil && soon.next == seconds(0) && soon.missed == 0)
        let later = try #require(try schedule.resumed(now: seconds(65)))
        #expect(later.paused == nil && later.next == seconds(70) && later.missed == 3)
        schedule.next = seconds(30)
        let idle = try #require(try schedule.resumed(now: seconds(65)))
        #expect(idle.next == seconds(70) && idle.missed == 0)
        schedule.paused = nil
        #expect(try schedule.resumed(now: seconds(65)) == nil)
    }

    @Test(.scenario(61))
    func `With another timing what was due by the old one is missed; with the same timing it goes on`() throws {
        var schedule = try schedule(.queue)
        var definition = schedule.definition
        definition.catchUp = 7
        #expect(try schedule.redefined(definition, now: seconds(25)).next == seconds(0))
        definition.timing = .every(.seconds(60))
        let other = try schedule.redefined(definition, now: seconds(25))
        #expect(other.missed == 3 && other.next > seconds(25) && other.definition == definition)
        schedule.paused = seconds(15)
        #expect(try schedule.redefined(definition, now: seconds(25)).missed == 2)
        definition.timing = .cron("0 0 * * *")
        schedule.definition.timing = .cron("*/10 * * * * *")
        #expect(try schedule.redefined(definition, now: seconds(25)).missed == 2)
    }

    @Test func `A schedule that cannot be is an error that says so`() {
        func code(_ make: () throws -> Schedule) -> StepwiseError.Code? {
            do {
                _ = try make()
                return nil
            } catch { return (error as? StepwiseError)?.code }
        }
        #expect(code { try Schedule("a b", .every(.seconds(1)), workflow: "w") } == .invalidIdentifier)
        #expect(
            code { try Schedule(String(repeating: "x", count: 151), .every(.seconds(1)), workflow: "w") }
                == .invalidIdentifier)
        #expect(
            code { try Schedule("a", .every(.seconds(1)), workflow: "w", labels: ["schedule": "b"]) }
                == .invalidIdentifier)
        #expect(code { try Schedule("a", .every(.seconds(1)), workflow: "w", catchUp: 1001) } == .invalidSchedule)
        #expect(code { try Schedule("a", .cron("0 0 31 2 *"), workflow: "w") } == .invalidSchedule)
        #expect(code { try Schedule("a", .every(.seconds(1)), workflow: "w", payloadJSON: "{") } == .notStorable)
        #expect(code { try Schedule("a", .every(.seconds(1)), WorkflowName<Double, Void>("w"), .nan) } == .notStorable)
    }
}
