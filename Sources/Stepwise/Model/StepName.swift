/// The rules for a step's name.
package enum StepName {
    /// The longest name in UTF-8 bytes.
    package static let limit = 200

    /// - Throws: ``StepwiseError`` with code `invalidStepName` if the name is empty, too long, holds control characters, or ends in
    ///   `#` and digits, which is how repeated uses of a name are told apart.
    package static func check(_ name: String) throws(StepwiseError) {
        func refuse(_ why: String) -> StepwiseError {
            StepwiseError(.invalidStepName, "the step name \"\(name.prefix(bytes: 80))\" \(why)")
        }
        if name.isEmpty {
            throw StepwiseError(
                .invalidStepName, "a step needs a name: context.run(\"charge\") { … }; this one is empty")
        }
        if name.utf8.count > limit { throw refuse("is longer than \(limit) bytes; shorten it") }
        if name.utf8.contains(where: { $0 < 32 || $0 == 127 }) {
            throw refuse("holds control characters; remove them")
        }
        // By bytes: there are characters that swallow the # which follows them.
        let digits = name.utf8.reversed().prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        if !digits.isEmpty, name.utf8.dropLast(digits.count).last == UInt8(ascii: "#") {
            throw refuse("ends in # and digits, which names the second and later uses of a step; choose another ending")
        }
    }
}
