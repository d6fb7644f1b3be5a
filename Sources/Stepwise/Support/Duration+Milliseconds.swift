/// A length of time becomes a number here and nowhere else (`make lint` looks): it may have come from anywhere, and be any.
extension Duration {
    /// 10,000 years. What is longer counts as this, in either direction: `.seconds(Int64.max)` is a way to say "forever".
    package static var longest: Duration { .seconds(315_360_000_000) }

    /// - Parameter seconds: to the microsecond; what is not a number counts as 0.
    package init(boundedSeconds seconds: Double) {
        self = Duration.microseconds(Int(saturating: (seconds * 1_000_000).rounded())).bounded
    }

    /// At most ``longest``, in either direction.
    package var bounded: Duration { min(max(self, Duration.zero - Self.longest), Self.longest) }

    package var milliseconds: Double {
        let (seconds, attoseconds) = bounded.components
        return Double(seconds) * 1000 + Double(attoseconds) / 1e15
    }

    /// Without the fraction.
    package var wholeMilliseconds: Int { Int(saturating: milliseconds) }

    package func wholeMilliseconds(rounded rule: FloatingPointRoundingRule) -> Int {
        Int(saturating: milliseconds.rounded(rule))
    }
}
