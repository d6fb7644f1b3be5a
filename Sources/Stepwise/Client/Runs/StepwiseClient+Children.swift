/// A run that a step of another one has made, or is about to make.
package struct ChildListing: Sendable, Hashable {
    package var id: String
    /// The step of the parent.
    package var step: String
    /// Whether that step is open.
    package var isOpen: Bool
    /// What is stored of the run; `nil`: it is not there yet, or not any more.
    package var run: RunListing?
}

/// A part of a run's children.
package struct ChildPage: Sendable {
    package var children: [ChildListing]
    /// Where the next page begins; `nil` if there is none.
    package var next: ChildPlace?
}

/// A place in a listing of a run's children: first come those of its open steps, then those of its outcomes.
package enum ChildPlace: Sendable, Hashable, CustomStringConvertible {
    /// Where the walk over the open steps goes on; `0` is its beginning.
    case open(UInt64)
    /// Behind this outcome.
    case recorded(Int)

    /// From ``description``; `nil` for another text.
    package init?(_ text: String) {
        let parts = text.split(separator: "-", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { return nil }
        switch (parts[0], UInt64(parts[1]), Int(parts[1])) {
        case ("open", let cursor?, _): self = .open(cursor)
        case ("recorded", _, let number?) where number >= 0: self = .recorded(number)
        default: return nil
        }
    }

    /// Such as `recorded-17`.
    package var description: String {
        switch self {
        case .open(let cursor): "open-\(cursor)"
        case .recorded(let number): "recorded-\(number)"
        }
    }
}

extension StepwiseClient {
    /// How many open steps and outcomes a page of children looks at; it ends there, though it may have found few.
    private static let mostLookedAt = 10_000

    /// The runs that a run has made in its present generation. Open steps come first: one whose child ends meanwhile is listed all the same.
    ///
    /// - Parameters:
    ///   - place: the `next` of the page before.
    ///   - limit: about as many as are wanted. Of a run with few open steps these are not parted.
    package func children(
        ofRun id: String, after place: ChildPlace = .open(0), limit: Int
    ) async throws -> ChildPage {
        var walk = ChildWalk(place: place, limit: limit)
        let count = min(limit, Self.page)
        while let place = walk.place, walk.isGoingOn(upTo: Self.mostLookedAt) {
            switch place {
            case .open(let cursor):
                let page = try await command(
                    .openSteps(keys, of: id, after: String(cursor), count: count), doing: "reading run \(id)")
                walk.take(page.elements, next: UInt64(page.next) ?? 0)
            case .recorded(let number):
                let page = try await evaluate(
                    .history(keys, id, from: number), doing: "reading the history of run \(id)")
                try walk.take(page.map { try OutcomeRecord($0) })
            }
        }
        return ChildPage(children: try await listed(walk.calls), next: walk.place)
    }

    private func listed(_ calls: [ChildWalk.Call]) async throws -> [ChildListing] {
        var children: [ChildListing] = []
        for start in stride(from: 0, to: calls.count, by: 200) {
            let some = Array(calls[start..<min(start + 200, calls.count)])
            let runs = try await all(
                some.map {
                    .run(
                        keys, $0.child, .workflow, .status, .queue, .recorded, .created, .ended, .reason, .startsAt,
                        .ending)
                }, doing: "reading runs")
            let since = try await all(
                zip(some, runs).map { call, run in
                    StoreCommand<Int?>.since(keys, run.status ?? .running, of: call.child)
                }, doing: "reading runs")
            for (index, call) in some.enumerated() {
                children.append(
                    ChildListing(
                        id: call.child, step: call.step, isOpen: call.isOpen,
                        run: RunListing(call.child, runs[index], since: since[index])))
            }
        }
        return children
    }
}

extension RunListing {
    /// - Parameter since: `nil` if the run came to another status meanwhile.
    fileprivate init?(_ id: String, _ run: RunFields, since: Int?) {
        guard let workflow = run.text(.workflow), let status = run.status else { return nil }
        self.init(
            id: id, workflow: workflow, status: status, queue: run.text(.queue) ?? "",
            recorded: run.integer(.recorded) ?? 0, created: run.integer(.created), ended: run.integer(.ended),
            since: since ?? run.integer(.ended) ?? run.integer(.created) ?? 0, reason: run.text(.reason),
            startsAt: run.integer(.startsAt), ending: run.text(.ending))
    }
}

/// A walk over what a run says of its children. A value: what it is given, it adds.
struct ChildWalk {
    struct Call: Hashable {
        var child: String
        var step: String
        var isOpen: Bool
    }

    private(set) var calls: [Call] = []
    /// Where it goes on; `nil` at the end.
    private(set) var place: ChildPlace?
    private let limit: Int
    private var lookedAt = 0
    private var steps: Set<String> = []

    init(place: ChildPlace, limit: Int) { (self.place, self.limit) = (place, limit) }

    func isGoingOn(upTo most: Int) -> Bool { calls.count < limit && lookedAt < most }

    mutating func take(_ open: [(step: String, state: OpenStep?)], next: UInt64) {
        lookedAt += max(1, open.count)
        for (step, state) in open.sorted(by: { $0.step < $1.step }) {
            if let child = state?.madeChild { add(Call(child: child, step: step, isOpen: true)) }
        }
        place = next == 0 ? .recorded(0) : .open(next)
    }

    /// - Parameter records: those behind the place, which is one of outcomes; none at the end.
    mutating func take(_ records: [OutcomeRecord]) {
        guard case .recorded(var number)? = place else { return }
        place = records.isEmpty ? nil : place
        for record in records where calls.count < limit {
            number += 1
            lookedAt += 1
            if let child = record.child { add(Call(child: child, step: record.outcome.step, isOpen: false)) }
            place = .recorded(number)
        }
    }

    private mutating func add(_ call: Call) {
        // An open step may come twice, and be recorded meanwhile.
        if steps.insert(call.step).inserted { calls.append(call) }
    }
}

extension OpenStep {
    /// The run that it has made and waits for, or is about to make.
    var madeChild: String? {
        if let child { return child }
        let parts = kind.words(atMost: 3, between: ":")
        guard parts.count == 3, parts[0] == "child", let length = Int(parts[1]), length >= 0 else { return nil }
        let names = parts[2].utf8
        return length < names.count ? String(decoding: names.prefix(length), as: UTF8.self) : nil
    }
}
