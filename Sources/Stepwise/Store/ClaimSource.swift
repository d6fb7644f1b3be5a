/// A list that workers claim from, each into a list of its own.
///
/// What comes from the inbox is parsed as a pushed item and as nothing else: a text that reads like a work item is none there.
enum ClaimSource: Sendable, Hashable {
    /// The engine's own work items.
    case queue(String)
    /// What other services pushed.
    case inbox(String)

    /// The queue's name.
    var queue: String {
        switch self {
        case .queue(let name), .inbox(let name): name
        }
    }

    /// Where items wait.
    func list(_ keys: Keys) -> String {
        switch self {
        case .queue(let name): keys.queue(name)
        case .inbox(let name): keys.inbox(name)
        }
    }

    /// Where a worker holds what it has claimed.
    func claims(_ keys: Keys, _ worker: String) -> String {
        switch self {
        case .queue(let name): keys.claimed(worker, name)
        case .inbox(let name): keys.accepting(worker, name)
        }
    }

    /// Both lists of each queue.
    static func all(_ queues: [String]) -> [ClaimSource] { queues.flatMap { [.queue($0), .inbox($0)] } }
}
