import Logging
import Stepwise
import Synchronization

/// What a test says of steps, children and times, and what came of its last run.
final class TestScript: Sendable {
    typealias Body = @Sendable (Step) async throws -> [UInt8]

    /// A closure in place of a body.
    struct Replacement: Sendable {
        var taking: Int
        var body: Body
    }

    /// What a workflow does that is invoked.
    enum Child: Sendable {
        case workflow(any AnyWorkflow)
        /// From the input's JSON to the output's.
        case closure(taking: Int, @Sendable ([UInt8]) async throws -> [UInt8])
    }

    /// What is sent to the run from outside.
    enum Signal: Sendable {
        case cancel(String)
        /// To the tested run if it is nobody's.
        case event(String, [UInt8], Notice.Target?)
        case answer(callback: String, [UInt8])
    }

    struct Settings: Sendable {
        var replacements: [String: Replacement] = [:]
        var children: [String: Child] = [:]
        var crashes: [String: Int] = [:]
        var times: [(at: Int, action: @Sendable (TestMoment) -> Void)] = []
        var afters: [String: [@Sendable (TestMoment) -> Void]] = [:]
        var signals: [Signal] = []
        /// What of the test's own words cannot be used.
        var problem: String?
    }

    struct Outcome: Sendable {
        var history: [RecordedStep] = []
        var generations: [[RecordedStep]] = []
        var children: [TestedChild] = []
        var sent: [TestedEvent] = []
        var elapsed = 0
        var traces: [ReplayTrace] = []
        /// Where `run` was called.
        var place = ""
    }

    let runID: String
    /// In milliseconds since 1970.
    let start: Int
    let bodyLimit: Duration
    let logger: Logger
    let settings = Mutex(Settings())
    let outcome = Mutex(Outcome())
    /// Milliseconds since the run's begin.
    let clock = Mutex(0)

    /// The virtual time, since 1970.
    var microseconds: Int { (start + clock.withLock { $0 }) * 1000 }

    init(runID: String, start: Int, bodyLimit: Duration, logger: Logger) {
        (self.runID, self.start, self.bodyLimit, self.logger) = (runID, start, bodyLimit, logger)
    }

    /// What stands in a table under a step's id, or else under its name.
    static func entry<T>(of step: String, in table: [String: T]) -> T? { table[step] ?? table[name(of: step)] }

    static func name(of step: String) -> String {
        guard let mark = step.lastIndex(of: "#"), step[mark...].count > 1,
            step[mark...].dropFirst().allSatisfy({ $0.isASCII && $0.isNumber })
        else { return step }
        return String(step[..<mark])
    }

    func finish(_ world: TestWorld, at place: String) async {
        var result = await world.outcome
        result.place = place
        outcome.withLock { $0 = result }
    }
}
