/// A step's body that is executed, as it is told of: values alone. So whoever has it is never the last to let go of what is a user's, whose
/// `deinit` could hold the thread.
package struct BodySighting: Sendable, Hashable {
    /// Tells a body from every other that this process has ever begun: a place in memory is used again.
    package struct ID: Sendable, Hashable {
        package let place: ObjectIdentifier
        package let start: ContinuousClock.Instant

        package init(place: ObjectIdentifier, start: ContinuousClock.Instant) {
            (self.place, self.start) = (place, start)
        }
    }

    package let id: ID
    package let run: String
    package let step: String
    package let workflow: String
    package let attempt: Int
    /// For how many milliseconds it has been executed.
    package let age: Int
    /// Its time limit, in milliseconds.
    package let limit: Int?

    package init(
        id: ID, run: String, step: String, workflow: String, attempt: Int, age: Int, limit: Int?
    ) {
        (self.id, self.run, self.step, self.workflow) = (id, run, step, workflow)
        (self.attempt, self.age, self.limit) = (attempt, age, limit)
    }
}

extension BodyRegister {
    /// The bodies that have been executed for so long, the oldest first.
    ///
    /// - Parameter most: how many at most.
    func sightings(olderThan age: Duration, at now: ContinuousClock.Instant, most: Int) -> [BodySighting] {
        let latest = now - age
        let found = look { entry in
            entry.body.start <= latest && entry.body.isExecuted ? BodySighting(entry, at: now) : nil
        }
        if found.isEmpty { return found }
        return Array(found.sorted { $0.id.start < $1.id.start }.prefix(most))
    }
}

extension BodySighting {
    fileprivate init(_ entry: BodyRegister.Entry, at now: ContinuousClock.Instant) {
        let body = entry.body
        self.init(
            id: ID(place: ObjectIdentifier(body), start: body.start), run: entry.run.id, step: entry.step,
            workflow: entry.workflow, attempt: body.attempt, age: (now - body.start).wholeMilliseconds,
            limit: body.timeLimit?.wholeMilliseconds)
    }
}
