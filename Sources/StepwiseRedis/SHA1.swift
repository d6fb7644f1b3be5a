/// SHA-1, by which Redis names a script. Its digest also stands for the secret of a callback, which is 128 random bits that the engine makes:
/// to find the secret takes a preimage, and nobody can compute one. Two texts with the same digest can be made, which matters for neither use.
///
/// Of our own: nothing that Stepwise's core builds offers one (swift-nio's and BoringSSL's are not products), and swift-crypto, which an example
/// and AsyncHTTPClient use, would cost everybody who builds the core alone a minute or more.
package enum SHA1 {
    /// The digest of a text's UTF-8, as 40 hexadecimal digits in lower case.
    package static func hex(_ text: String) -> String {
        var message = Array(text.utf8)
        let bits = UInt64(message.count) * 8
        message.append(0x80)
        message.append(contentsOf: repeatElement(0, count: (120 - message.count % 64) % 64))
        for shift in stride(from: 56, through: 0, by: -8) { message.append(UInt8(truncatingIfNeeded: bits >> shift)) }
        var state: [UInt32] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0]
        var words = [UInt32](repeating: 0, count: 80)
        message.withUnsafeBufferPointer { message in
            for block in stride(from: 0, to: message.count, by: 64) {
                for n in 0..<16 {
                    let at = block + 4 * n
                    let high = UInt32(message[at]) << 24 | UInt32(message[at + 1]) << 16
                    words[n] = high | UInt32(message[at + 2]) << 8 | UInt32(message[at + 3])
                }
                mix(&state, &words)
            }
        }
        return state.map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 8 - digits.count) + digits
        }.joined()
    }

    /// Takes one block of 64 bytes in, which are the first 16 words.
    private static func mix(_ state: inout [UInt32], _ words: inout [UInt32]) {
        for n in 16..<80 { words[n] = rotate(words[n - 3] ^ words[n - 8] ^ words[n - 14] ^ words[n - 16], by: 1) }
        var (a, b, c, d, e) = (state[0], state[1], state[2], state[3], state[4])
        for n in 0..<80 {
            let mixed: UInt32
            switch n {
            case ..<20: mixed = (b & c | ~b & d) &+ 0x5A82_7999
            case ..<40: mixed = (b ^ c ^ d) &+ 0x6ED9_EBA1
            case ..<60: mixed = (b & c | b & d | c & d) &+ 0x8F1B_BCDC
            default: mixed = (b ^ c ^ d) &+ 0xCA62_C1D6
            }
            let next = rotate(a, by: 5) &+ mixed &+ e &+ words[n]
            (a, b, c, d, e) = (next, a, rotate(b, by: 30), c, d)
        }
        for (n, word) in [a, b, c, d, e].enumerated() { state[n] &+= word }
    }

    private static func rotate(_ word: UInt32, by bits: UInt32) -> UInt32 { word << bits | word >> (32 - bits) }
}
