/// Swift has nothing longer than `.seconds`; what a workflow waits for mostly is.
extension Duration {
    public static func minutes(_ minutes: some BinaryInteger) -> Duration { .seconds(minutes) * 60 }
    public static func hours(_ hours: some BinaryInteger) -> Duration { .minutes(hours) * 60 }
    /// Days of 24 hours.
    public static func days(_ days: some BinaryInteger) -> Duration { .hours(days) * 24 }
    /// Weeks of 7 days of 24 hours.
    public static func weeks(_ weeks: some BinaryInteger) -> Duration { .days(weeks) * 7 }
}
