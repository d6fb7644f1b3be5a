import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// What the kernel calls on SIGTERM and SIGINT. It notes the signal and calls the handler that was there before, Dispatch's for example.
///
/// It may interrupt any code: it takes no lock and no memory. Only ``LeaveWatch`` installs and removes it, under its lock.
enum SignalHandler {
    private typealias Function =
        @convention(c) (Int32, UnsafeMutablePointer<siginfo_t>?, UnsafeMutableRawPointer?) -> Void

    static let numbers = [SIGTERM, SIGINT]
    /// Never taken back.
    static let isHeard = Atomic(false)
    /// The thread on which an earlier handler is being called. Such a handler may call this one again.
    private static let caller = Atomic<UInt>(0)
    /// What was installed before, at the signal's number.
    nonisolated(unsafe) private static let earlier: UnsafeMutablePointer<sigaction> = {
        let count = Int(numbers.max() ?? 0) + 1
        let actions = UnsafeMutablePointer<sigaction>.allocate(capacity: count)
        actions.initialize(repeating: sigaction(), count: count)
        return actions
    }()

    /// Installs it where it is not: somebody else may have installed another one meanwhile, or told the kernel to ignore the signal.
    ///
    /// - Parameter isFirst: whether nobody has listened until now.
    static func install(isFirst: Bool) {
        // What the handler uses is made before it is installed.
        _ = (isHeard.load(ordering: .relaxed), caller.load(ordering: .relaxed))
        var own = makeAction()
        for number in numbers {
            var current = sigaction()
            guard sigaction(number, nil, &current) == 0, address(current) != address(own) else { continue }
            keep(current, number, isFirst)
            var replaced = sigaction()
            // Another one may have come in between.
            if sigaction(number, &own, &replaced) == 0, address(replaced) != address(own) {
                keep(replaced, number, isFirst)
            }
        }
    }

    /// Keeps what is to be called after this one. Who has the signal ignored since does not take it away from the handlers that were there.
    private static func keep(_ action: sigaction, _ number: Int32, _ isFirst: Bool) {
        if isFirst || isFunction(address(action)) { earlier[Int(number)] = action }
    }

    /// Puts back what was there before, unless somebody else has installed another one since.
    static func remove() {
        let own = makeAction()
        for number in numbers {
            var current = sigaction()
            guard sigaction(number, nil, &current) == 0, address(current) == address(own) else { continue }
            sigaction(number, earlier + Int(number), nil)
        }
    }

    /// Lets the kernel call it on this thread, whatever other threads have blocked.
    static func unblock() {
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in numbers { sigaddset(&signals, number) }
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }

    // MARK: In the handler

    private static func callEarlier(
        _ number: Int32, _ info: UnsafeMutablePointer<siginfo_t>?, _ context: UnsafeMutableRawPointer?
    ) {
        let action = earlier[Int(number)]
        let function = address(action)
        guard isFunction(function) else { return }
        let thread = Self.thread
        guard caller.load(ordering: .relaxed) != thread else { return }
        caller.store(thread, ordering: .relaxed)
        if action.sa_flags & SA_SIGINFO != 0 {
            unsafeBitCast(function, to: Function.self)(number, info, context)
        } else {
            unsafeBitCast(function, to: (@convention(c) (Int32) -> Void).self)(number)
        }
        _ = caller.compareExchange(expected: thread, desired: 0, ordering: .relaxed)
    }

    private static func makeAction() -> sigaction {
        let function: Function = { number, info, context in
            let code = errno
            SignalHandler.isHeard.store(true, ordering: .relaxed)
            SignalHandler.callEarlier(number, info, context)
            errno = code
        }
        var action = sigaction()
        #if canImport(Glibc)
        action.__sigaction_handler.sa_sigaction = function
        #elseif canImport(Musl)
        action.__sa_handler.sa_sigaction = function
        #else
        action.__sigaction_u.__sa_sigaction = function
        #endif
        action.sa_flags = SA_SIGINFO | SA_RESTART
        return action
    }

    /// Of its function: 0 for the default, 1 if the signal is ignored.
    private static func address(_ action: sigaction) -> UInt {
        #if canImport(Glibc)
        unsafeBitCast(action.__sigaction_handler.sa_sigaction, to: UInt.self)
        #elseif canImport(Musl)
        unsafeBitCast(action.__sa_handler.sa_sigaction, to: UInt.self)
        #else
        unsafeBitCast(action.__sigaction_u.__sa_sigaction, to: UInt.self)
        #endif
    }

    private static func isFunction(_ address: UInt) -> Bool { address > 1 }

    private static var thread: UInt {
        #if canImport(Glibc)
        pthread_self()
        #else
        UInt(bitPattern: pthread_self())
        #endif
    }
}
