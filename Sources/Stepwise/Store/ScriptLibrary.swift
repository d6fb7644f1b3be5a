/// The scripts, one for each transition, from the `.lua` files that are embedded in the binary. `Calls` has them, a file for each family.
package enum ScriptLibrary {
    package static let all: [Script] = [
        enqueue, enqueuePlain, pause, resume, revive, restart, cancel, timerFired, setDeadline, note,
        ScriptLibrary.await, expired, deleteRuns, forgetWaiting, refuseWaiting, failWaiting, inspect,
        acceptPushed, takeTurnPlain, takeTurn, history, advance, recordAndAdvance, recordAndAdvancePlain,
        recordAndCompletePlain, endPage, park, wake,
        recordPlain, record, markAttempt, unmarkAttempt, retry, retryNow, promote, notify, broadcast, deliver, withdraw,
        callback, extend, purgeMail,
        awaitChild, childEnded, format, registerWorker, beat, compare, declareDead, deregister, release, releaseHeld,
        noteAlone, noteHeld, releasePushed, reject, trimMalformed, setUnserved, reclaim, notePool, noteBusy, countWork,
        tryCommands, schedule, closeNamespace, deleteKeys, declareIndex, fillIndex, pruneIndex,
    ]

    /// For the plain case of another script: it does without the library.
    static let plain: [[UInt8]] = []
    static let planning = [PackageResources.run_lua, PackageResources.apply_plan_lua]
    static let delivering = [PackageResources.run_lua, PackageResources.deliver_event_lua]
    static let indexing = [PackageResources.run_lua, PackageResources.label_indexes_lua]
}
