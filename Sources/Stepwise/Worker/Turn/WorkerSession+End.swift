internal import StepwiseRedis

/// Writes the decided end of a run that had more open steps than one script may end.
extension WorkerSession {
    /// Ends what the run leaves, page by page, and then the run. The caller holds its mover, the work item `end`. Any worker of the queue may hold
    /// it, even one that does not have the workflow.
    func writeEnd(of run: RunStore.Run) async {
        await guarding { try await self.writePages(of: run) }
    }

    private func writePages(of run: RunStore.Run) async throws {
        let text = WorkItem.endText(run: run.id, generation: run.generation)
        let parentQueue = try await parentQueue(of: run.id)
        // A hint: another Redis process walks in another order. The script knows when nothing is left; until then it begins again at 0.
        var cursor = "0"
        while true {
            let page = try await command(.leftovers(keys, of: run.id, after: cursor, count: EndPage.size))
            cursor = page.next
            if page.elements.isEmpty, cursor != "0" { continue }
            // What a page has beyond that comes again.
            let steps = Array(page.elements.prefix(EndPage.maximumSteps))
            switch try await store.endPage(run, text: text, steps, parentQueue: parentQueue) {
            case .more: break
            case .ended(let status): return try await report(run, status)
            case .continued: return try await report(run, nil)
            case .over: return
            }
            if isDraining { return try await release(Array(text.utf8), to: .queue(run.queue)) }
        }
    }
}
