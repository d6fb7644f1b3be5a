import Stepwise
import Testing

@Suite("What the doctor says of a namespace")
struct NamespaceDiagnosisTests {
    private func kinds(_ change: (inout NamespaceSnapshot) -> Void) throws -> [Violation.Kind] {
        var snapshot = NamespaceSnapshot()
        var worker = NamespaceSnapshot.Worker()
        worker.queues = ["default"]
        snapshot.workers["w"] = worker
        snapshot.claims[.init(worker: "w", queue: "default")] = 3
        change(&snapshot)
        return snapshot.violations(keys: try Keys(namespace: "default")).map(\.kind)
    }

    @Test func `Claims of a registered worker are sound, of any other they are not`() throws {
        #expect(try kinds { _ in }.isEmpty)
        #expect(try kinds { $0.claims[.init(worker: "gone", queue: "default")] = 1 } == [.claimsWithoutWorker])
        #expect(try kinds { $0.claims[.init(worker: "w", queue: "unnamed")] = 1 } == [.claimsWithoutWorker])
    }

    @Test func `A worker is in the index and has an entry, or neither`() throws {
        #expect(try kinds { $0.workers["w"]?.hasEntry = false } == [.workerHalfRegistered])
        #expect(
            try kinds {
                $0.claims = [:]
                $0.workers["w"]?.isIndexed = false
            } == [.workerHalfRegistered])
    }

    @Test func `What is told of the bodies of a worker that is not there is a leftover`() throws {
        #expect(try kinds { $0.busy = ["w"] }.isEmpty)
        #expect(try kinds { $0.busy = ["gone"] } == [.busyWithoutWorker])
    }

    @Test func `Of the indexes of labels what is missing, what is too much, and an index of no label are named`() throws
    {
        #expect(try kinds { $0.indexes.incomplete = ["a"] }.isEmpty)
        #expect(try kinds { $0.indexes.missing = ["a": ["r"], "b": []] } == [.notIndexed])
        #expect(try kinds { $0.indexes.wrong = ["a": [Array("x".utf8)]] } == [.indexedWrongly])
        #expect(try kinds { $0.indexes.undeclared = ["a"] } == [.indexOfNoLabel])
    }

    @Test func `Keys that the contract does not know, and entries that are not work items, are named`() throws {
        #expect(try kinds { $0.strangers = ["cache": "string"] } == [.unknownKey])
        #expect(try kinds { $0.strangers = ["run:r": "string"] } == [.wrongType])
        #expect(try kinds { $0.unreadableDelayed = ["x"] } == [.unreadableDelayed])
    }

    @Test(
        arguments: [
            ("queue:a.b_C-1", NamespaceKey.queue("a.b_C-1")),
            ("claimed:w-1-a:q.1", .claimed(worker: "w-1-a", queue: "q.1")),
            ("run:r", .run("r")), ("busy:w-1-a", .busy("w-1-a")), ("stats:29000000", .stats("29000000")),
            ("label:a:b", .label("a:b")), ("expected:pushed:q.1", .expectedPushed("q.1")),
            ("waiting:pushed:q.1", .waitingPushed("q.1")),
            ("runs:parked", .runs(.parked)), ("runs:ending", .runs(.ending)), ("delayed", .single("delayed")),
            ("run:\u{301}x", .run("\u{301}x")),
        ]
    )
    func `Names of keys are read as the contract writes them`(_ name: String, _ key: NamespaceKey) {
        #expect(NamespaceKey(name) == key)
    }

    @Test(
        arguments: [
            "", "run:", "runs:odd", "claimed:w", "claimed::q", "queues:a", "delayed:x", "queue:a:b", "queue:a}:queue:b",
            "waiting:pushed", "waiting:pushed:", "expected:pushed:a b", "expected:x", "waiting:pushedq",
            "stats:x", "stats:07", "stats:-7", "stats:+7", "busy:", "claimed:w-1-a:q:1", "claimed:w-1-a:a}:queue:b",
        ]
    )
    func `Other names are nobody's`(_ name: String) {
        #expect(NamespaceKey(name) == nil)
    }

    @Test func `A suspicion counts when two looks in a row find the same on the same grounds`() {
        let first = Violation(.joinDiffers, run: "r", key: "k", "m", advice: "a", evidence: "1 2")
        let second = Violation(.joinDiffers, run: "r", key: "k", "m", advice: "a", evidence: "2 3")
        var suspicion = Suspicion()
        suspicion.open("r")
        #expect(suspicion.add([first], about: "r").isEmpty)
        #expect(suspicion.add([second], about: "r").isEmpty)
        #expect(suspicion.add([second], about: "r") == [second])
        #expect(suspicion.isEmpty)
    }

    @Test func `A suspicion ends with one look that finds nothing`() {
        let violation = Violation(.joinDiffers, run: "r", key: "k", "m", advice: "a")
        var suspicion = Suspicion()
        suspicion.open("r")
        #expect(suspicion.add([violation], about: "r").isEmpty)
        #expect(suspicion.add([], about: "r").isEmpty)
        #expect(suspicion.isEmpty)
    }
}
