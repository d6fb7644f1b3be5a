/// What is read of runs that have ended, and of those that a run waits for.
extension PictureReader {
    /// Of a failed run with a longer history it is not told what a resume would do.
    private static let longestOutline = 200

    mutating func readEnd(_ picture: inout RunPicture, _ run: SeenRun) async throws {
        guard run.status == .failed else { return }
        if let restarted = run.restarted {
            let fields = try await ask(.runFields(keys, restarted, SeenRun.names))
            picture.restartedStatus = SeenRun(fields)?.status
        } else if run.recorded <= Self.longestOutline {
            picture.prospect = try await prospect(run)
        }
    }

    /// The first page of the outcomes; `nil` for a user who may not load the script that reads them, where no worker has.
    private mutating func history() async throws -> [Revival.Line]? {
        spend(1)
        do {
            let page = try await client.evaluate(.history(keys, id, from: 0), doing: "explaining run \(id)")
            return page.map { Revival.Line(record: $0) }
        } catch let error as StepwiseError where error.code == .redisDenied { return nil }
    }

    /// What a resume of a failed run would do; `nil` if its history is too large to be read for that.
    private mutating func prospect(_ run: SeenRun) async throws -> SeenProspect? {
        guard let history = try await history(), history.count == run.recorded else { return nil }
        let failure = RunFailure(stored: run.error)
        do throws(StepwiseError) {
            let revival = try Revival(
                resuming: id, failed: failure.step, isTimeUp: failure.type == "RunTimeout",
                ended: JSONMembers(Array((run.error ?? "").utf8))?.integer("after"), history)
            let again = history.indices.contains(revival.keep) ? history[revival.keep] : nil
            return SeenProspect(keep: revival.keep, again: again.flatMap { $0.isCancel ? nil : $0.step })
        } catch {
            return SeenProspect(obstacle: error.message)
        }
    }

    // MARK: Children

    /// Two commands for each, besides the others: once, whatever the number of looks.
    mutating func readChildren(_ picture: inout RunPicture) async throws {
        if children == nil {
            let before = left
            children = try await seeChildren(of: picture)
            spend(left - before)
        }
        picture.children = children ?? [:]
        try await readPauses(of: &picture.children)
    }

    /// Whether the queues and workflows of those that are live are paused.
    private mutating func readPauses(of children: inout [String: RunPicture]) async throws {
        let live = children.values.compactMap { child in child.run?.status.isEnded == false ? child.run : nil }
        let names = Set(live.flatMap { ["queue:\($0.queue)", "workflow:\($0.workflow)"] }).sorted()
        if names.isEmpty { return }
        let texts = try await ask(.pauses(keys, names))
        let pauses = Dictionary(zip(names, texts).compactMap { name, text in SeenPause(text).map { (name, $0) } }) {
            $1
        }
        for (id, child) in children {
            guard let run = child.run else { continue }
            children[id]?.queuePause = pauses["queue:\(run.queue)"]
            children[id]?.workflowPause = pauses["workflow:\(run.workflow)"]
        }
    }

    private mutating func seeChildren(of picture: RunPicture) async throws -> [String: RunPicture] {
        var seen: [String: RunPicture] = [:]
        var waiting = Self.children(of: picture.open)
        while !waiting.isEmpty, seen.count < PictureLimits.children {
            let some = waiting.prefix(PictureLimits.children - seen.count).filter { $0 != id && seen[$0] == nil }
            let fields = try await askAll(some.map { .runFields(keys, $0, SeenRun.names) })
            let open = try await askAll(some.map { .openTexts(keys, of: $0, count: 20) })
            waiting = []
            for (index, child) in some.enumerated() {
                var its = RunPicture(id: child, now: picture.now)
                (its.run, its.isShallow) = (SeenRun(fields[index]), true)
                if its.run?.status.isEnded == false { (its.open, its.openCount) = (open[index], open[index].count) }
                seen[child] = its
                waiting += Self.children(of: its.open)
            }
        }
        return seen
    }

    private static func children(of open: [String: String]) -> [String] {
        var seen: Set<String> = []
        return open.sorted { $0.key < $1.key }.compactMap { OpenStep($0.value)?.child }.filter {
            seen.insert($0).inserted
        }
    }
}
