#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// What one look at a run tells to who follows it.
package struct RunSight: Sendable, Hashable {
    package var workflow: String
    package var status: RunStatus
    /// Another one tells that the run began anew, or was resumed.
    package var generation: String
    /// How many outcomes are recorded.
    package var recorded: Int
    /// How often it has begun anew.
    package var continued: Int
    package var reason: String?
    /// What it ends as, if it is ending.
    package var ending: String?
    /// Why its end was asked for, if it was.
    package var cancelled: String?

    package init(
        workflow: String, status: RunStatus, generation: String = "", recorded: Int = 0, continued: Int = 0,
        reason: String? = nil, ending: String? = nil, cancelled: String? = nil
    ) {
        (self.workflow, self.status, self.generation) = (workflow, status, generation)
        // Anybody may have written them.
        (self.recorded, self.continued) = (max(0, recorded), max(0, continued))
        (self.reason, self.ending, self.cancelled) = (reason, ending, cancelled)
    }

    /// What is told of it when it changes: outcomes are told one by one.
    fileprivate var state: [String?] { [status.rawValue, reason, ending, cancelled] }
}

/// Decides what is new of a run that is followed. A value: it has no clock and no connection, and it keeps numbers and the last look, no outcome.
///
/// For each look at the run: ``look(_:)``, then ``take(_:)`` for as long as ``wanted`` names a page of the history, then ``settle()``.
package struct RunFollower: Sendable {
    package enum News: Sendable, Hashable {
        /// How it stands, at first and each time that it stands otherwise.
        case state(RunSight)
        /// An outcome that was recorded.
        case step(RecordedStep)
        /// It has begun anew, so often in all: its outcomes are numbered from 1 again.
        case continued(Int)
        /// Outcomes that were told are forgotten: it was resumed, or Redis came back without its last writes.
        case rewound
        /// Why it stands as it does.
        case cause(Cause)
    }

    /// Why a run stands as it does.
    package struct Cause: Sendable, Hashable {
        /// The same word for as long as the sentence need not be told again, though times in it change.
        package var name: String
        package var sentence: String

        package init(name: String, sentence: String) { (self.name, self.sentence) = (name, sentence) }
    }

    /// A page of a run's history.
    package struct Page: Sendable, Hashable {
        package var generation: String
        /// The outcomes after this number.
        package var after: Int
    }

    /// How many looks in a row have to find nothing of what should be recorded, until the end of a damaged run is told without it.
    private static let mostFruitless = 3
    /// After how many quiet looks the cause is asked for again.
    private static let causeEvery = 10

    /// How many of the outcomes that are recorded already are told; `nil`: all.
    private let last: Int?
    private var sight: RunSight?
    private var toldState: [String?]?
    /// Up to which outcome everything is told, or passed over.
    private var told = 0
    /// When the last outcome that was told was recorded.
    private var lastAt: Date?
    /// After a rewinding: what was recorded until then was told.
    private var horizon: Date?
    private var isPageMissing = false
    private var fruitless = 0
    private var hasNews = false
    private var quietLooks = 0
    private var toldCause: String?
    /// Whether the end was told.
    package private(set) var isOver = false

    /// - Parameter last: of the outcomes that are recorded already only so many are told; `nil`: all.
    package init(last: Int? = nil) { self.last = last }

    /// A new look.
    ///
    /// - Returns: what is new before the outcomes that ``wanted`` asks for.
    package mutating func look(_ new: RunSight) -> [News] {
        var news: [News] = []
        if let old = sight {
            if new.continued != old.continued {
                (told, horizon, lastAt) = (0, nil, nil)
                news.append(.continued(new.continued))
            } else if new.generation != old.generation || new.recorded < told {
                // How many stay is not stored. What stays was recorded before what was told last.
                if lastAt == nil { told = min(told, new.recorded) } else { (told, horizon) = (0, lastAt) }
                news.append(.rewound)
            }
            if new.generation != old.generation { fruitless = 0 }
        } else if let last {
            told = max(0, new.recorded - max(0, last))
        }
        sight = new
        (isPageMissing, hasNews) = (false, !news.isEmpty)
        // It runs before it records. Every other state comes after what was recorded.
        if new.status == .running { news += tellState() }
        return news
    }

    /// The page to read now; `nil`: everything is read that this look has told of.
    package var wanted: Page? {
        guard let sight, !isPageMissing, told < sight.recorded else { return nil }
        return Page(generation: sight.generation, after: told)
    }

    /// - Parameter page: what was read of the ``wanted`` one, in its order; none if its generation is over.
    package mutating func take(_ page: [RecordedStep]) -> [News] {
        if page.isEmpty {
            isPageMissing = true
            return []
        }
        fruitless = 0
        var news: [News] = []
        for step in page where step.number > told {
            told = step.number
            if let horizon, let at = step.at, at <= horizon { continue }
            horizon = nil
            lastAt = step.at ?? lastAt
            news.append(.step(step))
        }
        if !news.isEmpty { hasNews = true }
        return news
    }

    /// Whether all is told that this look has named, or will not be found.
    private var isSettled: Bool {
        guard let sight else { return false }
        return told >= sight.recorded || isPageMissing && fruitless + 1 >= Self.mostFruitless
    }

    /// Whether ``settle()`` will tell the end.
    package var isEndNext: Bool { !isOver && sight?.status.isEnded == true && isSettled }

    /// What is new after the outcomes.
    package mutating func settle() -> [News] {
        let isEnd = isEndNext
        let news = isSettled ? tellState() : []
        if isPageMissing { fruitless += 1 }
        if isEnd { isOver = true }
        quietLooks = hasNews ? 0 : quietLooks + 1
        return news
    }

    /// Whether the cause is to be asked for now: once the run is quiet after something new, and then now and then, for the cause may change though
    /// nothing is recorded.
    package var wantsCause: Bool { !isOver && quietLooks % Self.causeEvery == 1 }

    /// - Returns: what is new if it is another cause than the one that was told last.
    package mutating func take(_ cause: Cause?) -> News? {
        defer { toldCause = cause?.name }
        guard let cause, cause.name != toldCause else { return nil }
        return .cause(cause)
    }

    private mutating func tellState() -> [News] {
        guard let sight, sight.state != toldState else { return [] }
        toldState = sight.state
        hasNews = true
        return [.state(sight)]
    }
}
