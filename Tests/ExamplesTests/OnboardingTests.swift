import ExampleSupport
import Examples
import Foundation
import Stepwise
import StepwiseTesting
import TestSupport
import Testing

extension ExampleTests {
    @Suite("Customer onboarding")
    struct OnboardingTests {
        @Test(.scenario(33))
        func `A customer is looked after for weeks, in one short history; an event ends it`() async throws {
            try await withExamples { world in
                let run = try await world.client.enqueue(.onboarding, Customer(name: "Ada"), id: "Ada")
                func expectMails(_ count: Int) async throws {
                    try await eventually("\(count) mails") { try world.books.entries(in: "mail").count == count }
                    try await world.atRest(1)
                }
                try await expectMails(1)
                try await world.skip(.days(3))
                try await expectMails(2)
                try world.books.enter("Ada", in: "sign-ins", "from the test")
                try await world.skip(.days(2))
                try await expectMails(3)
                for week in 1...2 {
                    try await world.skip(.days(7))
                    try await expectMails(3 + week)
                    #expect(try await run.details().continued == week + 1)
                    #expect(try await run.history().map(\.step) == ["look for activity", "tips"])
                }
                try await run.notify("unsubscribe")
                #expect(try await run.result(timeout: patience) == 3)
                #expect(try await run.history().map(\.step).suffix(2) == ["unsubscribe", "farewell"])
                let status = try await run.details()
                let (created, ended) = (try #require(status.created), try #require(status.ended))
                #expect(ended.timeIntervalSince(created) >= 19 * 86_400)
                let mails = try world.books.lines(in: "mail").map { $0.dropFirst("Ada: ".count) }
                #expect(mails.sorted() == ["farewell", "reminder", "tips", "tips", "tips", "welcome"])
            }
        }

        @Test func `Who unsubscribes in the first days gets no further mail but a farewell`() async throws {
            try await withBooks { books in
                let test = WorkflowTest(Workflow(.onboarding, body: Onboarding(books: books).accompany))
                test.at(.days(2)) { $0.notify("unsubscribe") }
                let rounds = try await test.run(Customer(name: "Bob"))
                #expect(rounds == 0)
                #expect(test.steps == ["welcome", "unsubscribe", "farewell"])
                #expect(test.elapsed == .days(2))
            }
        }

        @Test
        func `Who unsubscribes in the instant in which a round begins or ends gets one farewell, and is left alone`()
            async throws
        {
            for (day, rounds) in [(3, 0...0), (5, 0...1), (7, 1...2), (12, 4...4)] {
                try await withBooks { books in
                    let test = WorkflowTest(Workflow(.onboarding, body: Onboarding(books: books).accompany))
                    test.at(.days(day)) { $0.notify("unsubscribe") }
                    let last = try await test.run(Customer(name: "Bob"))
                    #expect(rounds.contains(last), "unsubscribed on day \(day)")
                    #expect(test.elapsed == .days(day) && test.steps.last == "farewell")
                    #expect(try books.lines(in: "mail").count { $0 == "Bob: farewell" } == 1)
                }
            }
        }
    }
}
