#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif
internal import Stepwise

/// A URL that is read in one way only: what the policy checks is what AsyncHTTPClient connects to.
package struct CallURL: Sendable, Hashable {
    package let text: String
    package let isSecure: Bool
    /// Without the brackets of an IPv6 address.
    package let host: String
    package let port: Int

    /// - Throws: ``HTTPCallError`` with code `invalid`.
    package init(_ text: String) throws(HTTPCallError) {
        func invalid(_ why: String) -> HTTPCallError {
            HTTPCallError(.invalid, "\"\(Self.shown(text))\" cannot be called: \(why)")
        }
        // Foundation, which AsyncHTTPClient reads URLs with, encodes such characters in its own way.
        guard text.utf8.allSatisfy({ (0x21...0x7e).contains($0) && !"\"<>\\^`{|}".utf8.contains($0) }) else {
            throw invalid("a URL has only ASCII characters, and others percent-encoded")
        }
        guard let url = URL(string: text), let scheme = url.scheme?.lowercased(), scheme == "https" || scheme == "http",
            text.dropFirst(scheme.count).hasPrefix("://")
        else { throw invalid("it does not begin with https:// or http://") }
        let authority = text.dropFirst(scheme.count + 3).prefix { !"/?#".contains($0) }
        if authority.contains("@") {
            throw invalid("it holds a user or a password; credentials belong in the Authorization header")
        }
        guard let found = url.host, !found.isEmpty else { throw invalid("it has no host") }
        let host = found.hasPrefix("[") && found.hasSuffix("]") ? String(found.dropFirst().dropLast()) : found
        let written = authority.hasPrefix("[") ? "[\(host)]" : host
        let port = url.port ?? (scheme == "https" ? 443 : 80)
        guard authority == written || authority == "\(written):\(port)", (1...65535).contains(port),
            authority.hasPrefix("[") == host.contains(":"), !host.contains("%")
        else { throw invalid("its host and port cannot be read") }
        self.text = text
        isSecure = scheme == "https"
        self.host = host
        self.port = port
    }

    /// Where a redirect leads.
    package func location(_ location: String) throws(HTTPCallError) -> CallURL {
        guard location.utf8.allSatisfy({ (0x21...0x7e).contains($0) }), let base = URL(string: text),
            let url = URL(string: location, relativeTo: base)
        else { throw HTTPCallError(.invalid, "\(Self.shown(text)) redirects to what is not a URL") }
        return try CallURL(url.absoluteURL.absoluteString)
    }

    package func hasOrigin(of other: CallURL) -> Bool {
        isSecure == other.isSecure && host.lowercased() == other.host.lowercased() && port == other.port
    }

    /// For messages: a query may hold secrets, and so may what stands before an `@`.
    package static func shown(_ text: String) -> String {
        let head = text.prefix { $0 != "?" && $0 != "#" }
        // Whatever it is, what stands before the last @ may be a password.
        let shown = head.lastIndex(of: "@").map { "…" + head[$0...] } ?? String(head)
        return shown.prefix(bytes: 300)
    }
}
