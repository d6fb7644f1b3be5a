internal import Stepwise

/// An HTTP request, and what counts as an answer to it.
///
/// What is sent is exactly what it holds, and what HTTP itself needs: `Host`, unless it is among the headers, and `Content-Length`. No
/// `User-Agent`, no `Accept` and no trace headers are added.
public struct HTTPCall: Sendable {
    public var method: String
    /// `http` or `https`, ASCII, percent-encoded where needed, without user and password.
    public var url: String
    public var headers: CallHeaders
    /// Empty: none.
    public var body: [UInt8]

    package var accepts: @Sendable (Int) -> Bool = { (200..<300).contains($0) }
    package var retries: @Sendable (Int) -> Bool = HTTPCall.isTransient
    package var maximumHops = 0
    package var connectTimeout = Duration.seconds(10)
    package var readTimeout: Duration?
    package var timeout = Duration.seconds(60)
    package var maximumSize = 1_000_000
    package var idempotencyHeader: String?

    public init(
        _ method: String, _ url: String, headers: CallHeaders = [:], body: [UInt8] = [], _ options: HTTPCallOption...
    ) {
        self.init(method, url, headers, body, options)
    }

    private init(
        _ method: String, _ url: String, _ headers: CallHeaders, _ body: [UInt8], _ options: [HTTPCallOption]
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        for option in options { option.apply(&self) }
    }

    public static func get(_ url: String, headers: CallHeaders = [:], _ options: HTTPCallOption...) -> HTTPCall {
        HTTPCall("GET", url, headers, [], options)
    }

    public static func delete(_ url: String, headers: CallHeaders = [:], _ options: HTTPCallOption...) -> HTTPCall {
        HTTPCall("DELETE", url, headers, [], options)
    }

    public static func post(
        _ url: String, headers: CallHeaders = [:], body: [UInt8] = [], _ options: HTTPCallOption...
    ) -> HTTPCall {
        HTTPCall("POST", url, headers, body, options)
    }

    public static func put(
        _ url: String, headers: CallHeaders = [:], body: [UInt8], _ options: HTTPCallOption...
    ) -> HTTPCall {
        HTTPCall("PUT", url, headers, body, options)
    }

    public static func patch(
        _ url: String, headers: CallHeaders = [:], body: [UInt8], _ options: HTTPCallOption...
    ) -> HTTPCall {
        HTTPCall("PATCH", url, headers, body, options)
    }

    /// With the value's JSON as body (keys sorted, dates as in stored results) and, unless there is one among the headers, a `Content-Type:
    /// application/json`.
    ///
    /// - Throws: `StepwiseError` with code `notStorable` for a value that has no JSON form.
    public static func post(
        _ url: String, headers: CallHeaders = [:], json: some Encodable, _ options: HTTPCallOption...
    ) throws -> HTTPCall {
        try HTTPCall("POST", url, headers, [], options).holding(json)
    }

    /// As `post(_:headers:json:_:)`.
    public static func put(
        _ url: String, headers: CallHeaders = [:], json: some Encodable, _ options: HTTPCallOption...
    ) throws -> HTTPCall {
        try HTTPCall("PUT", url, headers, [], options).holding(json)
    }

    /// As `post(_:headers:json:_:)`.
    public static func patch(
        _ url: String, headers: CallHeaders = [:], json: some Encodable, _ options: HTTPCallOption...
    ) throws -> HTTPCall {
        try HTTPCall("PATCH", url, headers, [], options).holding(json)
    }

    private func holding(_ json: some Encodable) throws -> HTTPCall {
        var call = self
        call.body = try JSON.encode(json, what: "the body for \(method) \(CallURL.shown(url))")
        if call.headers["content-type"] == nil { call.headers.append("Content-Type", "application/json") }
        return call
    }

    /// Request Timeout, Too Early, Too Many Requests, and the server's errors that may pass. A code that is not registered means what
    /// the first of its class means (RFC 9110 §15), so 520 is a 500.
    private static func isTransient(_ status: Int) -> Bool {
        [408, 425, 429].contains(status) || ((500..<600).contains(status) && status != 501 && status != 505)
    }
}
