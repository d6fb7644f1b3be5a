import Foundation
import Synchronization

/// Stands between a worker and Redis, counts the requests that concern one run, and strikes at one of them.
///
/// An event is a request that names the run, or the reply of a claim that brings it. Plain sockets and a thread for each direction:
/// a strike stops the very thread that moves the bytes.
final class RedisProxy: Sendable {
    enum Moment: Sendable, Hashable {
        /// The request has not reached Redis.
        case before
        /// Redis has answered and the worker has not heard it.
        case after
    }

    enum Strike: Sendable, Hashable {
        /// The bytes are held until ``release()``.
        case hold
        /// The connection is cut.
        case cut
    }

    struct Plan: Sendable, Hashable {
        var event: Int
        var moment: Moment
        var strike: Strike
    }

    private struct State {
        var events = 0
        var hasStruck = false
        var isReleased = false
        var isClosed = false
        var sockets: Set<Int32> = []
    }

    let url: String
    private let path: String
    private let upstream: String
    private let marker: [UInt8]
    private let plan: Plan?
    private let onStrike: @Sendable () -> Void
    private let state = Mutex(State())
    private let released = NSCondition()
    private let listener: Int32

    /// - Parameters:
    ///   - upstream: the path of Redis' own socket.
    ///   - marker: the run's id.
    ///   - plan: when to strike; `nil` only counts.
    ///   - onStrike: called while the bytes are held, before they are dropped or kept.
    init(folder: String, upstream: String, marker: String, plan: Plan?, onStrike: @escaping @Sendable () -> Void) throws
    {
        path = folder + "/p" + String(UInt32.random(in: .min ... .max), radix: 36)
        url = "unix://" + path
        self.upstream = upstream
        self.marker = Array(marker.utf8)
        self.plan = plan
        self.onStrike = onStrike
        listener = try UnixSocket.listen(path)
        Thread.detachNewThread { [self] in accept() }
    }

    /// How many events there were.
    var events: Int { state.withLock { $0.events } }
    var hasStruck: Bool { state.withLock { $0.hasStruck } }

    /// Lets held bytes go on.
    func release() {
        state.withLock { $0.isReleased = true }
        released.lock()
        released.broadcast()
        released.unlock()
    }

    func close() {
        state.withLock { state in
            state.isClosed = true
            // Under the lock: a number that is closed may be another socket's at once.
            for socket in state.sockets { shutdown(socket, Int32(SHUT_RDWR)) }
        }
        shutdown(listener, Int32(SHUT_RDWR))
        Glibc.close(listener)
        release()
        unlink(path)
    }

    // MARK: Threads

    private func accept() {
        while true {
            let client = Glibc.accept(listener, nil, nil)
            if client < 0 { return }
            guard let server = try? UnixSocket.connect(upstream) else {
                Glibc.close(client)
                continue
            }
            let isClosed = state.withLock { state in
                state.sockets.formUnion([client, server])
                return state.isClosed
            }
            if isClosed {
                shutdown(client, Int32(SHUT_RDWR))
                shutdown(server, Int32(SHUT_RDWR))
            }
            let link = Link(client: client, server: server)
            Thread.detachNewThread { [self] in pumpRequests(link) }
            Thread.detachNewThread { [self] in pumpReplies(link) }
        }
    }

    /// One connection, and for each request on its way the number of its event.
    private final class Link: Sendable {
        let client: Int32
        let server: Int32
        private let pending = Mutex<[Request]>([])
        private let ends = Atomic(0)

        struct Request: Sendable {
            var event: Int?
            var isClaim: Bool
        }

        init(client: Int32, server: Int32) {
            self.client = client
            self.server = server
        }

        func push(_ request: Request) { pending.withLock { $0.append(request) } }
        func pop() -> Request? { pending.withLock { $0.isEmpty ? nil : $0.removeFirst() } }

        func cut() {
            shutdown(client, Int32(SHUT_RDWR))
            shutdown(server, Int32(SHUT_RDWR))
        }

        /// Whether this was the second of both threads: then nobody uses the sockets any more.
        func end() -> Bool {
            cut()
            return ends.add(1, ordering: .relaxed).newValue == 2
        }
    }

    private func pumpRequests(_ link: Link) {
        defer { end(link) }
        var reader = FrameReader(socket: link.client)
        while let frame = reader.next() {
            // A script's text concerns no run, and is too long to be searched each time that a worker starts.
            let isScript = frame.starts(with: Array("*3\r\n$6\r\nSCRIPT\r\n".utf8))
            let isClaim = !isScript && frame.contains(Array("LMOVE".utf8))
            let event = !isScript && frame.contains(marker) ? nextEvent() : nil
            if let event, plan?.moment == .before, plan?.event == event, !strike(link) { return }
            link.push(.init(event: event, isClaim: isClaim))
            if !UnixSocket.write(link.server, frame) { return }
        }
    }

    private func pumpReplies(_ link: Link) {
        defer { end(link) }
        var reader = FrameReader(socket: link.server)
        while let frame = reader.next() {
            let request = link.pop()
            var strikes = request?.event != nil && plan?.moment == .after && plan?.event == request?.event
            if request?.isClaim == true, frame.contains(marker) { strikes = nextEvent() == plan?.event }
            if strikes, !strike(link) { return }
            if !UnixSocket.write(link.client, frame) { return }
        }
    }

    private func end(_ link: Link) {
        guard link.end() else { return }
        state.withLock { state in
            state.sockets.subtract([link.client, link.server])
            Glibc.close(link.client)
            Glibc.close(link.server)
        }
    }

    private func nextEvent() -> Int {
        state.withLock { state in
            state.events += 1
            return state.events
        }
    }

    /// - Returns: whether the bytes go on.
    private func strike(_ link: Link) -> Bool {
        let isFirst = state.withLock { state in
            defer { state.hasStruck = true }
            return !state.hasStruck
        }
        guard isFirst else { return true }
        onStrike()
        if plan?.strike == .cut {
            link.cut()
            return false
        }
        released.lock()
        while !state.withLock({ $0.isReleased }) { released.wait() }
        released.unlock()
        return true
    }
}
