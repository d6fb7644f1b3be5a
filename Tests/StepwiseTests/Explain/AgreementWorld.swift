import Stepwise

/// A generated run with what is to move it, and how much of that is looked at.
struct AgreementWorld {
    private(set) var run = RunSnapshot(id: "r")
    private(set) var movers: [Mover] = []
    private var fields = RunSnapshot.Fields()
    private var bodies: [SeenBody] = []
    private var numbers: SeededNumbers

    private static let now = 1_795_685_400_000
    private static let queue = "default"
    private static let turn = "turn r 1"
    private static let live: [RunStatus] = [
        .running, .running, .running, .running, .running, .running, .queued, .noWorker, .parked, .paused, .ending,
    ]

    init(_ seed: UInt64) {
        numbers = SeededNumbers(seed: seed)
        fields.workflow = "w"
        fields.status = pick(Self.live)
        (fields.reason, fields.joins, fields.turns) = ("it has one", chance(40), 1)
        fields.recorded = number(4)
        fields.delivered = fields.recorded
        begin()
        if chance(20), fields.status != .ending {
            fields.deadline = Self.now + 60_000
            movers.append(Mover("timeout r 1", .delayed(queue: Self.queue)))
        }
        settle()
        if chance(50) { return }
        for _ in 0...number(2) { damage() }
        settle()
    }

    // MARK: Chance

    private mutating func number(_ count: Int) -> Int { Int.random(in: 0..<count, using: &numbers) }
    private mutating func chance(_ percent: Int) -> Bool { number(100) < percent }
    private mutating func pick<Value>(_ values: [Value]) -> Value { values[number(values.count)] }

    // MARK: A sound run

    private mutating func begin() {
        switch fields.status {
        case .queued:
            (fields.turn, fields.turns, fields.recorded, fields.delivered) = ("queue", 0, 0, -1)
            movers.append(
                Mover(
                    Self.turn,
                    pick([.queue(Self.queue), .claimed(worker: "w1", queue: Self.queue), .delayed(queue: Self.queue)])))
        case .noWorker:
            fields.turn = "unserved"
            movers.append(Mover(Self.turn, .unserved(UnservedList(queue: Self.queue, workflow: "w"))))
        case .ending:
            fields.ending = "failed"
            movers.append(Mover("end r 1", pick([.queue(Self.queue), .claimed(worker: "w2", queue: Self.queue)])))
            for index in 0..<number(4) { addStep("s\(index)") }
        case .parked, .paused:
            for index in 0..<number(4) { addStep("s\(index)") }
        default: goOn()
        }
    }

    /// A run whose function has begun.
    private mutating func goOn() {
        let isBusy = chance(40)
        switch number(3) {
        case 0:
            fields.turn = "w1 3 w1/9"
            movers.append(Mover(Self.turn, .claimed(worker: "w1", queue: Self.queue)))
            if chance(50) {
                fields.inline = "own"
                if chance(50) { run.open["own"] = "run 2 0 inline" }
            }
        case 1 where !isBusy:
            fields.turn = "queue"
            fields.recorded += number(2)
            movers.append(Mover(Self.turn, .queue(Self.queue)))
        default:
            addStep("first", isBusy: isBusy)
        }
        for index in 0..<number(7) { addStep("s\(index)", isBusy: isBusy) }
    }

    /// - Parameter isBusy: whether it is one whose body runs.
    private mutating func addStep(_ step: String, isBusy: Bool = false) {
        switch isBusy ? 0 : number(7) {
        case 0:
            run.open[step] = "run 1 0 item called=99"
            movers.append(Mover("step r 1 1 \(step)", .claimed(worker: "w1", queue: Self.queue)))
            bodies.append(SeenBody(run: "r", step: step, since: Self.now - 5000))
        case 1:
            run.open[step] = "run 1 0 item"
            let apart = UnservedList(queue: Self.queue, workflow: "w")
            movers.append(
                Mover(
                    "step r 1 1 \(step)",
                    pick([.queue(Self.queue), .claimed(worker: "w2", queue: Self.queue), .unserved(apart)])))
        case 2:
            run.open[step] = "run 2 0 item"
            movers.append(Mover("step r 1 2 \(step)", .delayed(queue: Self.queue)))
        case 3:
            run.open[step] = "sleep 1 0 timer wake=\(Self.now + 5000)"
            movers.append(Mover("timeout r 1 \(step)", .delayed(queue: Self.queue)))
        case 4:
            run.open[step] = "waitForEvent 1 0 event:0:click"
            run.listening.insert(step)
        case 5:
            run.open[step] = "invoke 1 0 child:cancel:c-\(step)"
            run.children["c-\(step)"] = .init(status: .running, parent: "r 1 \(step)")
        default:
            run.open[step] = "invoke 1 0 child:cancel:c-\(step)"
            run.children["c-\(step)"] = .init(status: .completed, parent: "r 1 \(step)")
            movers.append(Mover("ended r 1 c-\(step) \(step)", .queue(Self.queue)))
        }
    }

    /// What is counted agrees.
    private mutating func settle() {
        run.fields = fields
        run.listed = [fields.status]
        run.openCount = run.open.count
        (run.outcomeCount, run.outcomes) = (fields.recorded, (0..<fields.recorded).map { "o\($0)" })
        if run.join != "9" { run.join = fields.status == .ending ? nil : String(run.openSteps) }
    }

