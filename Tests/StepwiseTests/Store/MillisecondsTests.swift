import Foundation
import Stepwise
import Testing

@Suite("Milliseconds") struct MillisecondsTests {
    /// What is written, with a coder that would write a `Date` in another way.
    private func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    private func read<Value: Decodable>(_ type: Value.Type, _ json: String) throws -> Value {
        try JSONDecoder().decode(type, from: Data(json.utf8))
    }

    private func attempt(took: Int, at: Int, delay: Int) -> String {
        #"{"at":\#(at),"attempt":1,"delay":\#(delay),"message":"no","took":\#(took),"type":"Declined","worker":"w"}"#
    }

    @Test func `A time is written in whole milliseconds and read back exactly`() throws {
        let end = 253_402_300_799_999
        for beginning in [-500, 1_764_447_999_000, end - 999] {
            for time in beginning..<(beginning + 1000) {
                #expect(Date(milliseconds: time).wholeMilliseconds == time)
                #expect(Duration.milliseconds(time).wholeMilliseconds == time)
            }
        }
        #expect(Date(milliseconds: 1_764_447_999_999) == Date(timeIntervalSince1970: 1_764_447_999.999))
        #expect(Date(milliseconds: Int?.none) == nil)
    }

    @Test func `The JSON of runs, outcomes and failed attempts has these names, and times in milliseconds`() throws {
        let run = #"""
            {"cancelled":"c","continued":2,"created":1764447999999,"deadline":1764451599999,"ended":1764448000001,"error":"{}",\#
            "id":"r","labels":{"tenant":"acme"},"origin":"o","output":"1","parent":"p","parentStep":"s","patches":{"p1":3},\#
            "payload":"null","queue":"default","reason":"why","recorded":4,"restarted":"a","startsAt":1764447999998,\#
            "status":"failed","warning":"w","workflow":"greet"}
            """#
        let details = try read(RunDetails.self, run)
        #expect(details.created == Date(timeIntervalSince1970: 1_764_447_999.999))
        #expect(details.ended == Date(milliseconds: 1_764_448_000_001))
        #expect(details.deadline == Date(milliseconds: 1_764_451_599_999))
        #expect(details.startsAt == Date(milliseconds: 1_764_447_999_998))
        #expect(try json(details) == run)

        let failed = attempt(took: 7, at: 1_764_447_999_997, delay: 30)
        let note = try read(FailedAttempt.self, failed)
        #expect(note.took == .milliseconds(7) && note.delay == .milliseconds(30))
        #expect(note.at == Date(milliseconds: 1_764_447_999_997))
        #expect(try json(note) == failed)

        let outcome = #"""
            {"at":1764447999999,"attempts":2,"cancel":"c","child":"x","failed":[\#(failed)],"key":"1","kind":"invoke","lost":1,\#
            "number":3,"step":"s","took":12,"value":"1","worker":"w"}
            """#
        let step = try read(RecordedStep.self, outcome)
        #expect(step.took == .milliseconds(12) && step.at == Date(milliseconds: 1_764_447_999_999))
        #expect(step.failed == [note])
        #expect(try json(step) == outcome)

        let dead = #"""
            {"created":1764447999999,"error":{"message":"no","type":"Declined"},"failed":1764448000001,"id":"r","labels":{},\#
            "queue":"default","recorded":4,"workflow":"greet"}
            """#
        let failure = try read(DeadRun.self, dead)
        #expect(failure.created == details.created && failure.failed == details.ended)
        #expect(try json(failure) == dead)
    }

    @Test func `What is not known of a run has no member in its JSON`() throws {
        let details = RunDetails(id: "r", workflow: "greet", status: .queued, queue: "default", payload: "null")
        let text = #"""
            {"continued":0,"id":"r","labels":{},"patches":{},"payload":"null","queue":"default","recorded":0,"status":"queued",\#
            "workflow":"greet"}
            """#
        #expect(try json(details) == text)
        #expect(try read(RunDetails.self, text) == details)
    }

    @Test func `An outcome as a worker has written it is told in times, and one without them is read as well`() throws {
        let failed = attempt(took: 7, at: 1_764_447_999_997, delay: 30)
        func step(_ members: String) throws -> RecordedStep {
            RecordedStep(
                number: 1,
                try OutcomeRecord(Array(#"{"step":"s",\#(members)"claim":"w/1","value":null}"#.utf8)))
        }
        let whole = try step(#""took":12,"at":1764447999999,"failed":[\#(failed)],"#)
        #expect(whole.took == .milliseconds(12) && whole.at == Date(milliseconds: 1_764_447_999_999))
        #expect(whole.failed.map(\.delay) == [.milliseconds(30)])
        let bare = try step("")
        #expect(bare.took == nil && bare.at == nil && bare.failed.isEmpty)
        // A note that lacks a time is none.
        let open = try #require(OpenStep("run 2 0 item 1764447999997\n{\"attempt\":1}\n\(failed)"))
        #expect(open.failed == whole.failed)
    }

    @Test(arguments: [Int.max, .min, -1, -1_764_447_999_999, 1 << 53])
    func `No number of milliseconds is too absurd to be read, and to be written again`(_ number: Int) throws {
        let note = try read(FailedAttempt.self, attempt(took: number, at: number, delay: number))
        #expect(note.at == Date(milliseconds: number) && note.took == .milliseconds(number))
        #expect(try json(note).contains("\"at\":\(number),"))
        let limit = Duration.days(3_650_000)
        #expect(note.took.wholeMilliseconds == min(max(number, -limit.wholeMilliseconds), limit.wholeMilliseconds))
        for absurd in [Double.infinity, 1e300] {
            #expect(Date(timeIntervalSince1970: absurd).wholeMilliseconds == .max)
        }
        for absurd in [-Double.infinity, -1e300] {
            #expect(Date(timeIntervalSince1970: absurd).wholeMilliseconds == .min)
        }
        for absurd in [Int64.max, .min] { _ = Duration.seconds(absurd).wholeMilliseconds }
    }

    @Test func `What users throw and store keeps the coding that Swift gives it`() throws {
        let text = #"{"limit":[0,1500000000000000],"name":"all"}"#
        let timeout = try read(WorkflowTimeout.self, text)
        #expect(timeout.limit == .microseconds(1500))
        #expect(try json(timeout) == text)
    }
}
