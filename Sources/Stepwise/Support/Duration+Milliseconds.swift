extension Duration {
    package var milliseconds: Double {
        Double(components.seconds) * 1000 + Double(components.attoseconds) / 1e15
    }

    /// At most 10,000 years, in either direction: `.seconds(Int64.max)` is a way to say "forever".
    package var wholeMilliseconds: Int { Int(max(-Self.longest, min(milliseconds, Self.longest))) }

    private static let longest = 315_360_000_000_000.0
}
