internal import Stepwise

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// The answer to a call, as it was recorded.
public struct HTTPStepResponse: Sendable, Hashable {
    public let status: Int
    public let headers: CallHeaders
    /// As it came: nothing is unpacked.
    public let body: [UInt8]

    public init(status: Int, headers: CallHeaders = [:], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// For tests in which no server answers.
    public init(status: Int, headers: CallHeaders = [:], text: String) {
        self.init(status: status, headers: headers, body: Array(text.utf8))
    }

    /// The body as text; what is not UTF-8 in it becomes U+FFFD.
    public var text: String { String(decoding: body, as: UTF8.self) }

    /// The body's JSON as a value; dates as in stored results. For another format of dates, give `Data(answer.body)` to a decoder of your own.
    ///
    /// A function that lets the error through has its run parked rather than failed: the answer is recorded, and code with a fitting type can
    /// go on from it.
    ///
    /// - Throws: `StepwiseError` with code `notDecodable`, with the JSON and the path in it.
    public func decode<T: Decodable>(as type: T.Type = T.self) throws -> T {
        try JSON.decode(type, from: body, what: "the body of an HTTP answer with status \(status)")
    }
}

/// `{"status":200,"headers":[["content-type","application/json"]],"body":"{}"}`, with `base64` in place of `body` if that is not UTF-8.
extension HTTPStepResponse: Codable {
    private enum Member: String, CodingKey {
        case status, headers, body, base64
    }

    public init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: Member.self)
        status = try members.decode(Int.self, forKey: .status)
        headers = try members.decode(CallHeaders.self, forKey: .headers)
        if let text = try members.decodeIfPresent(String.self, forKey: .body) {
            body = Array(text.utf8)
        } else {
            body = try Array(members.decode(Data.self, forKey: .base64))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var members = encoder.container(keyedBy: Member.self)
        try members.encode(status, forKey: .status)
        try members.encode(headers, forKey: .headers)
        if let text = String(validating: body, as: UTF8.self) {
            try members.encode(text, forKey: .body)
        } else {
            try members.encode(Data(body), forKey: .base64)
        }
    }
}
