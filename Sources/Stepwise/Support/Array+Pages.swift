extension Array {
    /// Parts of at most so many elements: what one request takes of something that there may be thousands of.
    package func pages(of size: Int = 100) -> [[Element]] {
        stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
    }
}
