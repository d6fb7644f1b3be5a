extension String {
    /// The parts between spaces, by bytes: there are characters that swallow the space before them.
    package func words(atMost count: Int, between separator: Unicode.Scalar = " ") -> [String] {
        var text = self
        return text.withUTF8 { bytes in
            var words: [String] = []
            words.reserveCapacity(count)
            func add(_ part: Slice<UnsafeBufferPointer<UInt8>>) {
                words.append(String(decoding: UnsafeBufferPointer(rebasing: part), as: UTF8.self))
            }
            var start = 0
            while words.count < count - 1, let end = bytes[start...].firstIndex(of: UInt8(ascii: separator)) {
                add(bytes[start..<end])
                start = end + 1
            }
            add(bytes[start...])
            return words
        }
    }
}
