/// A command line that is tried, and the code with which it ends.
struct CommandRow: Sendable {
    /// Its words. `TOKEN` stands for the token of a callback.
    var line: String
    var code: Int32
    /// A Redis command that is sent before, as ``Fixture/send(_:_:)`` takes it.
    var planting: String?

    init(_ line: String, _ code: Int32 = 0, planting: String? = nil) {
        (self.line, self.code, self.planting) = (line, code, planting)
    }

    /// The command of these, as the words that name it; the longest, if several begin the line.
    func command(of all: [String]) -> String? {
        all.filter { line == $0 || line.hasPrefix($0 + " ") }.max { $0.count < $1.count }
    }
}

/// What each command exits with. A new command needs one row here that ends with 0, and `Schemas/<its words, joined by "-">.json`.
enum CommandTable {
    /// In this order, in one namespace, beside a worker. The runs `done` (completed), `bad`, `bad2` and `bad3` (failed), `asks` (waits for a
    /// callback), `waits` (waits for event `word`, and for the run `child`, which waits as well), `slow` (its step `charge` waits ten hours for its
    /// second attempt) and `works` (the body of its step goes on) are there, and a rejected item. `done` has the label `tenant`.
    static let rows: [CommandRow] = [
        .init("enqueue echo 1 --id e1"), .init("enqueue echo 1 --id e1"), .init("enqueue echo 1 --id e2 --wait"),
        .init("enqueue fails 1 --id e3 --wait", 1), .init("enqueue echo {", 2), .init("enqueue echo 1 --id a~b", 2),
        .init("enqueue nobody-has-it 1 --id e4 --wait --timeout 10ms", 2), .init("enqueue", 64),

        .init("status done"), .init("status bad"), .init("status waits"), .init("status slow"), .init("status works"),
        .init("status nobody", 2),
        .init("status", 64),
        .init("explain done"), .init("explain waits"), .init("explain bad", 1), .init("explain nobody", 1),
        .init("explain done bad", 64), .init("explain done --timeout soon", 64),
        .init("history done"), .init("history bad"), .init("history waits"), .init("history slow"),
        .init("history nobody", 2),
        .init("history", 64),
        .init("tail done"), .init("tail bad", 1), .init("tail bad --last 0", 1), .init("tail nobody", 2),
        .init("tail done --last -1", 64),
        .init("children waits"), .init("children waits --depth 3"), .init("children done"), .init("children nobody", 2),
        .init("children waits --depth 0", 64), .init("children waits --after there", 64),

        .init("notify word 1 --run waits --id n1"), .init("notify word 1 --run waits --id n1"),
        .init("notify other 1 --run waits"), .init("notify word 1 --run nobody-yet"),
        .init("notify word 1 --run done", 2),
        .init("notify news 1 --keep 5m"), .init("notify news 1 --keep 5m", 1), .init("notify news 1 --keep soon", 64),
        .init("events waits"), .init("events asks"), .init("events nobody-yet"), .init("events nobody", 2),
        .init("events --kept"), .init("events --expected"), .init("events --kept --clear"),
        .init("events --expected --clear"), .init("events", 64), .init("events waits --clear", 64),
        .init("events waits --after there", 64), .init("events --kept --expected", 64),
        .init("callback extend TOKEN --by 90"), .init("callback complete TOKEN 1"),
        .init("callback complete TOKEN 2", 1), .init("callback complete nonsense", 2), .init("callback complete", 64),
        .init("callback extend TOKEN", 64),

        .init("pause child --reason audit --by Ada"), .init("pause child"), .init("status child"),
        .init("pause --queue mail --workflow w --reason audit --by Ada"), .init("pause --queue mail --workflow w"),
        .init("pause nobody", 2), .init("pause", 64),
        .init("enqueue w 1 --id e5 --queue mail"), .init("status e5"), .init("queues"), .init("cancel e5"),
        .init("resume child"), .init("resume --queue mail --workflow w"), .init("resume --queue mail"),
        .init("resume nobody", 2), .init("resume", 64),

        .init("retry slow charge"), .init("retry slow other", 2), .init("retry done say", 2),
        .init("retry nobody charge", 2), .init("retry slow", 64),

        .init("dead list"), .init("dead list --error nothing"), .init("dead list --since soon", 64),
        .init("dead show bad"), .init("dead show done", 2), .init("dead show nobody", 2), .init("dead show", 64),
        .init("dead resume bad --dry-run"), .init("dead resume bad"), .init("dead resume nobody done", 1),
        .init("dead resume", 64),
        .init("dead restart bad2"), .init("dead restart bad2"), .init("dead restart nobody", 1),
        .init("dead restart --all --id x", 64),
        .init("dead delete bad3 --dry-run"), .init("dead delete bad3"), .init("dead delete bad3", 1),
        .init("dead delete", 64),

        .init("runs"), .init("runs --status parked"), .init("runs --label tenant=acme"),
        .init("runs --status nonsense", 64), .init("runs --label tenant", 64),
        .init("index list"), .init("index list tenant", 64),
        .init("index add tenant"), .init("index add tenant"), .init("index add a=b", 2), .init("index add", 64),
        .init("index list"), .init("runs --label tenant=acme"), .init("dead list --label tenant=acme"),
        .init("cancel --label tenant=nobody"),
        .init("index remove tenant"), .init("index remove tenant"), .init("index remove a=b", 2),
        .init("index remove", 64),

        .init("schedule create s echo 1 --every 1h"), .init("schedule create s echo 1 --every 1h", 2),
        .init("schedule create s echo 1 --every 2h --replace"), .init("schedule create c echo 1 --cron @daily"),
        .init("schedule create s echo 1", 64),
        .init("schedules"), .init("schedules --next 0", 64),
        .init("schedule show s"), .init("schedule show c"), .init("schedule show nobody", 2),
        .init("schedule show s --next 0", 64),
        .init("schedule pause s"), .init("schedule pause s"), .init("schedule pause nobody", 2),
        .init("schedule resume s"), .init("schedule resume nobody", 2),
        .init("schedule trigger s --id t1"), .init("schedule trigger s --id t1"), .init("schedule trigger nobody", 2),
        .init("schedule backfill s --from 5h --to 1h"), .init("schedule backfill nobody --from 5h --to 1h", 2),
        .init("schedule backfill s --from soon --to 1h", 64),
        .init("schedule delete s"), .init("schedule delete s", 2),

        .init("workers"), .init("workers --busy"), .init("workers now", 64),
        .init("stats"), .init("stats --since 2m"), .init("stats --since 4d", 64), .init("stats --since soon", 64),
        .init("queues"), .init("queues --malformed"), .init("queues --malformed --clear"),
        .init("queues --clear", 64),
        .init("cancel waits"), .init("cancel works"), .init("cancel --workflow nobody-has-it"),
        .init("cancel done nobody", 1), .init("cancel", 64), .init("cancel --status completed", 64),
        .init("health"), .init("health --timeout soon", 64),
        .init("namespace show"), .init("namespace show --keys 1"), .init("namespace show --keys 0", 64),
        .init("namespace delete --yes", 2), .init("namespace delete --namespace other", 64),
        .init("enqueue echo 1 --id e6 --namespace other"), .init("namespace show --namespace other"),
        .init("namespace delete --namespace other --yes"), .init("namespace delete --namespace other --yes"),
        .init("namespace show --namespace other"),
        .init("doctor"), .init("doctor", 1, planting: "SET ~run:damaged oops"),
    ]

    /// Those that end otherwise than with 2 where no Redis listens.
    static let withoutRedis: [String: Int32] = ["health": 1]
}
