public import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
public import Stepwise

/// Sends requests, under a policy, on connections that it keeps. One for all workflows will do; it needs no shutting down.
public final class HTTPStepClient: Sendable {
    /// With the default policy: every public address, no private one.
    public static let shared = HTTPStepClient()

    public let policy: HTTPPolicy
    private let resolve: Resolver
    private let pool: ClientPool

    /// - Parameters:
    ///   - policy: which hosts may be called.
    ///   - configuration: AsyncHTTPClient's, for TLS, a proxy or decompression. Its timeouts, redirects, DNS and tracing are not used: the
    ///     ``HTTPCall`` and the policy have them. Connections a host are as many as bodies call it at once.
    public convenience init(policy: HTTPPolicy = HTTPPolicy(), configuration: HTTPClient.Configuration = .init()) {
        self.init(policy: policy, configuration: configuration, resolve: resolveBySystem)
    }

    /// - Parameter targets: of how many hosts and addresses connections are kept.
    package init(
        policy: HTTPPolicy, configuration: HTTPClient.Configuration = .init(), targets: Int = 200,
        resolve: @escaping Resolver
    ) {
        self.policy = policy
        self.resolve = resolve
        pool = ClientPool(configuration, limit: targets)
    }

    /// Sends a request once, in a step's body: for the places where `context.call` cannot stand, as in `map`, `settle` and sagas.
    ///
    /// ```swift
    /// try await context.map(photos, "tag") { photo, step in try await caller.send(.get(photo.url), as: step).text }
    /// ```
    ///
    /// - Throws: what tells the step's `Retry` how to go on: an ``HTTPCallError``, by itself or as a `RetryAfter`, if another attempt
    ///   may help, and in a `NonRetryable` if not; `CancellationError` in a cancelled task.
    public func send(_ call: HTTPCall, as step: Step) async throws -> HTTPStepResponse {
        do {
            return try await within(call.timeout) { [self] in
                try await exchange(call, OutgoingRequest(call, idempotencyKey: step.idempotencyKey))
            }
        } catch let error as HTTPCallError {
            if Task.isCancelled { throw CancellationError() }
            guard [.connection, .timedOut, .status].contains(error.code) else { throw NonRetryable(error) }
            throw error
        } catch is TimeIsUp {
            throw HTTPCallError(
                .timedOut, "\(call.method) \(CallURL.shown(call.url)) was not done within \(call.timeout)")
        }
    }

    /// An answer's head, and the client on whose connection the rest comes.
    private struct Received {
        let response: HTTPClientResponse
        let lease: ClientPool.Lease

        var status: Int { Int(response.status.code) }
        var headers: CallHeaders { CallHeaders(response.headers.map { .init($0.name, $0.value) }) }
    }

    private func exchange(_ call: HTTPCall, _ first: OutgoingRequest) async throws -> HTTPStepResponse {
        var request = first
        var hops = 0
        while true {
            let received = try await answer(to: request, of: call)
            let status = received.status
            defer { withExtendedLifetime(received.lease) {} }
            guard call.maximumHops > 0, OutgoingRequest.isRedirect(status), !call.accepts(status),
                let location = received.headers["location"]
            else { return try await judge(received, to: request, of: call) }
            hops += 1
            guard hops <= call.maximumHops else {
                throw HTTPCallError(
                    .tooManyRedirects,
                    "\(first.description) was redirected more than \(call.maximumHops) times, at last by \(request.description)"
                )
            }
            request = try request.redirected(status, to: location)
        }
    }

    /// Connects to one of the host's addresses that the policy allows, and waits for the answer's head.
    private func answer(
        to request: OutgoingRequest, of call: HTTPCall
    ) async throws -> Received {
        let host = request.url.host
        try policy.check(host: host, port: request.url.port)
        let literal = IPAddress(host)
        let found = if let literal { [literal] } else { try await resolve(host) }
        var addresses = try policy.usable(found, of: host, port: request.url.port)[...]
        while true {
            let address = addresses.removeFirst()
            let lease = pool.lease(
                .init(
                    host: host, address: literal == nil ? address.description : nil,
                    connectTimeout: call.connectTimeout, readTimeout: call.readTimeout))
            do {
                let response = try await lease.client.execute(HTTPClientRequest(request), deadline: .distantFuture)
                return Received(response: response, lease: lease)
            } catch {
                // Nothing was sent: the host's next address may do.
                if ExchangeProblem.isOfConnecting(error), !addresses.isEmpty, !Task.isCancelled { continue }
                throw ExchangeProblem.error(error, of: request, at: address)
            }
        }
    }

    private func judge(
        _ received: Received, to request: OutgoingRequest, of call: HTTPCall
    ) async throws -> HTTPStepResponse {
        let (status, headers) = (received.status, received.headers)
        guard call.accepts(status) else {
            let start = await beginning(of: received.response.body)
            let error = HTTPCallError(request.description, answered: status, headers: headers, body: start)
            guard call.retries(status) else { throw NonRetryable(error) }
            if let later = RetryAfter(header: headers["retry-after"], because: error) { throw later }
            throw error
        }
        let tooLarge = HTTPCallError(
            .tooLarge,
            "the answer to \(request.description) is larger than \(call.maximumSize) bytes (.maximumSize of the call, which counts it as JSON)"
        )
        var body: [UInt8] = []
        do {
            for try await part in received.response.body {
                guard body.count + part.readableBytes <= call.maximumSize else { throw tooLarge }
                body.append(contentsOf: part.readableBytesView)
            }
        } catch let error where !(error is HTTPCallError) {
            throw ExchangeProblem.error(error, of: request, at: nil)
        }
        let answer = HTTPStepResponse(status: status, headers: headers, body: body)
        guard try JSON.encode(answer, what: "an answer").count <= call.maximumSize else { throw tooLarge }
        return answer
    }

    /// What is kept of an answer that is an error. The rest is not read, and that there is none is not an error.
    private func beginning(of body: HTTPClientResponse.Body) async -> [UInt8] {
        var start: [UInt8] = []
        do {
            for try await part in body {
                start.append(contentsOf: part.readableBytesView)
                if start.count >= HTTPCallError.limit { break }
            }
        } catch {}
        return start
    }
}
