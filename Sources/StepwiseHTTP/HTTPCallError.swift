internal import Stepwise

/// Why a call has no answer that counts. From a step's failure: `failure.error(as: HTTPCallError.self)`.
///
/// ```swift
/// catch let failure as StepFailure {
///     guard failure.error(as: HTTPCallError.self)?.status == 402 else { throw failure }
/// }
/// ```
public struct HTTPCallError: Error, Sendable, Hashable, Codable, CustomStringConvertible {
    public struct Code: RawRepresentable, Sendable, Hashable, Codable, CustomStringConvertible {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }
        public var description: String { rawValue }

        /// An answer with a status that is not accepted.
        public static var status: Code { Code(rawValue: "status") }
        /// There was no connection, or it broke. Tried again.
        public static var connection: Code { Code(rawValue: "connection") }
        /// It took too long. Tried again.
        public static var timedOut: Code { Code(rawValue: "timedOut") }
        /// The policy does not allow the host or its address; or a redirect would have left https.
        public static var refused: Code { Code(rawValue: "refused") }
        /// There were more redirects than may be followed.
        public static var tooManyRedirects: Code { Code(rawValue: "tooManyRedirects") }
        /// The answer is larger than it may be.
        public static var tooLarge: Code { Code(rawValue: "tooLarge") }
        /// The request is none that can be sent: its URL, its method or a header.
        public static var invalid: Code { Code(rawValue: "invalid") }
    }

    public let code: Code
    /// One line.
    public let message: String
    /// The answer's status, for code `status`.
    public let status: Int?
    /// The answer's headers, for code `status`: the first of them, as many as have 4,000 bytes together.
    public let headers: CallHeaders
    /// The answer's body as text, for code `status`: at most its first 4,000 bytes.
    public let body: String

    public var description: String { message.printable }

    /// For tests: an answer whose status is not accepted.
    public init(status: Int, headers: CallHeaders = [:], text: String = "") {
        self.init("a request", answered: status, headers: headers, body: Array(text.utf8))
    }

    /// - Parameter message: kept on one line, with what a terminal obeys as JSON's escapes.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message.printable
        status = nil
        headers = [:]
        body = ""
    }

    /// An answer that is none. Its JSON stays below what a failure keeps of an error (16 KiB).
    package init(_ request: String, answered status: Int, headers: CallHeaders, body: [UInt8]) {
        code = .status
        self.status = status
        var room = Self.limit
        self.headers = CallHeaders(
            Array(
                headers.fields.prefix { field in
                    room -= Self.size("\(field.name)\(field.value)")
                    return room >= 0
                }))
        // JSON writes a control character in six bytes: the excerpt is what fits.
        room = Self.limit + Self.limit / 2
        let text = String(
            String.UnicodeScalarView(
                String(cutting: body, to: Self.limit).unicodeScalars.prefix { scalar in
                    room -= Self.size(String(scalar))
                    return room >= 0
                }))
        self.body = text
        let hint =
            (300..<400).contains(status) && headers["location"] != nil
            ? "; .followRedirects(atMost:) follows such an answer" : ""
        let excerpt = text.isEmpty ? "" : ": " + text.prefix(bytes: 500).printable.prefix(bytes: 500)
        message = "\(request) was answered with status \(status)\(hint)\(excerpt)".printable
    }

    package static let limit = 4000

    /// In JSON, without the quotes.
    private static func size(_ text: String) -> Int { JSON.string(text).utf8.count - 2 }
}
