import Stepwise
import TestSupport
import Testing

private class Animal: Codable, @unchecked Sendable {
    let name: String
    init(name: String) { self.name = name }
    func sound() -> String { "…" }
}

private final class Dog: Animal, @unchecked Sendable {
    override func sound() -> String { "Woof" }
}

private final class Account: Codable, Sendable {
    let owner: String
    let parent: Account?
    init(owner: String, parent: Account? = nil) {
        self.owner = owner
        self.parent = parent
    }
    var root: Account { parent?.root ?? self }
}

/// A class with a resource in it, and the plain data that is enough to make it again.
private final class Session {
    struct Snapshot: Codable, Sendable { var user: String, visits: Int }
    private var visits: Int
    private let user: String
    private let cache: [ObjectIdentifier: Int] = [:]

    init(user: String) {
        self.user = user
        visits = 0
    }

    init(_ snapshot: Snapshot) {
        user = snapshot.user
        visits = snapshot.visits
    }

    var snapshot: Snapshot { Snapshot(user: user, visits: visits) }
    func visit() { visits += 1 }
    func describe() -> String { "\(user) was here \(visits) times" }
}

extension Scenarios {
    @Suite("Classes as results")
    struct ClassResults {
        @Test(arguments: Memory.allCases)
        func `A final class with objects in it comes back with all of them`(_ memory: Memory) async throws {
            let workflow = Workflow("account") { (context, _: Int) async throws -> [String] in
                let account = try await context.run("open") { Account(owner: "Ada", parent: Account(owner: "Bank")) }
                return [account.owner, account.root.owner]
            }
            #expect(try await complete(workflow, 0, memory: memory).output == ["Ada", "Bank"])
        }

        @Test
        func
            `A subclass behind its base class's type comes back as the base class; by its own type it stays what it is`()
            async throws
        {
            let workflow = Workflow("pets") { (context, _: Int) async throws -> [String] in
                let lost = try await context.run("as the base") { () -> Animal in Dog(name: "Rex") }
                let kept = try await context.run("as itself") { Dog(name: "Rex") }
                return [lost.name, lost.sound(), kept.name, kept.sound()]
            }
            #expect(try await complete(workflow, 0).output == ["Rex", "…", "Rex", "Woof"])
        }

        @Test(arguments: Memory.allCases)
        func `A class that is not Codable goes through a snapshot that is`(_ memory: Memory) async throws {
            let workflow = Workflow("session") { (context, _: Int) async throws -> String in
                let snapshot = try await context.run("visit") {
                    let session = Session(user: "Ada")
                    session.visit()
                    return session.snapshot
                }
                let session = Session(snapshot)
                session.visit()
                return session.describe()
            }
            #expect(try await complete(workflow, 0, memory: memory).output == "Ada was here 2 times")
        }
    }
}
