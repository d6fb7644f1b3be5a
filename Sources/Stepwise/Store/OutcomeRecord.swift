/// An outcome as it is stored in `steps:<id>`: one JSON object.
///
/// `{"step":"charge","attempts":2,"took":12,"claim":"<worker>/<n>","at":<ms>,"value":…}` or, in place of `value`,
/// `"error":{"type":"Declined","message":"…"}`, with `cause` unless it is `failed`, and `value`, the error's own JSON, if it has one. No
/// `attempts` means 1. Behind `step` come `kind`, unless it is a step with a body,
/// `child`, the run that it has made, and `key`, if it was called with one. `took` is the last attempt's time in ms by the worker's clock, `at` Redis' time. Behind `at` come, if there are any,
/// `lost`, the workers that died with the step, `waited`, how many ms it was on a queue before its first attempt, if that was more than 100, and
/// `failed`, the attempts before the last.
package struct OutcomeRecord: Sendable, Hashable {
    package var outcome: Outcome
    package var attempts: Int
    package var took: Int?
    /// The worker and the number of its call that wrote the record.
    package var claim: String
    /// When it was recorded, in ms since 1970 by Redis' clock.
    package var at: Int?
    package var lost: Int
    /// How many ms it was on a queue before its first attempt, if that was more than 100.
    package var waited: Int?
    package var failed: [FailedAttempt]
    /// The run that the step has made.
    package var child: String?

    /// The record's text before the time, which only Redis knows.
    package static func head(
        step: String, kind: String? = nil, child: String? = nil, key: String?, attempts: Int, took: Int, claim: String
    ) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(160)
        // By `inout`: each access to a variable that a function captures is checked for others.
        func add(_ words: String, to text: inout [UInt8]) {
            var words = words
            words.withUTF8 { text.append(contentsOf: $0) }
        }
        add("{\"step\":", to: &text)
        JSON.append(step, to: &text)
        if let kind { add(",\"kind\":\(JSON.string(kind))", to: &text) }
        if let child { add(",\"child\":\(JSON.string(child))", to: &text) }
        if let key { add(",\"key\":\(key)", to: &text) }
        if attempts != 1 { add(",\"attempts\":\(attempts)", to: &text) }
        add(",\"took\":", to: &text)
        add(String(took), to: &text)
        add(",\"claim\":", to: &text)
        JSON.append(claim, to: &text)
        return text
    }

    /// The record's text behind the time.
    package static func tail(_ result: Outcome.Result) -> [UInt8] {
        switch result {
        case .value(let bytes):
            value(bytes)
        case .error(let failure):
            Array(
                ("\"error\":{\"type\":\(JSON.string(failure.type)),\"message\":\(JSON.string(failure.message))"
                    + (failure.cause == .failed ? "" : ",\"cause\":\(JSON.string(failure.cause.rawValue))")
                    + (failure.value.map { ",\"value\":\($0)" } ?? "") + "}").utf8)
        case .cancel(let reason):
            Array("\"cancel\":\(JSON.string(reason))".utf8)
        case .timeout(let reason):
            Array("\"timeout\":\(JSON.string(reason))".utf8)
        }
    }

    private static func value(_ json: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(json.count + 8)
        text.append(contentsOf: "\"value\":".utf8)
        text.append(contentsOf: json)
        return text
    }

    /// - Throws: ``StepwiseError`` with code `notDecodable` for what is not a record.
    package init(_ bytes: [UInt8]) throws(StepwiseError) {
        guard let members = JSONMembers(bytes), let step = members.string("step") else {
            throw StepwiseError(
                .notDecodable, "a recorded outcome is not a JSON object with a step: \(JSON.excerpt(bytes))")
        }
        attempts = members.integer("attempts") ?? 1
        took = members.integer("took")
        claim = members.string("claim") ?? ""
        at = members.integer("at")
        child = members.string("child")
        lost = members.integer("lost") ?? 0
        waited = members.integer("waited")
        failed = members.values["failed"].flatMap { try? JSON.decode([FailedAttempt].self, from: $0, what: "") } ?? []
        if let value = members.values["value"] {
            outcome = Outcome(step: step, result: .value(value))
        } else if let error = members.values["error"], let words = JSONMembers(error) {
            let failure = StepFailure(
                step: step, attempts: attempts, type: words.string("type") ?? "",
                message: words.string("message") ?? "",
                cause: words.string("cause").map { .init(rawValue: $0) } ?? .failed, child: child,
                value: words.values["value"].map { String(decoding: $0, as: UTF8.self) })
            outcome = Outcome(step: step, result: .error(failure))
        } else if let reason = members.string("cancel") {
            outcome = Outcome(step: step, result: .cancel(reason))
        } else if let reason = members.string("timeout") {
            outcome = Outcome(step: step, result: .timeout(reason))
        } else {
            throw StepwiseError(.notDecodable, "the recorded outcome of step \"\(step)\" has neither value nor error")
        }
        outcome.kind = members.string("kind")
        outcome.key = members.values["key"].map { String(decoding: $0, as: UTF8.self) }
    }
}
