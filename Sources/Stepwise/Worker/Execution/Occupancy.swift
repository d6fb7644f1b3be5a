import Synchronization

/// Whose code the worker's own thread executes just now.
///
/// The thread notes it before it enters a function or a body, and when it has come back. In between it holds no lock. Another thread can take
/// the occupant away; that tells the run, the step, and what is not recorded yet. What comes back afterwards is refused.
final class Occupancy: Sendable {
    /// On whose behalf user code is executed.
    struct Occupant: Sendable {
        let driver: RunDriver
        /// The function's; `nil` for a body, or what is called about one.
        var instance: RunInstance?
        /// The step whose body it is; of a function the one whose outcome it is getting, if that is not recorded yet.
        var call: StepCall?
        var unrecorded: Unrecorded?
        /// Whether it is only known that nobody's code was executed here since.
        var isSuspect = false
    }

    /// What came of the turn's inline step, if the function has it and Redis does not.
    struct Unrecorded: Sendable {
        var result: Outcome.Result
        var attempt: Int
        var took: Int
        /// The turn's.
        var number: Int
        /// Which outcome it is to be.
        var upto: Int
    }

    private static let free = 0
    private static let occupied = 1
    /// The occupant was taken away.
    private static let taken = 2

    private let state = Atomic<Int>(0)
    private let owner = Atomic<UInt>(0)
    private let numbers = Atomic<UInt>(0)
    /// The frames of ``hold(_:_:_:_:while:)`` keep these alive, so that entering retains nothing.
    private struct Place {
        var driver: Unmanaged<RunDriver>
        var instance: Unmanaged<RunInstance>?
        var call: Unmanaged<StepCall>?
        var unrecorded: UnsafePointer<Unrecorded>?
    }

    /// The thread's own while it is free; of whoever seizes it while it is occupied: ``state`` tells.
    private nonisolated(unsafe) var place: Place?
    private let seized = Mutex<Occupant?>(nil)

    /// The ``RunDriver/number`` of who entered last; 0 for nobody. As long as it stays the same, that run has the thread, or none has it.
    var lastOwner: UInt { owner.load(ordering: .relaxed) }

    /// A number for a driver, from 1 on. No other gets the same, as it could get the same address.
    func nextNumber() -> UInt { numbers.wrappingAdd(1, ordering: .relaxed).newValue }

    /// Whether user code is executed at this moment.
    var isOccupied: Bool { state.load(ordering: .relaxed) == Self.occupied }

    /// Executes user code, on the worker's thread, for what an ``Occupant`` tells.
    func hold<Value>(
        _ driver: RunDriver, _ instance: RunInstance?, _ call: StepCall?,
        _ unrecorded: UnsafePointer<Unrecorded>? = nil, while body: () -> Value
    ) -> Value {
        let enters = state.load(ordering: .relaxed) == Self.free
        if enters {
            place = Place(
                driver: .passUnretained(driver), instance: instance.map { .passUnretained($0) },
                call: call.map { .passUnretained($0) }, unrecorded: unrecorded)
            owner.store(driver.number, ordering: .relaxed)
            state.store(Self.occupied, ordering: .releasing)
        }
        // In one place, so that it can be inlined.
        let value = body()
        if enters { leave() }
        // Until here somebody may read them.
        withExtendedLifetime(driver) {}
        withExtendedLifetime(instance) {}
        withExtendedLifetime(call) {}
        return value
    }

    private func leave() {
        let (hasLeft, _) = state.compareExchange(
            expected: Self.occupied, desired: Self.free, ordering: .acquiringAndReleasing)
        // Else somebody is reading it.
        if !hasLeft { seized.withLock { _ in } }
    }

    /// Takes the occupant away; the thread is not asked.
    ///
    /// - Returns: `false` if no user code is executed at this moment.
    func seize() -> Bool {
        seized.withLock { seized in
            let (isSeized, _) = state.compareExchange(
                expected: Self.occupied, desired: Self.taken, ordering: .acquiringAndReleasing)
            if isSeized, let place {
                seized = Occupant(
                    driver: place.driver.takeUnretainedValue(), instance: place.instance?.takeUnretainedValue(),
                    call: place.call?.takeUnretainedValue(), unrecorded: place.unrecorded?.pointee)
            }
            return isSeized
        }
    }

    /// Blames who entered last for what the thread does outside of everybody's code: it lets go of what a run has left, say.
    func suspect(_ driver: RunDriver) {
        seized.withLock { seized in
            if seized == nil { seized = Occupant(driver: driver, isSuspect: true) }
        }
    }

    /// Who was taken away.
    var evicted: Occupant? { seized.withLock { $0 } }

    /// Nothing more is to be told of who was taken away.
    func forget() {
        // Released when the lock is free, and on no thread of the engine's: a `deinit` of the user's may come with it.
        Task.detached { [self] in
            _ = seized.withLock { seized in
                defer { seized = nil }
                return seized
            }
        }
    }
}

extension RunDriver {
    /// Lets the run's function go on here until it is at rest.
    func entering<Value>(_ instance: RunInstance, _ body: () -> Value) -> Value {
        session.occupancy.hold(self, instance, nil, while: body)
    }

    /// The same, while the function gets the outcome of a step that is not recorded yet.
    func entering<Value>(
        _ instance: RunInstance, _ call: StepCall, _ unrecorded: Occupancy.Unrecorded, _ body: () -> Value
    ) -> Value {
        withUnsafePointer(to: unrecorded) { session.occupancy.hold(self, instance, call, $0, while: body) }
    }

    /// Executes a body here, or what is called about one.
    ///
    /// - Parameter call: of a body that is executed.
    func entering<Value>(bodyOf call: StepCall?, _ body: () -> Value) -> Value {
        session.occupancy.hold(self, nil, call, while: body)
    }
}
