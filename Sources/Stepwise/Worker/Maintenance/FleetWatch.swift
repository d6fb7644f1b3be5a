/// Which workers' beats stand still, as this worker has itself seen it.
///
/// A beat in the past proves nothing: after an outage of Redis everybody's is. So a worker is dead when its beat was seen unchanged
/// through a whole lease of watching; a gap between two looks counts for half a lease at most, since whatever stopped this worker may
/// have stopped the other. A value: the clock comes in.
struct FleetWatch: Sendable {
    private struct Sighting {
        var beat: String
        var watched: Duration
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
    mutating func look(_ workers: [(name: String, beat: String)], at now: ContinuousClock.Instant) -> [(
        name: String, beat: String
    )] {
        let gap = min(lastLook.map { now - $0 } ?? .zero, lease / 2)
        lastLook = now
        var seen: [String: Sighting] = [:]
        for worker in workers {
            if let sighting = sightings[worker.name], sighting.beat == worker.beat {
                seen[worker.name] = Sighting(beat: worker.beat, watched: sighting.watched + gap)
            } else {
                seen[worker.name] = Sighting(beat: worker.beat, watched: .zero)
            }
        }
        sightings = seen
        return workers.filter { seen[$0.name].map { $0.watched >= lease } ?? false }
    }

    /// Whether this worker is the first by name of those that move: it alone does what one worker is enough for.
    func leads(_ name: String) -> Bool {
        sightings.filter { $0.value.watched < lease }.keys.min() == name
    }
}
