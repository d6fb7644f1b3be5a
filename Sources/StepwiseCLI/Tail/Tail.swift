import Stepwise

/// Follows a run until it ends: looks at it once a second, and tells what ``RunFollower`` finds new.
///
/// It only reads: the run's state, and a page of its history if something was recorded, which is two commands a second at most but for what had
/// been recorded before; and why the run rests, once it does and every tenth second. It goes on when Redis comes back.
struct Tail {
    /// Between two looks.
    private static let pause = Duration.seconds(1)

    let client: StepwiseClient
    let run: String
    private var follower: RunFollower
    /// Asked when ``RunFollower/wantsCause`` says so.
    private let cause: (@Sendable (String) async throws -> RunFollower.Cause?)?
    private let write: (TailLine) -> Void

    /// - Parameters:
    ///   - last: of the outcomes that are recorded already only so many; `nil`: all.
    ///   - cause: why the run stands as it does; `nil`: that is not told.
    ///   - write: gets each line when there is one.
    init(
        _ run: String, _ client: StepwiseClient, last: Int?,
        cause: (@Sendable (String) async throws -> RunFollower.Cause?)? = nil, write: @escaping (TailLine) -> Void
    ) {
        (self.run, self.client, self.cause, self.write) = (run, client, cause, write)
        follower = RunFollower(last: last)
    }

    /// - Returns: how the run ended; `nil` if nobody reads the lines any more.
    /// - Throws: `noSuchRun`, `runGone`, and what keeps it from Redis; an outage only before the first answer.
    mutating func follow() async throws -> RunStatus? {
        var wasAnswered = false
        var isAway = false
        while true {
            do {
                let end = try await look(wasSeen: wasAnswered)
                if isAway { Output.complain("redis answers again; following run \(run)") }
                (wasAnswered, isAway) = (true, false)
                if let end { return end }
            } catch let error as StepwiseError where wasAnswered && (error.isOutage || error.isForWantOfScript) {
                if !isAway { Output.complain("\(error); this command goes on once redis answers") }
                isAway = true
            }
            if Output.isReaderGone { return nil }
            try await Task.sleep(atMost: Self.pause)
        }
    }

    /// One look.
    ///
    /// - Returns: how the run ended, once that is told.
    private mutating func look(wasSeen: Bool) async throws -> RunStatus? {
        guard let sight = try await client.sight(ofRun: run) else {
            throw wasSeen ? StepwiseError.runGone(run) : client.noSuchRun(run)
        }
        var news = follower.look(sight)
        await tell(news)
        while let page = follower.wanted {
            let steps = try await client.outcomes(page, ofRun: run)
            news = follower.take(steps)
            await tell(news)
            if Output.isReaderGone { return nil }
        }
        // First what may fail: what is settled is not told again.
        let details = follower.isEndNext ? try await client.details(ofRun: run) : nil
        news = follower.settle()
        await tell(news, details)
        if follower.isOver { return sight.status }
        if let cause, follower.wantsCause {
            let found = try await cause(run)
            if let one = follower.take(found) { await tell([one]) }
        }
        return nil
    }

    private func tell(_ news: [RunFollower.News], _ details: RunDetails? = nil) async {
        for one in news {
            var line = TailLine(run: run, news: one, details: details)
            // A line without its time is better than none.
            if case .state(let sight) = one { line.since = try? await client.since(sight.status, ofRun: run) }
            write(line)
        }
    }
}
