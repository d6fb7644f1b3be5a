extension StepFailure {
    /// The last attempt's error as the type that it had, or the error that ended a child; `nil` if it was another, or not stored.
    ///
    /// A child that lets a step's failure through has ended in a `StepFailure`: `failure.error(as: StepFailure.self)?.error(as: …)`.
    ///
    /// A type of this name that does not decode what was stored is changed code: a run whose function asks for it is parked, and whatever
    /// the function makes of the `nil` that it gets has no consequence.
    public func error<E: Error & Decodable>(as type: E.Type) -> E? {
        guard let value, self.type == String(describing: type) else { return nil }
        do {
            return try JSON.decode(type, from: Array(value.utf8), what: "the error of step \"\(step)\"")
        } catch {
            if StepScope.current == nil { RunScope.current?.halt(.undecodable(error.message)) }
            return nil
        }
    }
}
