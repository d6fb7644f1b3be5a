import Stepwise
import Testing

@Suite("Work items") struct WorkItemTests {
    @Test func `Each text is read as what it says, and what may hold spaces stands last`() {
        #expect(WorkItem("turn r 17") == .turn(run: "r", generation: "17"))
        #expect(WorkItem("turn r 17 greet {\"a b\": 1}") == .turn(run: "r", generation: "17"))
        #expect(WorkItem("step r 17 2 a step") == .step(run: "r", generation: "17", attempt: 2, step: "a step"))
        #expect(
            WorkItem("ended r 17 c a step") == .ended(run: "r", generation: "17", child: "c", step: "a step"))
        #expect(
            WorkItem("broadcast news 1795 {\"a b\": \"for all\"}")
                == .broadcast(event: "news", time: 1795, value: Array("{\"a b\": \"for all\"}".utf8)))
        #expect(
            WorkItem("cancel c greet r 17 a step")
                == .cancel(child: "c", workflow: "greet", run: "r", generation: "17", step: "a step"))
        #expect(
            WorkItem("withdraw r 17 3 news a step")
                == .withdraw(run: "r", generation: "17", number: 3, event: "news", step: "a step"))
        #expect(WorkItem("end r 17") == .end(run: "r", generation: "17"))
        #expect(WorkItem.endText(run: "r", generation: "17") == "end r 17")
    }

    @Test(arguments: [
        "", "turn", "turn r", "turn r x", "turn r 17 greet", "step r 17 2", "step r 17 two a", "broadcast news soon 1",
        "broadcast news 1795", #"{"workflow":"greet"}"#, "ended r 17 c", "cancel c greet r 17", "withdraw r 17 3 news",
        "end r", "end r 17 more", "end r x",
    ])
    func `What is none of them is not a work item`(_ text: String) {
        #expect(WorkItem(text) == nil)
    }
}
