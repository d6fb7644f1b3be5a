/// A run that is to be started.
public struct RunOrder: Sendable {
    public let workflow: String
    /// The input's JSON.
    package let payload: [UInt8]
    /// `nil` for a new one.
    public let id: String?
    package let options: EnqueueOptions

    package init(workflow: String, payload: [UInt8], id: String?, options: EnqueueOptions) {
        (self.workflow, self.payload, self.id, self.options) = (workflow, payload, id, options)
    }

    /// The input's JSON.
    public var payloadJSON: String { String(decoding: payload, as: UTF8.self) }

    /// - Parameter maximumPayloadSize: the most bytes that the input may have.
    package func check(maximumPayloadSize: Int) throws(StepwiseError) {
        try Identifier.check(workflow: workflow)
        try Identifier.check(queue: options.queue)
        if let id { try Identifier.check(runID: id) }
        if let problem = options.labels.problem { throw StepwiseError(.invalidIdentifier, "the labels \(problem)") }
        if payload.count > maximumPayloadSize {
            throw StepwiseError(
                .tooLarge,
                "the input for workflow \"\(workflow)\" is \(payload.count) bytes of JSON, and the limit is \(maximumPayloadSize) (maximumPayloadSize of the "
                    + "client): store it elsewhere and enqueue a reference, or raise the limit")
        }
    }
}
