import NIOCore
import NIOPosix
import NIOSSL

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Whether the host's name leads nowhere.
func isUnknownHost(_ error: any Error) -> Bool {
    guard let error = error as? NIOConnectionError, error.connectionErrors.isEmpty else { return false }
    return error.dnsAError != nil || error.dnsAAAAError != nil
}

/// NIO's errors in the words of somebody who looks for the cause in their own configuration. Those of certificates are in ``TLSPeer``.
func networkErrorText(_ error: any Error) -> String {
    switch error {
    case let error as NIOConnectionError:
        if let attempt = error.connectionErrors.last { return networkErrorText(attempt.error) }
        if error.dnsAError != nil || error.dnsAAAAError != nil {
            return "the host name \(error.host) has no address; check the name, and this machine's DNS"
        }
        return "no address of \(error.host) answered"
    case let error as IOError:
        // Its own description is made for whoever debugs NIO.
        return "\(String(cString: strerror(error.errnoCode))) (errno \(error.errnoCode))"
    case ChannelError.connectTimeout(let timeout):
        return "no connection within \(timeout.text)"
    case NIOSSLError.uncleanShutdown:
        return "the server closed the connection"
    case is NIOSSLError, is BoringSSLError:
        return "TLS failed: \(String(describing: error))"
    default:
        return String(describing: error)
    }
}

/// Whether nobody listens there.
func isRefusal(_ error: any Error) -> Bool {
    switch error {
    // A name may have an address of a kind that this machine does not have.
    case let error as NIOConnectionError: error.connectionErrors.contains { isRefusal($0.error) }
    case let error as IOError: error.errnoCode == ECONNREFUSED || error.errnoCode == ENOENT
    default: false
    }
}

/// Whether what came in place of a TLS handshake is something else.
func isNoTLS(_ error: any Error) -> Bool {
    (error is NIOSSLError || error is BoringSSLError) && String(describing: error).contains("WRONG_VERSION_NUMBER")
}
