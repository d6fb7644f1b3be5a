import Stepwise

extension StepwiseClient {
    /// What is stored of a run.
    ///
    /// - Throws: `noSuchRun`.
    func record(_ id: String) async throws -> RunRecord {
        guard let record = try await record(ofRun: id) else { throw noSuchRun(id) }
        return record
    }
}
