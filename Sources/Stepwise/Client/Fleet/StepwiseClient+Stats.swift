/// What workers did in a time, by `stats:<minute>`.
package struct WorkStatistics: Sendable, Hashable {
    package struct Minute: Sendable, Hashable {
        /// When it begins, in milliseconds since 1970.
        package var start: Int
        package var counts: WorkCounts

        package init(start: Int, counts: WorkCounts) {
            (self.start, self.counts) = (start, counts)
        }
    }

    /// All minutes of the time, the oldest first, those without any work too.
    package var minutes: [Minute]
    /// Redis' time when it was asked, in milliseconds since 1970: the last minute is not over.
    package var now: Int

    package init(minutes: [Minute], now: Int) {
        (self.minutes, self.now) = (minutes, now)
    }

    package var total: WorkCounts { Self.total(of: minutes[...]) }

    private static func total(of minutes: ArraySlice<Minute>) -> WorkCounts {
        var total = WorkCounts()
        for minute in minutes { total.add(minute.counts) }
        return total
    }

    /// Some minutes in a row.
    package struct Part: Sendable, Hashable {
        /// Milliseconds since 1970.
        package var start: Int
        package var milliseconds: Int
        package var counts: WorkCounts

        /// How many a minute, in tenths.
        package func tenthsPerMinute(_ count: Int) -> Int {
            Int(saturating: (Double(count) * 10 * Double(WorkCounts.minute) / Double(max(1, milliseconds))).rounded())
        }
    }

    /// The time in at most so many parts, of equally many minutes each, but for the last.
    package func parts(atMost most: Int) -> [Part] {
        let size = max(1, (minutes.count + most - 1) / max(1, most))
        return stride(from: 0, to: minutes.count, by: size).map { at in
            let end = min(at + size, minutes.count)
            let start = minutes[at].start
            let over = min(now, minutes[end - 1].start + WorkCounts.minute)
            return Part(
                start: start, milliseconds: max(1, over - start), counts: Self.total(of: minutes[at..<end]))
        }
    }
}

extension StepwiseClient {
    /// How much the namespace's workers have done since a while ago, minute by minute of Redis' clock. They send their counts every 10 s, and when
    /// they leave; what a killed one had not sent is missing. Counts stay for 72 hours.
    ///
    /// - Parameter length: how long ago it begins, at most 72 hours; the minute in which that is counts whole.
    /// - Throws: ``StepwiseError``, one of the `redis…` codes.
    package func stats(since length: Duration) async throws -> WorkStatistics {
        let now = try await redisTime()
        let most = WorkCounts.retention * 1000
        let first = (now - min(max(0, length.wholeMilliseconds), most)) / WorkCounts.minute
        var minutes: [WorkStatistics.Minute] = []
        for page in Array(first...max(first, now / WorkCounts.minute)).pages(of: Self.page) {
            let replies: [WorkCounts] = try await all(
                page.map { .counts(keys, minute: $0) }, doing: "reading the counts")
            for (minute, counts) in zip(page, replies) {
                minutes.append(.init(start: minute * WorkCounts.minute, counts: counts))
            }
        }
        return WorkStatistics(minutes: minutes, now: now)
    }
}
