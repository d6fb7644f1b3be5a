// How schedules change. The call is made where schedules are known.

extension ScriptLibrary {
    static let schedule = Script(
        "schedule", PackageResources.schedule_lua, after: indexing,
        keys: ["schedules", "delayed", "run", "queue", "queued", "meta?", "indexes..."],
        arguments: [
            "name", "known", "json", "entry", "other_entry", "next_entry", "next_time", "id", "workflow", "queue",
            "payload", "labels", "timeout", "names...",
        ])
}
