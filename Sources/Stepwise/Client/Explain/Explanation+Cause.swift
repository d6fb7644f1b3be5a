extension Explanation {
    /// Why a run stands where it stands. The guide *Explain* has the sentence of each, and what to do.
    public enum Cause: String, Sendable, Hashable, Codable, CaseIterable {
        // MARK: There is no such run
        /// It was pushed, and no worker has taken it from the inbox.
        case notTakenUp
        /// It was pushed, and a worker has refused it.
        case rejected
        /// Events wait for it.
        case expected
        /// Nothing is known of it.
        case noSuchRun

        // MARK: A work item waits
        /// It was enqueued for later.
        case startsLater
        /// Its time has come, and nobody has moved it to its queue.
        case dueNotMoved
        /// Its work item lies in a queue.
        case inQueue
        /// The same, and the workers that can take it have no slot free.
        case slotsFull
        /// Its queue is paused.
        case queuePaused
        /// Its workflow is paused.
        case workflowPaused
        /// No worker that is alive claims from its queue.
        case noWorkerForQueue
        /// No worker that is alive has its workflow and claims from its queue.
        case noWorkerForWorkflow
        /// It waits apart from the queue for a worker with its workflow; there are some, and they have no slot free.
        case noSlotThere
        /// A worker has claimed its work item and has not begun.
        case claimedNotBegun
        /// The worker that holds it is silent.
        case heldBySilentWorker
        /// The worker that held it died, and nobody is left to take over.
        case heldByDeadNobodyLeft
        /// Outcomes are recorded that its function has not seen: its turn waits in a queue.
        case turnWaits

        // MARK: It runs
        /// A worker takes its function forward.
        case functionAtWork
        /// A worker executes a step's body.
        case bodyRunning
        /// A step failed and is tried again at a time.
        case backingOff
        /// It sleeps.
        case sleeping
        /// It waits for an event.
        case waitsForEvent
        /// It waits for the answer to a callback.
        case waitsForCallback
        /// It waits for the end of another run.
        case waitsForChild
        /// It waits for several steps together.
        case joining
        /// A step has cost as many workers their lives as it may but one.
        case lastDelivery
        /// Workers were lost while they took its function forward.
        case turnLost
        /// Its end was asked for, and its function does its cleanup.
        case cancelling
        /// Its time is nearly up.
        case deadlineNear
        /// Its end is decided, and its open steps are withdrawn.
        case ending

        // MARK: It waits for other code or for a person
        /// Its function asks for other steps than are recorded.
        case divergence
        /// Something that is stored does not decode as the type that its code has.
        case undecodable
        /// Its function waited for something that is not a step.
        case escaped
        /// It is parked for another reason.
        case parked
        /// Somebody has paused it.
        case paused

        // MARK: It has ended
        case failed
        /// It was not done in time.
        case timeUp
        /// It asked for more steps than a run may have.
        case tooMany
        /// Its step or its function has cost as many workers their lives as one may.
        case workersLost
        case completed
        case cancelled

        // MARK: The fleet
        case redisUnreachable
        case redisDenied
        case redisLoading
        case redisReadOnly
        /// Redis' memory is full.
        case redisFull
        /// Redis may evict keys.
        case redisEvicts
        /// The data has another format than this version reads.
        case newerFormat
        /// A worker's clock differs from Redis'.
        case clockSkew

        // MARK: What is left
        /// Nothing that should move it was found; the doctor says what is wrong.
        case nobodyMoves
        /// It changed at each look.
        case movedWhileLooking
        /// What moves it is not among what was looked at.
        case placeUnknown
    }
}
