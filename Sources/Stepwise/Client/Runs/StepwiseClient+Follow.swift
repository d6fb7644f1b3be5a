#if canImport(FoundationEssentials)
package import FoundationEssentials
#else
package import Foundation
#endif

// What is read to follow a run: nothing is written, and nobody subscribes.
extension StepwiseClient {
    /// How a run stands now, in one command; `nil` if there is none.
    package func sight(ofRun id: String) async throws -> RunSight? {
        let run = try await command(
            .run(
                keys, id, .workflow, .status, .generation, .recorded, .continued, .reason, .ending, .cancelled),
            doing: "looking at run \(id)")
        guard let workflow = run.text(.workflow), let status = run.status else { return nil }
        return RunSight(
            workflow: workflow, status: status, generation: run.text(.generation) ?? "",
            recorded: run.integer(.recorded) ?? 0, continued: run.integer(.continued) ?? 0, reason: run.text(.reason),
            ending: run.text(.ending), cancelled: run.text(.cancelled))
    }

    /// One page of a run's history, at most 1,000 outcomes or about 1 MiB; none after the last one, or if the page's generation is over.
    package func outcomes(_ page: RunFollower.Page, ofRun id: String) async throws -> [RecordedStep] {
        let records = try await evaluate(
            .history(keys, id, generation: page.generation, from: page.after),
            doing: "reading the history of run \(id)")
        var steps: [RecordedStep] = []
        for record in records {
            steps.append(RecordedStep(number: page.after + steps.count + 1, try OutcomeRecord(record)))
        }
        return steps
    }

    /// Since when a run has a status, by Redis' clock; `nil` if it has another one by now.
    package func since(_ status: RunStatus, ofRun id: String) async throws -> Date? {
        let time = try await command(.since(keys, status, of: id), doing: "looking at run \(id)")
        return Date(milliseconds: time)
    }
}
