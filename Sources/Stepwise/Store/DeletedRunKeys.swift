/// What `forget` is about: the runs of one status, at most 100.
func deleteRunsKeys(_ keys: Keys, _ status: RunStatus, _ ids: [String]) -> [String] {
    [keys.runs(status), keys.dead]
        + ids.flatMap {
            [keys.run($0), keys.steps($0), keys.open($0), keys.join($0), keys.mail($0), keys.seen($0)]
        }
}
