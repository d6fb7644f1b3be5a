/// What a run's code has done in the wrong place, in sentences. A value.
///
/// It may do so without end: each sentence is told once, and only so many are.
struct MisuseNotes {
    static let most = 20

    private var known: Set<String> = []
    private var untaken: [String] = []
    /// How many were not told.
    private(set) var unnoted = 0

    /// - Returns: whether the sentence is to be told. It is not a second time.
    mutating func isNews(_ sentence: String) -> Bool {
        if known.count < Self.most, known.insert(sentence).inserted { return true }
        unnoted += 1
        return false
    }

    /// Keeps the sentence, if it is news, until somebody takes it.
    ///
    /// - Returns: whether somebody is to be told that there is one.
    mutating func note(_ sentence: String) -> Bool {
        guard isNews(sentence) else { return false }
        untaken.append(sentence)
        return untaken.count == 1
    }

    mutating func take() -> [String] {
        defer { untaken = [] }
        return untaken
    }
}
