/// Which run's function the current task belongs to.
enum RunScope {
    @TaskLocal static var current: RunInstance?
}
