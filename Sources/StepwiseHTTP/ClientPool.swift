internal import AsyncHTTPClient
internal import NIOCore
internal import Stepwise
import Synchronization

/// AsyncHTTPClient's clients, one for each host and address.
///
/// A client cannot be told the address of one request, only that of a host's name (`dnsOverride`), so each has the one address of the one
/// host that was checked. They share threads; what a client costs by itself is its idle connections.
final class ClientPool: Sendable {
    struct Key: Hashable, Sendable {
        var host: String
        /// `nil` if the host is one itself.
        var address: String?
        var connectTimeout: Duration
        var readTimeout: Duration?
    }

    private struct State {
        var leases: [Key: Lease] = [:]
        var uses = 0
    }

    private let configuration: HTTPClient.Configuration
    private let state = Mutex(State())
    /// The most that are kept.
    private let limit: Int

    init(_ configuration: HTTPClient.Configuration, limit: Int) {
        var configuration = configuration
        configuration.redirectConfiguration = .disallow
        configuration.tracing.tracer = nil
        // The step's Retry does that, and the host's next address is tried meanwhile.
        configuration.connectionPool.retryConnectionEstablishment = false
        // A worker holds 1000 steps at most; who waits for another's connection would be out of time before it had one.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 1000
        self.configuration = configuration
        self.limit = limit
    }

    /// A client to keep until its answer is read.
    func lease(_ key: Key) -> Lease {
        state.withLock { state in
            state.uses += 1
            let lease = state.leases[key] ?? make(key)
            lease.lastUse.store(state.uses, ordering: .relaxed)
            state.leases[key] = lease
            if state.leases.count > limit,
                let oldest = state.leases.min(by: {
                    $0.value.lastUse.load(ordering: .relaxed) < $1.value.lastUse.load(ordering: .relaxed)
                })
            {
                // It ends when nobody uses it any more.
                state.leases[oldest.key] = nil
            }
            return lease
        }
    }

    private func make(_ key: Key) -> Lease {
        var configuration = configuration
        configuration.timeout = .init(
            connect: TimeAmount(atMost: key.connectTimeout), read: key.readTimeout.map(TimeAmount.init(atMost:)))
        configuration.dnsOverride = key.address.map { [key.host: $0] } ?? [:]
        return Lease(HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration))
    }

    /// Shuts its client down when nobody has it any more.
    final class Lease: Sendable {
        let client: HTTPClient
        let lastUse = Atomic(0)

        init(_ client: HTTPClient) {
            self.client = client
        }

        deinit {
            client.shutdown { _ in }
        }
    }
}
