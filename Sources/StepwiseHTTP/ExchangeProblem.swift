internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// What AsyncHTTPClient's and the network's errors mean for a call.
enum ExchangeProblem {
    /// Whether there was no connection, so that nothing can have been sent.
    static func isOfConnecting(_ error: any Error) -> Bool {
        switch error {
        case let error as HTTPClientError:
            [.connectTimeout, .tlsHandshakeTimeout].contains(error)
        case let error as IOError:
            [ECONNREFUSED, ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL].contains(error.errnoCode)
        case ChannelError.connectTimeout: true
        default: error is NIOConnectionError
        }
    }

    /// - Parameter address: the one that it was connected to, or that it was tried to; `nil` once the answer came.
    static func error(_ error: any Error, of request: OutgoingRequest, at address: IPAddress?) -> any Error {
        if error is CancellationError || error is HTTPCallError { return error }
        let place = address.map { " at \($0)" } ?? ""
        if let error = error as? HTTPClientError {
            if error == .cancelled { return CancellationError() }
            let limits: [HTTPClientError] = [
                .connectTimeout, .tlsHandshakeTimeout, .readTimeout, .writeTimeout, .deadlineExceeded,
                .getConnectionFromPoolTimeout,
            ]
            if limits.contains(error) {
                return HTTPCallError(
                    .timedOut, "\(request.description)\(place) took too long: \(error.shortDescription)")
            }
        }
        return HTTPCallError(.connection, "\(request.description)\(place) was not answered: \(error)")
    }
}

extension HTTPClientRequest {
    init(_ request: OutgoingRequest) {
        self.init(url: request.url.text)
        method = .init(rawValue: request.method)
        headers = .init(request.headers.fields.map { ($0.name, $0.value) })
        if !request.body.isEmpty { body = .bytes(ByteBuffer(bytes: request.body)) }
    }
}
