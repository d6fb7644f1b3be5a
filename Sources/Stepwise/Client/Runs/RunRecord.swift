/// What the store says of a run, with what only the protocol's parties need to know.
package struct RunRecord: Sendable {
    package var details: RunDetails
    /// Who has the turn: `queue`, `unserved`, a worker, or nobody (empty).
    package var turn: String
    /// Up to which outcome its function was taken; `nil` before the first time.
    package var delivered: Int?
    /// How many step calls of its function were opened.
    package var opened: Int?
    /// The versions of the workflow that could not replay it, since it was last resumed.
    package var incompatibleVersions: [String]
    /// The parent's queue, if it waits for this run's end.
    package var parentQueue: String?
}
