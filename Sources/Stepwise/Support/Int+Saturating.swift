extension Int {
    /// The whole part of a number. What is beyond every `Int` counts as the largest or the smallest, and what is not a number as 0.
    package init(saturating number: Double) {
        self = Int(exactly: number.rounded(.towardZero)) ?? (number.isNaN ? 0 : number < 0 ? .min : .max)
    }
}
