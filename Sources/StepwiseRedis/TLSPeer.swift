import NIOCore
import NIOSSL

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The server at the other end of TLS: what it has to prove, and why it has not.
struct TLSPeer: Sendable {
    let tls: RedisTLS
    /// The name or the address that its certificate must have.
    let name: String
    /// The name to ask it for. `nil`: there is none, and the certificate is checked against the address itself.
    private let serverName: String?
    /// Where it is, as other programs take it.
    private let place: String

    init(_ tls: RedisTLS, at target: RedisAddress.Target) {
        self.tls = tls
        name = tls[.serverName] ?? target.host
        serverName = tls[.serverName] ?? target.serverName
        place =
            switch target {
            case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
            case .unixSocket(let path): path
            }
    }

    // MARK: The name

    /// Whether the library can compare the name: it takes one with an underscore for none at all.
    var canBeCompared: Bool { serverName?.contains("_") != true }

    /// To the library a certificate is good that has the name, or the address that was connected to. A name that was given means that name.
    private var isComparedHere: Bool { tls[.serverName] != nil || !canBeCompared }

    func makeHandler(_ context: NIOSSLContext) throws -> NIOSSLClientHandler {
        guard let serverName, isComparedHere else {
            return try NIOSSLClientHandler(context: context, serverHostname: serverName)
        }
        // Called before anything is sent that waits for the end of the handshake.
        return try NIOSSLClientHandler._makeSSLClientHandler(context: context, serverHostname: serverName) {
            [self] certificate, channel in
            channel.eventLoop.makeCompletedFuture {
                guard hasName(certificate) else { throw OtherName() }
            }
        }
    }

    private struct OtherName: Error {}

    private func hasName(_ certificate: NIOSSLCertificate) -> Bool {
        let names = certificate._subjectAlternativeNames()
        // Without any, the library has compared the subject's common name, and no address.
        if names.isEmpty { return canBeCompared }
        return names.contains { $0.nameType == .dnsName && Self.isName(name, matching: Array($0.contents)) }
    }

    /// As in RFC 6125: `*` stands for one label, the first, and for the whole of it.
    private static func isName(_ name: String, matching pattern: [UInt8]) -> Bool {
        let (name, pattern) = (plain(Array(name.utf8)), plain(pattern))
        guard pattern.starts(with: "*.".utf8) else { return !pattern.isEmpty && name == pattern }
        guard let end = name.firstIndex(of: UInt8(ascii: ".")), end > name.startIndex else { return false }
        return name[end...] == pattern.dropFirst()
    }

    /// In small letters, without the dot that may stand at the end.
    private static func plain(_ name: [UInt8]) -> ArraySlice<UInt8> {
        let small = name.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
        return small.last == UInt8(ascii: ".") ? small.dropLast() : small[...]
    }

    // MARK: What it has not proved

    /// The error of a certificate, the server's or ours: it comes again however often one tries.
    ///
    /// - Parameters:
    ///   - shown: the server's certificate.
    ///   - authorities: what their file held.
    /// - Returns: `nil` for every other error.
    func denial(
        _ error: any Error, shown: () -> NIOSSLCertificate?, authorities: [UInt8]?
    ) -> RedisError? {
        if error is OtherName { return RedisError(.denied, otherName(shown()), fault: .certificate) }
        if let error = error as? NIOSSLExtraError {
            guard error == .failedToValidateHostname || error == .serverHostnameImpossibleToMatch else { return nil }
            return RedisError(.denied, otherName(shown()), fault: .certificate)
        }
        guard error is NIOSSLError || error is BoringSSLError else { return nil }
        let text = String(describing: error)
        if text.contains("CERTIFICATE_VERIFY_FAILED") {
            return RedisError(.denied, untrusted(shown(), authorities), fault: .certificate)
        }
        return refused(text).map { RedisError(.denied, $0, fault: .certificate) }
    }

    // MARK: The server's certificate

    private func otherName(_ certificate: NIOSSLCertificate?) -> String {
        if !canBeCompared, certificate?._subjectAlternativeNames().isEmpty == true {
            return """
                the server's TLS certificate has no alternative names, among which \(name) would have to be; give it that one \
                (subjectAltName)
                """
        }
        let names = certificate.map(Self.names) ?? ""
        return """
            the server's TLS certificate is not for \(name)\(names.isEmpty ? "" : ", but for \(names)"); connect by a name that \
            it has, or give that name: \(RedisTLS.Part.serverName.names)
            """
    }

