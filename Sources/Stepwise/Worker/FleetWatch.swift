/// Which workers' beats stand still, as this worker has itself seen it.
///
/// A beat in the past proves nothing: after an outage of Redis everybody's is. So a worker is dead when its beat was seen unchanged
/// for a whole lease without a gap in the watching. A value: the clock comes in.
struct FleetWatch: Sendable {
    private struct Sighting {
        var beat: String
        var since: ContinuousClock.Instant
    }

    private let lease: Duration
    private var sightings: [String: Sighting] = [:]
    private var lastLook: ContinuousClock.Instant?

    init(lease: Duration) {
        self.lease = lease
    }

    /// Forgets what was seen: the connection was lost.
    mutating func lookAway() {
        sightings = [:]
        lastLook = nil
    }

    /// - Returns: the workers, with their beats, that have stood still for a lease.
    mutating func look(_ workers: [(name: String, beat: String)], at now: ContinuousClock.Instant) -> [(name: String, beat: String)] {
        // Whoever slept through half a lease cannot say what happened in it.
        if let lastLook, now - lastLook > lease / 2 { sightings = [:] }
        lastLook = now
        var seen: [String: Sighting] = [:]
        var still: [(name: String, beat: String)] = []
        for worker in workers {
            if let sighting = sightings[worker.name], sighting.beat == worker.beat {
                seen[worker.name] = sighting
                if now - sighting.since >= lease { still.append(worker) }
            } else {
                seen[worker.name] = Sighting(beat: worker.beat, since: now)
            }
        }
        sightings = seen
        return still
    }

    /// The first by name of those that move: it alone does what one worker is enough for.
    func leads(_ name: String, at now: ContinuousClock.Instant) -> Bool {
        let moving = sightings.filter { now - $0.value.since < lease }
        return moving.keys.min() == name
    }
}
