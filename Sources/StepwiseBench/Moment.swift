import Foundation

/// A moment of the machine's monotonic clock, the same for all of its processes.
struct Moment: Codable, Comparable, Sendable {
    var nanoseconds: UInt64

    static var now: Moment {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Moment(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    }

    static func < (left: Moment, right: Moment) -> Bool { left.nanoseconds < right.nanoseconds }

    /// In microseconds.
    static func - (left: Moment, right: Moment) -> Double {
        (Double(left.nanoseconds) - Double(right.nanoseconds)) / 1000
    }
}

/// Times of the same thing, in microseconds.
struct Latencies {
    private var times: [Double] = []

    mutating func add(_ time: Double) { times.append(time) }

    mutating func time(_ body: () async throws -> Void) async throws {
        let start = Moment.now
        try await body()
        add(Moment.now - start)
    }

    func percentile(_ percent: Double) -> Double {
        let sorted = times.sorted()
        return sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(Double(sorted.count) * percent / 100))]
    }

    var median: Double { percentile(50) }

    func notes(_ name: String) -> [BenchTable.Line] {
        [("p50", 50.0), ("p90", 90), ("p99", 99), ("max", 100)].map { .note("\(name), \($0.0), us", percentile($0.1)) }
    }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}

extension [Double] {
    var median: Double { isEmpty ? 0 : sorted()[count / 2] }
}
