import Stepwise
import TestSupport
import Testing

/// The class of the page.
private final class User: Codable, Sendable {
    let name: String
    let email: String

    init(_ name: String, _ email: String) {
        self.name = name
        self.email = email
    }

    func greet() -> String { "Hello, \(name) <\(email)>" }
}

extension Scenarios {
    @Suite("Instances of classes")
    struct ClassInstances {
        @Test(arguments: Memory.allCases)
        func `A class comes back as an instance with its methods, at once and on replay`(_ memory: Memory) async throws
        {
            let workflow = Workflow("greet-user") { (context, _: Int) async throws -> [String] in
                let user = try await context.run("step-1") { User("John Doe", "john.doe@example.com") }
                // Beside another step, so that a cold run replays with the user stored.
                async let other = context.run("other") { user.name }
                let greeting = try await context.run("greet") { user.greet() }
                return [user.greet(), greeting, try await other]
            }
            let hello = "Hello, John Doe <john.doe@example.com>"
            #expect(try await complete(workflow, 0, memory: memory).output == [hello, hello, "John Doe"])
        }

        @Test
        func `The function gets a decoded instance the first time too, never the body's own object`() async throws {
            let made = Made()
            let workflow = Workflow("identity") { (context, _: Int) async throws -> Bool in
                let user = try await context.run("make") {
                    let user = User("Ada", "ada@example.com")
                    await made.keep(user)
                    return user
                }
                return await made.isKept(user)
            }
            try await withWorker([workflow]) { client, _ in
                let isSame = try await client.enqueue(workflow, 0).result(timeout: patience)
                #expect(!isSame)
            }
        }
    }

    private actor Made {
        private var user: User?
        func keep(_ user: User) { self.user = user }
        func isKept(_ user: User) -> Bool { self.user === user }
    }
}
