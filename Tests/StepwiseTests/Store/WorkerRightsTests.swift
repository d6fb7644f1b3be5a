import Stepwise
import Testing

/// A worker tries every command before it claims. What it tries is held against what the sources call, and against the page.
@Suite("What a worker tries before it claims")
struct WorkerRightsTests {
    private let keys: Keys

    init() throws { keys = try Keys(namespace: "default") }

    /// What clients alone send; a worker needs none of it.
    private let ofClients: Set = [
        "config", "dbsize", "hgetall", "hsetnx", "memory", "scan", "subscribe", "type", "unsubscribe", "zcount",
        "zrange", "zrevrank", "zscan",
    ]
    /// What a connection begins with, if the URL says so; it is told at once what is wrong with it.
    private let ofURLs: Set = ["auth", "select"]
    /// Words in capitals in scripts that are no commands.
    private let options: Set = ["count", "limit", "maxlen", "oom", "px", "rank", "withscores", "xx"]

    private func calledByScripts() throws -> Set<String> {
        var scripts = try Sources.texts(below: "Stepwise/Store/Scripts", ".lua")
        scripts["try_commands.lua"] = nil
        #expect(scripts.count > 50)
        let words = scripts.values.flatMap { $0.matches(of: /'([A-Z]{2,})'/).map { $0.1.lowercased() } }
        return Set(words).subtracting(options)
    }

    private func sentAlone() throws -> Set<String> {
        var files = try Sources.texts(below: "Stepwise/Store", ".swift")
        files["WorkerRights.swift"] = nil
        files.merge(try Sources.texts(below: "StepwiseRedis", ".swift")) { $1 }
        let commands = files.values.flatMap { text in
            text.matches(of: /\["([A-Z]+)"(?:, "([A-Z]+)")?/).map { match in
                let first = match.1.lowercased()
                guard ["client", "script"].contains(first), let second = match.2 else { return first }
                return "\(first)|\(second.lowercased())"
            }
        }
        return Set(commands).subtracting(ofClients).subtracting(ofURLs)
    }

    private func tried() throws -> Set<String> {
        let script = try Sources.text("Stepwise/Store/Scripts/worker/try_commands.lua")
        let words = script.matches(of: /\{ '([A-Z]+)'/).map { $0.1.lowercased() }
        #expect(Set(words).count == words.count)
        // The calls themselves try these two.
        return Set(words).union(WorkerRights.plainCommands(keys).map(\.rule)).union(["evalsha", "script|load"])
    }

    @Test func `It tries the commands that scripts, connections and plain calls use, and no others`() throws {
        let used = try calledByScripts().union(sentAlone()).union(["evalsha"])
        #expect(used.isSuperset(of: ["lpush", "unlink", "publish", "blmove", "client|kill", "info", "zmscore"]))
        let tried = try tried()
        #expect(used.subtracting(tried).sorted() == [], "add these to try_commands, or to WorkerRights")
        #expect(tried.subtracting(used).sorted() == [], "nobody calls these any more")
    }

    @Test func `The worker's line on the page allows what it tries, and nothing else`() throws {
        let allowed = try PermissionsPage.commands(of: "sw-worker")
        #expect(Set(allowed).count == allowed.count)
        let tried = try tried()
        #expect(Set(allowed) == tried)
    }

    @Test func `It tries a key of each kind that there is, under a name that the doctor knows`() throws {
        let source = try Sources.text("Stepwise/Store/Keys.swift")
        let named = source.matches(of: /key\("([a-z]+):"/).map { String($0.1) }
        let written = source.matches(of: /\\\(prefix\)([a-z]+)/).map { String($0.1) }
        let kinds = keys.kinds(queues: ["mail", "default"]) + [keys.scratch]
        #expect(Set(kinds).count == kinds.count)
        let names = kinds.map { String($0.dropFirst(keys.prefix.count)) }
        // The channel is none; it is tried by PUBLISH.
        let all = Set(named + written).subtracting(["ended"])
        #expect(Set(names.map { String($0.prefix { $0 != ":" }) }) == all)
        for name in names { #expect(NamespaceKey(name) != nil, "\(name)") }
        for status in RunStatus.all { #expect(kinds.contains(keys.runs(status))) }
        #expect(kinds.contains(keys.queue("mail")) && kinds.contains(keys.claimed("*", "mail")))
    }
}
