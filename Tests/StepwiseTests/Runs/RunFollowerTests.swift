import Stepwise
import Testing

@Suite("What is new of a run that is followed")
struct RunFollowerTests {
    /// A run that is followed: its history, of which pages of two are read, and all that was told.
    private struct Followed {
        var follower = RunFollower()
        var history: [RecordedStep] = []
        var told: [String] = []

        mutating func look(_ sight: RunSight) {
            tell(follower.look(sight))
            while let page = follower.wanted {
                let recorded = page.generation == sight.generation ? history.prefix(sight.recorded) : []
                tell(follower.take(Array(recorded.dropFirst(page.after).prefix(2))))
            }
            tell(follower.settle())
        }

        private mutating func tell(_ news: [RunFollower.News]) {
            told += news.map { one in
                switch one {
                case .state(let sight): sight.status.rawValue + (sight.reason.map { ": \($0)" } ?? "")
                case .step(let step): "\(step.number) \(step.step)"
                case .continued(let count): "continued \(count)"
                case .rewound: "rewound"
                case .cause(let cause): cause.sentence
                }
            }
        }
    }

    /// Outcomes `s1`, `s2`, … that were recorded a second after one another.
    private func history(_ numbers: ClosedRange<Int>, from first: Int = 1, name: String = "s") throws -> [RecordedStep]
    {
        try numbers.map { number in
            let record = #"{"step":"\#(name)\#(number)","at":\#((first + number) * 1000),"value":1}"#
            return RecordedStep(number: number, try OutcomeRecord(Array(record.utf8)))
        }
    }

    private func sight(
        _ status: RunStatus, _ recorded: Int, generation: String = "1", continued: Int = 0, reason: String? = nil
    ) -> RunSight {
        RunSight(
            workflow: "w", status: status, generation: generation, recorded: recorded, continued: continued,
            reason: reason)
    }

    @Test func `Each outcome and each state is told once, in the order in which they came`() throws {
        var run = Followed(history: try history(1...5))
        run.look(sight(.queued, 0))
        run.look(sight(.queued, 0))
        run.look(sight(.running, 2))
        run.look(sight(.running, 2))
        run.look(sight(.parked, 3, reason: "other code"))
        run.look(sight(.running, 3))
        run.look(sight(.completed, 5))
        #expect(
            run.told == [
                "queued", "running", "1 s1", "2 s2", "3 s3", "parked: other code", "running", "4 s4", "5 s5",
                "completed",
            ])
        #expect(run.follower.isOver)
    }

    @Test func `A run that ended long ago is told from its first outcome to its end, in one look`() throws {
        var run = Followed(history: try history(1...5))
        run.look(sight(.failed, 5))
        #expect(run.told == ["1 s1", "2 s2", "3 s3", "4 s4", "5 s5", "failed"] && run.follower.isOver)
    }

    @Test func `Of what is recorded already only the last outcomes are told, if so many are asked for`() throws {
        let all = ["1 s1", "2 s2", "3 s3", "4 s4", "5 s5"]
        for (last, told) in [(0, []), (2, ["4 s4", "5 s5"]), (9, all)] as [(Int, [String])] {
            var run = Followed(follower: RunFollower(last: last), history: try history(1...6))
            run.look(sight(.running, 5))
            #expect(run.told == ["running"] + told)
            run.look(sight(.running, 6))
            #expect(run.told.last == "6 s6")
        }
    }

    @Test func `Numbers that cannot be are survived`() {
        for recorded in [Int.min, .max] {
            var run = Followed(follower: RunFollower(last: 1))
            for _ in 0..<3 { run.look(sight(.completed, recorded, continued: recorded)) }
            #expect(run.told == ["completed"] && run.follower.isOver)
        }
    }

    @Test func `A run that begins anew is told from its first outcome again`() throws {
        var run = Followed(history: try history(1...3))
        run.look(sight(.running, 3))
        run.history = try history(1...3, from: 10, name: "t")
        run.look(sight(.running, 3, generation: "2", continued: 1))
        #expect(run.told == ["running", "1 s1", "2 s2", "3 s3", "continued 1", "1 t1", "2 t2", "3 t3"])
    }

    @Test func `What a resumed run keeps is not told again, and what it does anew is`() throws {
        var run = Followed(history: try history(1...4))
        run.look(sight(.running, 4))
        // It failed and was resumed from its third step between two looks.
        run.history = try history(1...2) + history(3...5, from: 10, name: "t")
        run.look(sight(.running, 5, generation: "2"))
        #expect(run.told == ["running", "1 s1", "2 s2", "3 s3", "4 s4", "rewound", "3 t3", "4 t4", "5 t5"])
    }

    @Test func `Outcomes that redis has lost are told when they are recorded again`() throws {
        var run = Followed(history: try history(1...4))
        run.look(sight(.running, 4))
        run.history = try history(1...2)
        run.look(sight(.running, 2))
        run.history += try history(3...3, from: 10, name: "t")
        run.look(sight(.running, 3))
        #expect(run.told == ["running", "1 s1", "2 s2", "3 s3", "4 s4", "rewound", "3 t3"])
    }

    @Test func `A page that is gone is asked for with the next look, and keeps no end untold`() throws {
        var run = Followed(history: try history(1...1))
        run.look(sight(.running, 1))
        run.look(sight(.completed, 3))
        run.look(sight(.completed, 3))
        #expect(run.told == ["running", "1 s1"] && !run.follower.isOver)
        run.look(sight(.completed, 3))
        #expect(run.told.last == "completed" && run.follower.isOver)
    }

    @Test func `Why it stands so is asked for when it is quiet, now and then, and told when it changes`() throws {
        var run = Followed(history: try history(1...2))
        run.look(sight(.running, 1))
        #expect(!run.follower.wantsCause)
        var asked: [Int] = []
        for look in 1...21 {
            run.look(sight(.running, 1))
            if run.follower.wantsCause { asked.append(look) }
        }
        #expect(asked == [1, 11, 21])
        let sleeping = RunFollower.Cause(name: "sleeping", sentence: "it sleeps, 3 d more")
        let first = run.follower.take(sleeping)
        #expect(first == .cause(sleeping))
        let same = run.follower.take(RunFollower.Cause(name: "sleeping", sentence: "it sleeps, 2 d more"))
        #expect(same == nil)
        let other = run.follower.take(RunFollower.Cause(name: "slotsFull", sentence: "all slots are taken"))
        #expect(other != nil)
        run.look(sight(.running, 2))
        #expect(!run.follower.wantsCause)
        run.look(sight(.completed, 2))
        #expect(!run.follower.wantsCause)
    }
}
