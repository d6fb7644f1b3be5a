import Stepwise
import Testing

@Suite("What an open step's text says") struct OpenStepTests {
    @Test(arguments: ["run 1 0 item", "run 1 0 inline", "run 2 1 item 17\n{}", "run 1 0 item total=99 claim=50"])
    func `A text without the facts of its queue reads as before, and lacks them`(_ text: String) throws {
        let open = try #require(OpenStep(text))
        #expect(open.called == nil && open.waited == nil && open.of == nil)
        #expect("\(open.kind) \(open.attempt) \(open.lost) \(open.place)\(open.rest)" == text)
    }

    @Test func `A plain step says when it was put on a queue`() throws {
        let open = try #require(OpenStep("run 1 0 item called=1795340073201"))
        #expect(open.kind == "run" && open.attempt == 1 && open.lost == 0 && open.place == "item")
        #expect(open.called == 1_795_340_073_201 && open.limits.isEmpty && open.failedLines.isEmpty)
        #expect(open.queued(at: 1_795_340_073_201) == 1_795_340_073_201)
        #expect(open.queued(at: 1_795_340_073_200) == nil, "it is not due")
    }

    @Test func `What is known of its queue is not a time limit, and stays when the text is written again`() throws {
        let text = "begun:w/7 2 0 item total=99 called=50 waited=340 of=4 17\n{\"attempt\":1}"
        let open = try #require(OpenStep(text))
        #expect(open.called == 50 && open.waited == 340 && open.of == 4 && open.since == 17)
        #expect(open.limits == ["total": 99])
        #expect("\(open.kind) \(open.attempt) \(open.lost) \(open.place)\(open.rest)" == text)
    }

    @Test(arguments: [
        "run 1 0 item called=", "run 1 0 item called=x", "run 1 0 item called=1 2=", "run 1 0 item called=1=2",
        "run 1 0 item called=99999999999999999999",
    ])
    func `A time that cannot be read makes the text unreadable, as any other part of it`(_ text: String) {
        #expect(OpenStep(text) == nil)
    }

    @Test func `A record says how long its step was on a queue, and an older one does not`() throws {
        let told = try OutcomeRecord(
            Array(#"{"step":"s","took":3,"claim":"w/1","at":9,"lost":1,"waited":340,"value":1}"#.utf8))
        #expect(told.waited == 340 && told.lost == 1)
        #expect(RecordedStep(number: 1, told).waited == .milliseconds(340))
        let older = try OutcomeRecord(Array(#"{"step":"s","took":3,"claim":"w/1","at":9,"value":1}"#.utf8))
        #expect(older.waited == nil)
        #expect(RecordedStep(number: 1, older).waited == nil)
    }
}
