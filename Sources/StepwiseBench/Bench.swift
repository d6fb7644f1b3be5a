import ArgumentParser
import Stepwise

/// How much is measured.
struct Extent {
    var chainRuns = 8000
    var rounds = 3
    var latencies = 300
    var longest = 10_000
    var backlog = 100_000
    var waiting = 10_000
    var sleeping = 50_000
    /// Runs that are pushed, and as many that are enqueued.
    var starts = 20_000
    /// How many bytes of results are written for each size.
    var resultBytes = 30_000_000

    static let short = Extent()
    static let long = Extent(
        chainRuns: 10_000, rounds: 5, latencies: 2000, longest: 50_000, backlog: 1_000_000, waiting: 10_000,
        sleeping: 1_000_000, starts: 50_000, resultBytes: 200_000_000)
}

/// What every section is told. A section starts servers and workers of its own, and knows nothing of the others.
struct Bench {
    var extent: Extent
    /// `appendfsync` of the servers.
    var fsync = "everysec"

    /// A server, and so many workers that have worked a little.
    func withFleet<Value>(
        _ workers: Int, concurrency: Int = 256, fsync: String? = nil, _ body: (BenchServer, Fleet) async throws -> Value
    ) async throws -> Value {
        try await BenchServer.with(fsync: fsync ?? self.fsync) { server in
            let fleet = try await Fleet(workers, concurrency: concurrency, server)
            defer { fleet.stop() }
            try await server.warmUp()
            return try await body(server, fleet)
        }
    }
}

/// What can be measured by itself; the order is the table's.
enum Section: String, CaseIterable, ExpressibleByArgument {
    case limit
    case chain
    case bodies
    case queues
    case pushed
    case fanOut = "fan-out"
    case latency
    case growth
    case wake
    case backlog
    case fsync
    case memory
    case sizes

    func measure(_ bench: Bench) async throws -> [BenchTable.Line] {
        switch self {
        case .limit: try await bench.limit()
        case .chain: try await bench.chain()
        case .bodies: try await bench.bodies()
        case .queues: try await bench.queues()
        case .pushed: try await bench.pushed()
        case .fanOut: try await bench.fanOut()
        case .latency: try await bench.latency()
        case .growth: try await bench.growth()
        case .wake: try await bench.wake()
        case .backlog: try await bench.backlog()
        case .fsync: try await bench.fsyncAlways()
        case .memory: try await bench.memory()
        case .sizes: try await bench.sizes()
        }
    }
}
