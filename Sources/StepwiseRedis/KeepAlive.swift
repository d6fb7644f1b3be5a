import NIOCore
import NIOPosix

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

extension ClientBootstrap {
    #if canImport(Darwin)
    private static let idle = NIOBSDSocket.Option(rawValue: TCP_KEEPALIVE)
    #else
    private static let idle = NIOBSDSocket.Option(rawValue: TCP_KEEPIDLE)
    #endif

    /// Has the system send a sign of life on a TCP connection that is silent for half a minute, so that no device between forgets it, and end one whose
    /// peer does not answer within another half. By itself it would wait for two hours.
    func keepingAlive() -> ClientBootstrap {
        channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.tcpOption(Self.idle), value: 30)
            .channelOption(.tcpOption(NIOBSDSocket.Option(rawValue: TCP_KEEPINTVL)), value: 10)
            .channelOption(.tcpOption(NIOBSDSocket.Option(rawValue: TCP_KEEPCNT)), value: 3)
    }
}
