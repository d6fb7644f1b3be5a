import Logging
import NIOCore
internal import StepwiseRedis
import Synchronization

/// A worker's connections: one pipelined for everything, one for the beat, and one a list for the blocking claim, of the first lists.
///
/// The event loops are the worker's own: one for its executor, one for the beat, which nothing in user code can block.
final class WorkerConnections: Sendable {
    let executor: WorkerExecutor
    let commands: RedisClient
    let beat: RedisClient
    let blocking: [ClaimSource: RedisClient]
    private let gates: (all: ServerGate, beat: ServerGate)
    private let told: RedisTroubles
    /// The worker's, which outlive a name.
    var troubles: RedisTroubles { told }
    /// Which server ``commands`` and ``blocking`` are for: the one with which all that this name remembers was compared.
    var gate: ServerGate { gates.all }
    /// Which server ``beat`` is for: the one that has this name's entry. Known sooner, so that a thread that is held does not end the beats.
    var beatGate: ServerGate { gates.beat }

    /// How long Redis lets a blocking claim wait, in seconds; its reply is awaited a little longer.
    static let blockingTimeout = 2
    /// The most lists for which there is a blocking claim, two a queue: each costs Redis a connection, and requests while nothing comes. A
    /// ``ListLook`` looks at the others.
    static let mostBlocking = 32

    init(
        redis: RedisEndpoint, name: String, queues: [String], executor: WorkerExecutor, beat loop: any EventLoop,
        troubles: RedisTroubles, logger: Logger
    ) {
        told = troubles
        func client(_ part: String, timeout: TimeAmount, _ eventLoop: any EventLoop, _ gate: ServerGate) -> RedisClient
        {
            var options = RedisOptions()
            options.gate = gate
            options.connectionName = "stepwise:\(name):\(part)"
            options.commandTimeout = timeout
            // As long as Redis' own limit: a run's values are as long as its worker's settings allow. What strangers push is read by claims, which
            // have a limit of their own.
            options.maximumBulk = 512 << 20
            options.tls = redis.tls
            options.password = redis.password
            options.troubles = troubles
            return RedisClient(address: redis.address, options: options, eventLoop: eventLoop, logger: logger)
        }
        self.executor = executor
        let gates = (all: ServerGate(), beat: ServerGate())
        self.gates = gates
        commands = client("commands", timeout: .seconds(10), executor.eventLoop, gates.all)
        beat = client("beat", timeout: .seconds(3), loop, gates.beat)
        var blocking: [ClaimSource: RedisClient] = [:]
        for source in ClaimSource.all(queues).prefix(Self.mostBlocking) {
            // A queue's name may hold characters that a connection's name may not.
            blocking[source] = client(
                "claim-\(blocking.count)", timeout: .seconds(Int64(Self.blockingTimeout) + 2), executor.eventLoop,
                gates.all)
        }
        self.blocking = blocking
    }

    func close() async {
        // First: the others' loop may be held.
        await beat.close()
        await commands.close()
        for client in blocking.values { await client.close() }
    }
}
