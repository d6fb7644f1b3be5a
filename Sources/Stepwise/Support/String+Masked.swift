extension String {
    /// The text with `***` in place of each secret between `://` and `@`: of an address with a password its user's name stays, and of one without a
    /// colon nothing, because a password stands there where the colon was forgotten. What has a space in it is no address.
    package var masked: String {
        guard contains("://") else { return self }
        var result = ""
        var rest = self[...]
        while let separator = rest.firstRange(of: "://") {
            result += rest[..<separator.upperBound]
            rest = rest[separator.upperBound...]
            // Up to the next address: two may stand in one word.
            let word = rest.prefix { !$0.isWhitespace }
            let part = word.firstRange(of: "://").map { word[..<$0.lowerBound] } ?? word
            // The last one: a password may have an unescaped "@".
            guard let end = part.lastIndex(of: "@") else { continue }
            let name = rest[..<end].prefix { $0 != ":" }
            result += name.endIndex == end ? "***" : "\(name):***"
            rest = rest[end...]
        }
        return result + rest
    }
}