    private static let mostNames = 5

    /// Some of those that its description has; empty if there are none.
    private static func names(_ certificate: NIOSSLCertificate) -> String {
        let description = certificate.description
        for field in [";alternative_names=", ";common_name="] {
            guard let range = description.firstRange(of: field) else { continue }
            let names = description[range.upperBound...].dropLast().split(separator: ",")
            let rest = names.count - mostNames
            let some = names.prefix(mostNames).map { $0.prefix(255) }.joined(separator: ", ")
            return some + (rest > 0 ? " and \(rest) more" : "")
        }
        return ""
    }

    /// The library says only that the certificate was not accepted. Its dates are looked at first: with a wrong one, no authority helps.
    private func untrusted(_ certificate: NIOSSLCertificate?, _ authorities: [UInt8]?) -> String {
        let now = Date()
        if let end = certificate.map({ Self.date($0.notValidAfter) }), end < now {
            return """
                the server's TLS certificate has expired: it was valid until \(Self.text(end)); renew it at the server, or set \
                this machine's clock, if that is wrong
                """
        }
        if let begin = certificate.map({ Self.date($0.notValidBefore) }), begin > now {
            return """
                the server's TLS certificate is not valid yet, but from \(Self.text(begin)) on; wait until then, or set this \
                machine's clock, if that is wrong
                """
        }
        let file = tls[.authorities]
        if let file, let authorities, let known = try? NIOSSLCertificate.fromPEMBytes(authorities),
            known.allSatisfy({ Self.date($0.notValidAfter) < now })
        {
            return "the certificate of the authority in \(file) has expired; put the new one there"
        }
        // The library does not say which of these it is.
        return """
            the server's TLS certificate is not trusted: it does not lead to an authority \
            \(file.map { "in \($0)" } ?? "that this system knows"), or is not one for a server; give the PEM file of the \
            authority at its root (\(RedisTLS.Part.authorities.names)), and have the server send the certificates between; \
            `openssl s_client -connect \(place)\(file.map { " -CAfile \($0)" } ?? "")` says what is missing
            """
    }

    private static func date(_ seconds: Int) -> Date { Date(timeIntervalSince1970: Double(seconds)) }

    private static func text(_ date: Date) -> String { date.formatted(Date.ISO8601FormatStyle()) }

    // MARK: The client's certificate

    /// What the server says of it in an alert.
    private func refused(_ text: String) -> String? {
        guard text.contains("_ALERT_") else { return nil }
        let both = "\(RedisTLS.Part.certificate.names), and the key: \(RedisTLS.Part.key.names)"
        guard let file = tls[.certificate] else {
            if text.contains("_ALERT_CERTIFICATE_REQUIRED") {
                return "the server wants a client's TLS certificate; give one: \(both)"
            }
            // TLS 1.2 has no alert of its own for it.
            guard text.contains("_ALERT_HANDSHAKE_FAILURE") else { return nil }
            return "the server refuses TLS with this client; it may want a client's certificate; give one: \(both)"
        }
        if text.contains("_ALERT_CERTIFICATE_EXPIRED") {
            return "the server says that the client's TLS certificate in \(file) has expired; put a new one there"
        }
        if text.contains("_ALERT_UNKNOWN_CA") {
            return """
                the server does not trust the client's TLS certificate in \(file): it leads to no authority that the server \
                knows; put the certificates between behind it, give another one, or give the server that authority \
                (tls-ca-cert-file)
                """
        }
        let others = ["BAD_CERTIFICATE", "CERTIFICATE_REVOKED", "CERTIFICATE_UNKNOWN", "UNSUPPORTED_CERTIFICATE"]
        guard let alert = others.first(where: { text.contains("_ALERT_\($0)") }) else { return nil }
        return "the server refuses the client's TLS certificate in \(file) (\(alert)); give another one: \(both)"
    }
}

extension RedisAddress.Target {
    /// For an IP address there is no name to send; the certificate is then checked against the address itself.
    fileprivate var serverName: String? {
        guard case .tcp(let host, _) = self, (try? SocketAddress(ipAddress: host, port: 0)) == nil else { return nil }
        return host
    }

    fileprivate var host: String {
        switch self {
        case .tcp(let host, _): host
        case .unixSocket(let path): path
        }
    }
}
