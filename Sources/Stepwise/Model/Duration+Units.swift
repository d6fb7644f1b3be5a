/// Swift has nothing longer than `.seconds`; what a workflow waits for mostly is.
extension Duration {
    public static func minutes(_ minutes: some BinaryInteger) -> Duration { whole(minutes, of: 60) }
    public static func hours(_ hours: some BinaryInteger) -> Duration { whole(hours, of: 3600) }
    /// Days of 24 hours.
    public static func days(_ days: some BinaryInteger) -> Duration { whole(days, of: 86_400) }
    /// Weeks of 7 days of 24 hours.
    public static func weeks(_ weeks: some BinaryInteger) -> Duration { whole(weeks, of: 604_800) }

    /// At most `.seconds(Int64.max)`, in either direction.
    private static func whole(_ count: some BinaryInteger, of seconds: Int64) -> Duration {
        let (product, isTooLong) = Int64(clamping: count).multipliedReportingOverflow(by: seconds)
        return .seconds(isTooLong ? (count < 0 ? .min : .max) : product)
    }
}
