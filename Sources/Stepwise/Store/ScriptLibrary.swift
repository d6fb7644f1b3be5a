internal import StepwiseRedis

/// The scripts, one a transition, from the `.lua` files that are embedded in the binary.
enum ScriptLibrary {
    static let enqueue = script("enqueue", PackageResources.enqueue_lua)
    static let new = short("new", PackageResources.new_lua)
    static let start = script("start", PackageResources.start_lua)
    static let first = short("first", PackageResources.first_lua)
    static let load = script("load", PackageResources.load_lua)
    static let history = script("history", PackageResources.history_lua)
    static let step = short("step", PackageResources.step_lua)
    static let part = short("part", PackageResources.part_lua)
    static let last = short("last", PackageResources.last_lua)
    static let advance = script("advance", PackageResources.settle_lua, PackageResources.advance_lua)
    static let serial = script("serial", PackageResources.settle_lua, PackageResources.serial_lua)
    static let record = script("record", PackageResources.record_lua)
    static let begin = script("begin", PackageResources.begin_lua)
    static let retry = script("retry", PackageResources.retry_lua)
    static let promote = script("promote", PackageResources.promote_lua)
    static let giveBack = script("giveback", PackageResources.giveback_lua)
    static let reject = script("reject", PackageResources.reject_lua)
    static let unserve = script("unserve", PackageResources.unserve_lua)
    static let readmit = script("readmit", PackageResources.readmit_lua)
    static let park = script("park", PackageResources.park_lua)
    static let resume = script("resume", PackageResources.resume_lua)
    static let revive = script("revive", PackageResources.revive_lua)
    static let restart = script("restart", PackageResources.restart_lua)
    static let lapse = script("lapse", PackageResources.lapse_lua)
    static let arm = script("arm", PackageResources.arm_lua)
    static let pause = script("pause", PackageResources.pause_lua)
    static let wait = script("wait", PackageResources.wait_lua)
    static let childEnd = script("childend", PackageResources.childend_lua)
    static let notify = script("notify", PackageResources.event_lua, PackageResources.notify_lua)
    static let tell = script("tell", PackageResources.tell_lua)
    static let hear = script("hear", PackageResources.event_lua, PackageResources.hear_lua)
    static let withdraw = script("withdraw", PackageResources.withdraw_lua)
    static let callback = script("callback", PackageResources.callback_lua)
    static let extend = script("extend", PackageResources.extend_lua)
    static let unexpect = script("unexpect", PackageResources.unexpect_lua)
    static let poke = script("poke", PackageResources.poke_lua)
    static let cancel = script("cancel", PackageResources.cancel_lua)
    static let note = script("note", PackageResources.note_lua)
    static let await = script("await", PackageResources.await_lua)
    static let register = script("register", PackageResources.register_lua)
    static let beat = script("beat", PackageResources.beat_lua)
    static let bury = script("bury", PackageResources.bury_lua)
    static let leave = script("leave", PackageResources.leave_lua)
    static let schedule = script("schedule", PackageResources.schedule_lua)
    static let expired = script("expired", PackageResources.expired_lua)
    static let forget = script("forget", PackageResources.forget_lua)
    static let format = script("format", PackageResources.format_lua)
    static let inspect = script("inspect", PackageResources.inspect_lua)

    private static func script(_ name: String, _ parts: [UInt8]...) -> RedisScript {
        joined(name, [PackageResources.common_lua] + parts)
    }

    /// For the plain case of another one: without what it does not need.
    private static func short(_ name: String, _ part: [UInt8]) -> RedisScript { joined(name, [part]) }

    private static func joined(_ name: String, _ parts: [[UInt8]]) -> RedisScript {
        let all = [PackageResources.base_lua] + parts
        return RedisScript(name: name, source: all.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "\n"))
    }
}
