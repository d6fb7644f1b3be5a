/// A workflow of any input and output: `workflows: [any AnyWorkflow]`.
public protocol AnyWorkflow: Sendable {
    /// The name in work items.
    var name: String { get }
    /// The function over the payload's JSON: decodes the input, runs the body, encodes the output.
    var function: WorkflowFunction { get }
}

/// A workflow's function in the form that a worker executes. Made by ``Workflow``; there is nothing in it to use.
public struct WorkflowFunction: Sendable {
    package let options: StepOptions
    /// Which code of the workflow this is; `nil` if it does not say.
    package var version: String?
    package let body: @Sendable (WorkflowContext) async throws -> [UInt8]
}

/// A named function from an input to an output, made of steps.
///
/// ```swift
/// let greet = Workflow("greet") { (context, name: String) async throws -> String in
///     try await context.run("compose") { "Hello, \(name)!" }
/// }
/// ```
///
/// The body is executed again from its beginning whenever another worker takes the run over; steps that are recorded do not
/// run again, they return what was stored. So everything between the steps must come out the same each time.
public struct Workflow<Input: Sendable, Output: Sendable>: AnyWorkflow {
    public let name: String
    public let function: WorkflowFunction

    init(name: String, function: WorkflowFunction) {
        self.name = name
        self.function = function
    }

    private init(
        name: String, options: [WorkflowOption], body: @escaping @Sendable (WorkflowContext) async throws -> [UInt8]
    ) {
        self.name = name
        function = WorkflowFunction(
            options: StepOptions(workflow: options), version: options.compactMap(\.version).last, body: body)
    }

    /// The name with the types, for a ``StepwiseClient`` that enqueues.
    public var workflowName: WorkflowName<Input, Output> { WorkflowName(name) }

    /// - Parameters:
    ///   - name: the name in work items; unique among a worker's workflows.
    ///   - options: defaults for the workflow's steps, and its version.
    ///   - body: the function. What it throws fails the run.
    public init(
        _ name: WorkflowName<Input, Output>, _ options: WorkflowOption...,
        body: @escaping @Sendable (WorkflowContext, Input) async throws -> Output
    ) where Input: Codable, Output: Codable {
        self.init(name: name.rawValue, options: options) { context in
            let input = try await context.decodedInput(as: Input.self)
            return try JSON.encode(try await body(context, input), what: "the output of workflow \"\(name)\"")
        }
    }

    /// A workflow that returns nothing.
    public init(
        _ name: WorkflowName<Input, Output>, _ options: WorkflowOption...,
        body: @escaping @Sendable (WorkflowContext, Input) async throws -> Void
    ) where Input: Codable, Output == Void {
        self.init(name: name.rawValue, options: options) { context in
            try await body(context, try await context.decodedInput(as: Input.self))
            return JSON.null
        }
    }

    /// A workflow without an input.
    public init(
        _ name: WorkflowName<Input, Output>, _ options: WorkflowOption...,
        body: @escaping @Sendable (WorkflowContext) async throws -> Output
    ) where Input == Void, Output: Codable {
        self.init(name: name.rawValue, options: options) { context in
            try JSON.encode(try await body(context), what: "the output of workflow \"\(name)\"")
        }
    }

    /// A workflow without an input that returns nothing.
    public init(
        _ name: WorkflowName<Input, Output>, _ options: WorkflowOption...,
        body: @escaping @Sendable (WorkflowContext) async throws -> Void
    ) where Input == Void, Output == Void {
        self.init(name: name.rawValue, options: options) { context in
            try await body(context)
            return JSON.null
        }
    }
}