    // MARK: What may be wrong

    private mutating func damage() {
        let step = run.open.keys.sorted().first
        switch number(12) {
        case 0, 1:
            if movers.isEmpty { return }
            let index = number(movers.count)
            movers.remove(at: index)
        case 2: movers = []
        case 3:
            if movers.isEmpty { return }
            let index = number(movers.count)
            movers[index].place = .claimed(worker: "gone", queue: Self.queue)
        case 4: fields.turn = pick(["", "queue", "unserved", "w1 3 w1/9", "w2 1 w2/1"])
        case 5: run.join = "9"
        case 6: if let step { run.open[step] = pick(["run 1 0 held", "nonsense", "run 1 0 inline"]) }
        case 7: run.children = [:]
        case 8: run.listening = []
        case 9: fields.recorded += 1
        case 10: fields.inline = pick(["", "own", "s0"])
        default: run.open["lost"] = "run 1 0 item"
        }
    }

    /// Whether a worker that nobody knows has a claim: the doctor says that of the namespace.
    var hasStrangeClaims: Bool { movers.contains { $0.place == .claimed(worker: "gone", queue: Self.queue) } }

    // MARK: What explain sees

    /// A look that may not see everything.
    mutating func look(_ keys: Keys) -> RunPicture {
        var seen = run
        (seen.children, seen.listening) = ([:], [])
        if chance(10), let hidden = seen.open.keys.sorted().last, hidden != fields.inline { seen.open[hidden] = nil }
        var picture = RunPicture(id: "r", now: Self.now)
        let its = seenRun
        (picture.run, picture.open, picture.openCount) = (its, seen.open, seen.openSteps)
        picture.isPartlyRead = seen.open.count < seen.openCount
        for child in seen.open.values.compactMap({ OpenStep($0)?.child }).sorted() where chance(90) {
            picture.children[child] = self.child(child)
        }
        for (step, text) in seen.open.sorted(by: { $0.key < $1.key }) where OpenStep(text)?.event != nil && chance(85) {
            picture.events[step] = SeenEvent(waiting: 1, isListening: run.listening.contains(step))
        }
        lookAtWorkers(&picture)
        var search = ItemSearch("r", its, seen, picture.children)
        find(&search, &picture, its)
        picture.violations = search.violations(picture, seen, keys)
        return picture
    }

    private var seenRun: SeenRun {
        var its = SeenRun()
        (its.workflow, its.status, its.queue, its.generation) = ("w", fields.status, fields.queue, fields.generation)
        (its.turn, its.recorded, its.delivered) = (fields.turn, fields.recorded, fields.delivered)
        (its.inline, its.joins, its.deadline) = (fields.inline, fields.joins, fields.deadline)
        (its.reason, its.ending) = (fields.reason, fields.ending)
        return its
    }

    private func child(_ id: String) -> RunPicture {
        var picture = RunPicture(id: id, now: Self.now)
        picture.isShallow = true
        guard let state = run.children[id], let status = state.status else { return picture }
        var its = SeenRun()
        (its.workflow, its.status, its.parentText, its.turn) = ("w", status, state.parent, "w1 1 w1/4")
        picture.run = its
        return picture
    }

    private mutating func lookAtWorkers(_ picture: inout RunPicture) {
        for name in ["w1", "w2"] {
            var worker = SeenWorker(name: name, silence: 100)
            (worker.queues, worker.workflows) = ([Self.queue], ["w"])
            if name == "w1" { worker.bodies = bodies }
            picture.fleet.workers.append(worker)
        }
        let count = chance(80) ? 2 : 3
        (picture.fleet.count, picture.fleet.alive) = (count, count)
        for child in picture.children.keys { picture.children[child]?.fleet = picture.fleet }
    }

    private mutating func find(_ search: inout ItemSearch, _ picture: inout RunPicture, _ its: SeenRun) {
        let (isQueueSeen, areClaimsSeen) = (chance(75), chance(75))
        let delayed = Set(movers.filter { $0.place == .delayed(queue: Self.queue) }.map { "\(Self.queue) \($0.text)" })
        let entries = search.entries
        picture.retries = search.note(entries, entries.map { delayed.contains($0) ? Double(Self.now + 5000) : nil })
        for (index, item) in search.items.enumerated() where item.place == nil {
            let places = movers.filter { $0.text == item.text }.map(\.place)
            let holder = item.kind == .turn ? its.holder : nil
            let found = places.compactMap { place -> SeenItem.Place? in
                switch place {
                case .queue: return holder == nil && (isQueueSeen || chance(50)) ? .queue(ahead: 0) : nil
                case .unserved: return holder == nil ? .unserved : nil
                case .claimed(let worker, _):
                    // The claims of the turn's holder are looked at first, and no others for it.
                    if let holder { return worker == holder ? .claimed(worker: worker) : nil }
                    return areClaimsSeen || chance(50) ? .claimed(worker: worker) : nil
                case .delayed: return nil
                }
            }
            if let place = found.first { search.place(place, at: index) }
        }
        search.end(isQueueSeen: isQueueSeen, areClaimsSeen: areClaimsSeen)
        picture.items = search.items
    }
}
