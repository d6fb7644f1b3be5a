/// What `malformed` keeps of an item that nobody can accept. The scripts write the entries (`refused_entry` in run.lua): the reason, how the item
/// begins, and of a long one its length and the digest of that beginning.
enum RefusedItem {
    /// How many entries `malformed` keeps; the oldest leave.
    static let mostEntries = 1000

    /// How an entry begins.
    static func head(queue: String) -> String { "{\"queue\":\(JSON.string(queue))" }
}
