/// An option of one request: `.get(url, .followRedirects(atMost: 3))`.
public struct HTTPCallOption: Sendable {
    package let apply: @Sendable (inout HTTPCall) -> Void

    /// Statuses outside 2xx that are answers too, and no errors.
    public static func acceptStatuses(_ statuses: Set<Int>) -> HTTPCallOption {
        HTTPCallOption { call in
            call.accepts = { [before = call.accepts] status in statuses.contains(status) || before(status) }
        }
    }

    /// Whatever the other side says is an answer, a 503 too: no status is an error, and none is tried again.
    public static var acceptEveryStatus: HTTPCallOption {
        HTTPCallOption { $0.accepts = { _ in true } }
    }

    /// After which statuses the step's `Retry` makes another attempt; after others the step has failed. Default: 408, 425, 429, and 5xx but
    /// 501 and 505. That there was no answer at all is always worth another attempt.
    public static func retryStatuses(_ statuses: Set<Int>) -> HTTPCallOption {
        HTTPCallOption { $0.retries = { statuses.contains($0) } }
    }

    /// Sends the step's idempotency key, the same for every attempt, as a header.
    public static func idempotencyKey(header: String) -> HTTPCallOption {
        HTTPCallOption { $0.idempotencyHeader = header }
    }

    /// Sends the step's idempotency key as `Idempotency-Key`.
    public static var idempotencyKey: HTTPCallOption { idempotencyKey(header: "Idempotency-Key") }

    /// Follows redirects (301, 302, 303, 307, 308 with a `Location`). Default: none; a 3xx is an error like any status outside 2xx.
    ///
    /// Each hop is held to the caller's ``HTTPPolicy``. On another origin only headers that hold no credentials are sent, and from https
    /// none is followed to http. 303, and 301 and 302 after a POST, go on as GET.
    public static func followRedirects(atMost hops: Int) -> HTTPCallOption {
        HTTPCallOption { $0.maximumHops = max(0, hops) }
    }

    /// How long it may take until the connection, TLS included, is there. Default: 10 s.
    public static func connectTimeout(_ limit: Duration) -> HTTPCallOption {
        HTTPCallOption { $0.connectTimeout = limit }
    }

    /// How long the other side may send nothing, before and within its answer. Default: as long as the whole may take.
    public static func readTimeout(_ limit: Duration) -> HTTPCallOption {
        HTTPCallOption { $0.readTimeout = limit }
    }

    /// How long one attempt may take in all, from looking up the host to the answer's last byte, redirects included. Default: 60 s.
    public static func timeout(_ limit: Duration) -> HTTPCallOption {
        HTTPCallOption { $0.timeout = limit }
    }

    /// The most bytes that the answer may have as it is recorded: status, headers and body as JSON. A larger one ends the step. Default:
    /// 1,000,000, which is below the worker's `maximumPayloadSize`; whoever wants more raises that too.
    public static func maximumSize(_ bytes: Int) -> HTTPCallOption {
        HTTPCallOption { $0.maximumSize = max(0, bytes) }
    }
}
