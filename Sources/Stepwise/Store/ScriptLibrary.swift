internal import StepwiseRedis

/// The scripts, one a transition, from the `.lua` files that are embedded in the binary.
enum ScriptLibrary {
    static let enqueue = script("enqueue", PackageResources.enqueue_lua)
    static let enqueuePlain = short("enqueue_plain", PackageResources.enqueue_plain_lua)
    static let acceptPushed = script("accept_pushed", PackageResources.accept_pushed_lua)
    static let takeTurnPlain = short("take_turn_plain", PackageResources.take_turn_plain_lua)
    static let takeTurn = script("take_turn", PackageResources.take_turn_lua)
    static let history = script("history", PackageResources.history_lua)
    static let recordAndAdvancePlain = short("record_and_advance_plain", PackageResources.record_and_advance_plain_lua)
    static let recordPlain = short("record_plain", PackageResources.record_plain_lua)
    static let recordAndCompletePlain = short(
        "record_and_complete_plain", PackageResources.record_and_complete_plain_lua)
    static let advance = script("advance", PackageResources.apply_plan_lua, PackageResources.advance_lua)
    static let recordAndAdvance = script(
        "record_and_advance", PackageResources.apply_plan_lua, PackageResources.record_and_advance_lua)
    static let record = script("record", PackageResources.record_lua)
    static let markAttempt = script("mark_attempt", PackageResources.mark_attempt_lua)
    static let retry = script("retry", PackageResources.retry_lua)
    static let promote = script("promote", PackageResources.promote_lua)
    static let release = script("release", PackageResources.release_lua)
    static let reject = script("reject", PackageResources.reject_lua)
    static let setUnserved = script("set_unserved", PackageResources.set_unserved_lua)
    static let reclaim = script("reclaim", PackageResources.reclaim_lua)
    static let park = script("park", PackageResources.park_lua)
    static let resume = script("resume", PackageResources.resume_lua)
    static let revive = script("revive", PackageResources.revive_lua)
    static let restart = script("restart", PackageResources.restart_lua)
    static let timerFired = script("timer_fired", PackageResources.timer_fired_lua)
    static let setDeadline = script("set_deadline", PackageResources.set_deadline_lua)
    static let pause = script("pause", PackageResources.pause_lua)
    static let awaitChild = script("await_child", PackageResources.await_child_lua)
    static let childEnded = script("child_ended", PackageResources.child_ended_lua)
    static let notify = script("notify", PackageResources.deliver_event_lua, PackageResources.notify_lua)
    static let broadcast = script("broadcast", PackageResources.broadcast_lua)
    static let deliver = script("deliver", PackageResources.deliver_event_lua, PackageResources.deliver_lua)
    static let withdraw = script("withdraw", PackageResources.withdraw_lua)
    static let callback = script("callback", PackageResources.callback_lua)
    static let extend = script("extend", PackageResources.extend_lua)
    static let purgeMail = script("purge_mail", PackageResources.purge_mail_lua)
    static let wake = script("wake", PackageResources.wake_lua)
    static let cancel = script("cancel", PackageResources.cancel_lua)
    static let note = script("note", PackageResources.note_lua)
    static let await = script("await", PackageResources.await_lua)
    static let registerWorker = script("register_worker", PackageResources.register_worker_lua)
    static let beat = script("beat", PackageResources.beat_lua)
    static let declareDead = script("declare_dead", PackageResources.declare_dead_lua)
    static let deregister = script("deregister", PackageResources.deregister_lua)
    static let schedule = script("schedule", PackageResources.schedule_lua)
    static let expired = script("expired", PackageResources.expired_lua)
    static let deleteRuns = script("delete_runs", PackageResources.delete_runs_lua)
    static let format = script("format", PackageResources.format_lua)
    static let inspect = script("inspect", PackageResources.inspect_lua)

    private static func script(_ name: String, _ parts: [UInt8]...) -> RedisScript {
        joined(name, [PackageResources.run_lua] + parts)
    }

    /// For the plain case of another one: without what it does not need.
    private static func short(_ name: String, _ part: [UInt8]) -> RedisScript { joined(name, [part]) }

    private static func joined(_ name: String, _ parts: [[UInt8]]) -> RedisScript {
        let all = [PackageResources.prelude_lua] + parts
        return RedisScript(name: name, source: all.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "\n"))
    }
}
