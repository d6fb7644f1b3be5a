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

    /// The error of a certificate, the server's or ours: it comes again however often one tries.
    ///
    /// - Parameter shown: the server's certificate.
    /// - Returns: `nil` for every other error.
    func denial(_ error: any Error, shown: () -> NIOSSLCertificate?) -> RedisError? {
        if let error = error as? NIOSSLExtraError {
            guard error == .failedToValidateHostname || error == .serverHostnameImpossibleToMatch else { return nil }
            return RedisError(.denied, otherName(shown()), fault: .certificate)
        }
        guard error is NIOSSLError || error is BoringSSLError else { return nil }
        let text = String(describing: error)
        if text.contains("CERTIFICATE_VERIFY_FAILED") {
            return RedisError(.denied, untrusted(shown()), fault: .certificate)
        }
        return refused(text).map { RedisError(.denied, $0, fault: .certificate) }
    }

    // MARK: The server's certificate

    private func otherName(_ certificate: NIOSSLCertificate?) -> String {
        let names = certificate.map(Self.names) ?? ""
        return """
            the server's TLS certificate is not for \(name)\(names.isEmpty ? "" : ", but for \(names)"); connect by a name that \
            it has, or give that name: \(RedisTLS.Part.serverName.names)
            """
    }

    /// As its description has them; empty if there are none.
    private static func names(_ certificate: NIOSSLCertificate) -> String {
        let description = certificate.description
        for field in [";alternative_names=", ";common_name="] {
            guard let range = description.firstRange(of: field) else { continue }
            return String(description[range.upperBound...].dropLast())
        }
        return ""
    }

    /// The library says only that the certificate was not accepted. Its dates are looked at first: with a wrong one, no authority helps.
    private func untrusted(_ certificate: NIOSSLCertificate?) -> String {
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
        guard let file = tls[.authorities] else {
            return """
                the server's TLS certificate is not trusted: no authority that this system knows has signed it; give its \
                authority's PEM file: \(RedisTLS.Part.authorities.names)
                """
        }
        if let authorities = try? NIOSSLCertificate.fromPEMFile(file),
            authorities.allSatisfy({ Self.date($0.notValidAfter) < now })
        {
            return "the certificate of the authority in \(file) has expired; put the new one there"
        }
        return """
            the server's TLS certificate is not trusted: no authority in \(file) has signed it; give the PEM file of the one that \
            has: \(RedisTLS.Part.authorities.names)
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
                the server does not trust the client's TLS certificate in \(file): it knows no authority that has signed it; \
                give another one, or give the server that authority (tls-ca-cert-file)
                """
        }
        let others = ["BAD_CERTIFICATE", "CERTIFICATE_REVOKED", "CERTIFICATE_UNKNOWN", "UNSUPPORTED_CERTIFICATE"]
        guard let alert = others.first(where: { text.contains("_ALERT_\($0)") }) else { return nil }
        return "the server refuses the client's TLS certificate in \(file) (\(alert)); give another one: \(both)"
    }
}
