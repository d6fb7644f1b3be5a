/// What a run's first turn brings along: enough to begin the function before Redis is asked.
///
/// `turn <run> <generation> <workflow> <payload>`. Once somebody has it, or had to give it back, the turn's text is the short one.
package struct FirstTurn: Sendable, Hashable {
    package var workflow: String
    package var payload: [UInt8]

    /// `nil` for the text of any other work item.
    package init?(_ text: String) {
        let parts = text.words(atMost: 5)
        guard parts.count == 5, parts[0] == "turn", !parts[3].isEmpty, !parts[4].isEmpty else { return nil }
        workflow = parts[3]
        payload = Array(parts[4].utf8)
    }
}
