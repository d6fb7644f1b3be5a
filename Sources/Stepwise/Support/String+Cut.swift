extension String {
    /// The beginning of a text: at most so many bytes of UTF-8, cut where a scalar ends. Characters are not a measure: one may have any number of bytes.
    package init(cutting bytes: some BidirectionalCollection<UInt8>, to limit: Int) {
        var end = bytes.index(bytes.startIndex, offsetBy: limit, limitedBy: bytes.endIndex) ?? bytes.endIndex
        // Up to three bytes of a scalar follow its first one.
        for _ in 0..<Swift.min(3, limit) where end != bytes.endIndex && UTF8.isContinuation(bytes[end]) {
            bytes.formIndex(before: &end)
        }
        self.init(decoding: bytes[..<end], as: UTF8.self)
    }

    /// Its first bytes in UTF-8, cut where a scalar ends: for what is stored of a text that somebody else has written.
    package func prefix(bytes limit: Int) -> String { String(cutting: utf8, to: limit) }
}

extension Substring {
    package func prefix(bytes limit: Int) -> String { String(cutting: utf8, to: limit) }
}
