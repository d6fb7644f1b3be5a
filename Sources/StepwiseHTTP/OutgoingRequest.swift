/// A request as it goes out: checked, with the idempotency key, on its way along redirects.
package struct OutgoingRequest: Sendable, Hashable {
    package var method: String
    package var url: CallURL
    package var headers: CallHeaders
    package var body: [UInt8]

    /// - Throws: ``HTTPCallError`` with code `invalid`.
    package init(_ call: HTTPCall, idempotencyKey: String) throws(HTTPCallError) {
        url = try CallURL(call.url)
        (method, headers, body) = (call.method, call.headers, call.body)
        if let name = call.idempotencyHeader { headers[name] = Self.headerValue(idempotencyKey) }
        guard Self.isToken(method), method != "CONNECT", method != "TRACE" else {
            throw HTTPCallError(.invalid, "\(method.debugDescription) is not a method to call \(self.url.host) with")
        }
        for field in headers.fields {
            guard Self.isToken(field.name) else {
                throw HTTPCallError(.invalid, "\(field.name.debugDescription) is not a name of a header")
            }
            // A line break would begin another header, or another request. The value may be a secret.
            guard field.value.utf8.allSatisfy({ $0 == 9 || ($0 >= 32 && $0 != 127) }) else {
                throw HTTPCallError(.invalid, "the value of header \(field.name) holds a control character")
            }
            if Self.framing.contains(field.name.lowercased()) {
                throw HTTPCallError(.invalid, "header \(field.name) is made of the body: leave it out")
            }
        }
    }

    /// The request that follows a redirect with this status to this place.
    package func redirected(_ status: Int, to location: String) throws(HTTPCallError) -> OutgoingRequest {
        var next = self
        next.url = try url.location(location)
        if url.isSecure, !next.url.isSecure {
            throw HTTPCallError(
                .refused,
                "\(description) was redirected from https to http, to \(CallURL.shown(next.url.text)): not followed")
        }
        if (status == 303 && method != "HEAD") || ((301...302).contains(status) && method == "POST") {
            next.method = "GET"
            next.body = []
            next.headers.fields.removeAll { $0.name.lowercased().hasPrefix("content-") }
        }
        if !next.url.hasOrigin(of: url) {
            next.headers.fields.removeAll { !Self.harmless.contains($0.name.lowercased()) }
        }
        return next
    }

    /// Which redirects are redirects of the request.
    package static func isRedirect(_ status: Int) -> Bool { [301, 302, 303, 307, 308].contains(status) }

    /// For messages.
    package var description: String { "\(method) \(CallURL.shown(url.text))" }

    /// What says how the body is framed is HTTP's own.
    private static let framing: Set<String> = ["content-length", "transfer-encoding"]

    /// Any header may hold a credential but these.
    private static let harmless: Set<String> = [
        "accept", "accept-charset", "accept-encoding", "accept-language", "cache-control", "content-encoding",
        "content-language", "content-type", "idempotency-key", "range", "user-agent",
    ]

    private static func isToken(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy {
                (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0)
                    || "!#$%&'*+-.^_`|~".utf8.contains($0)
            }
    }

    /// Names of steps may hold any character, a header's value may not: the others are percent-encoded.
    private static func headerValue(_ key: String) -> String {
        key.utf8.reduce(into: "") { text, byte in
            if (0x21...0x7e).contains(byte), byte != UInt8(ascii: "%") {
                text.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                text += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
    }
}
