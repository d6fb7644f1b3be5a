extension Int {
    /// The whole part of a number. What is beyond every `Int` counts as the largest or the smallest, and what is not a number as 0.
    package init(saturating number: Double) {
        self = Int(exactly: number.rounded(.towardZero)) ?? (number.isNaN ? 0 : number < 0 ? .min : .max)
    }

    /// The number, or the nearest one from -2^53 to 2^53. Who reckons with what is stored, whatever that is, takes this: a few hundred of them have a
    /// sum, and two a difference.
    package var bounded: Int { Swift.min(Swift.max(self, -9_007_199_254_740_992), 9_007_199_254_740_992) }
}
