internal import Dispatch
internal import NIOCore
internal import NIOPosix

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// Looks up a host's addresses, in the order in which they are to be tried.
package typealias Resolver = @Sendable (_ host: String) async throws(HTTPCallError) -> [IPAddress]

/// The system's.
package func resolveBySystem(_ host: String) async throws(HTTPCallError) -> [IPAddress] {
    let promise = MultiThreadedEventLoopGroup.singleton.any().makePromise(of: [IPAddress].self)
    // It blocks its thread, and of those that NIO keeps for such work there are few.
    DispatchQueue.global().async { promise.completeWith(Result { try addresses(of: host) }) }
    do {
        return try await withTaskCancellationHandler {
            try await promise.futureResult.get()
        } onCancel: {
            // A lookup cannot be cancelled: its thread is left to it.
            promise.fail(CancellationError())
        }
    } catch {
        throw error as? HTTPCallError ?? HTTPCallError(.connection, "host \(host) was not looked up: \(error)")
    }
}

private func addresses(of host: String) throws -> [IPAddress] {
    var hints = addrinfo()
    #if canImport(Glibc)
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    #else
    hints.ai_socktype = SOCK_STREAM
    #endif
    var list: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(host, nil, &hints, &list)
    guard code == 0 else {
        throw HTTPCallError(.connection, "host \(host) cannot be looked up: \(String(cString: gai_strerror(code)))")
    }
    defer { freeaddrinfo(list) }
    var found: [IPAddress] = []
    var next = list
    while let entry = next?.pointee {
        next = entry.ai_next
        guard let address = entry.ai_addr else { continue }
        let bytes: [UInt8]
        switch entry.ai_family {
        case AF_INET:
            bytes = address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                withUnsafeBytes(of: $0.pointee.sin_addr) { Array($0) }
            }
        case AF_INET6:
            bytes = address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
                withUnsafeBytes(of: $0.pointee.sin6_addr) { Array($0) }
            }
        default: continue
        }
        if let address = IPAddress(bytes: bytes), !found.contains(address) { found.append(address) }
    }
    guard !found.isEmpty else { throw HTTPCallError(.connection, "host \(host) has no address") }
    return found
}
