/// The body of a step that a worker has executed for longer than a heartbeat, as `busy:<worker>` tells of it.
package struct BusyBody: Sendable, Hashable {
    package var run: String
    package var step: String
    package var workflow: String
    package var attempt: Int
    /// When the attempt began, in milliseconds since 1970 by Redis' clock. Its time limit counts from there.
    package var since: Int
    /// The attempt's time limit, in milliseconds; `nil` if it has none.
    package var limit: Int?

    package init(run: String, step: String, workflow: String, attempt: Int, since: Int, limit: Int? = nil) {
        (self.run, self.step, self.workflow) = (run, step, workflow)
        (self.attempt, self.since, self.limit) = (attempt, since, limit)
    }

    /// As it is stored; `nil` for what was not written by a worker.
    init?(_ json: [UInt8]) {
        guard let members = JSONMembers(json), let run = members.string("run"), let step = members.string("step"),
            let since = members.integer("since")
        else { return nil }
        self.init(
            run: run, step: step, workflow: members.string("workflow") ?? "", attempt: members.integer("attempt") ?? 1,
            since: since, limit: members.integer("limit"))
    }

    /// What is stored, but for `since` and the brace at its end: only Redis knows its time.
    static func beginning(run: String, step: String, workflow: String, attempt: Int, limit: Int?) -> String {
        let names = "\"run\":\(JSON.string(run)),\"step\":\(JSON.string(step)),\"workflow\":\(JSON.string(workflow))"
        return "{\(names),\"attempt\":\(attempt)" + (limit.map { ",\"limit\":\($0)" } ?? "")
    }

    /// What one call changes in `busy:<worker>`.
    package struct Change: Sendable, Hashable {
        package struct New: Sendable, Hashable {
            package var number: Int
            /// For how many milliseconds it has been executed.
            package var age: Int
            /// See ``BusyBody/beginning(run:step:workflow:attempt:limit:)``.
            package var beginning: String
        }

        /// Whether what was there before goes.
        package var isFirst = false
        /// The numbers of those that are no longer there.
        package var gone: [Int] = []
        package var new: [New] = []

        package var isEmpty: Bool { !isFirst && gone.isEmpty && new.isEmpty }
    }
}
