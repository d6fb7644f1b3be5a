/// Tells whether a text comes for the first time, so that it is logged once. A value.
///
/// Whoever pushes can make up as many texts as they like: past a limit all are forgotten, and come for the first time again.
package struct FirstTimes: Sendable {
    private var texts: Set<String> = []
    private let limit: Int

    package init(limit: Int = 1000) {
        self.limit = limit
    }

    /// How many texts are remembered.
    package var count: Int { texts.count }

    package mutating func note(_ text: String) -> Bool {
        if texts.contains(text) { return false }
        if texts.count >= limit { texts = [] }
        texts.insert(text)
        return true
    }
}
