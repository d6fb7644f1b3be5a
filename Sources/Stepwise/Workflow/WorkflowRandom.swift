/// Random numbers that come out the same on every replay: xoshiro256** (Blackman and Vigna, 2018), seeded by the place in the run where it
/// was asked for. Not for secrets: who knows the run's id and the time of its creation can compute it.
public struct WorkflowRandom: RandomNumberGenerator, Sendable {
    private var state: (UInt64, UInt64, UInt64, UInt64)

    /// - Parameter seed: any text; the same text gives the same numbers.
    package init(seed: String) {
        // Four lanes of SplitMix64's finalizer over the text's bytes; each begins with another constant.
        var lanes: [UInt64] = [
            0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb, 0xd6e8_feb8_6659_fd93,
        ]
        for byte in seed.utf8 {
            for index in lanes.indices {
                lanes[index] = Self.mix(lanes[index] &+ UInt64(byte) &+ 0x9e37_79b9_7f4a_7c15)
            }
        }
        state = (lanes[0], lanes[1], lanes[2], lanes[3] | 1)
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        var mixed = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    public mutating func next() -> UInt64 {
        let result = Self.rotate(state.1 &* 5, 7) &* 9
        let shifted = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= shifted
        state.3 = Self.rotate(state.3, 45)
        return result
    }

    private static func rotate(_ value: UInt64, _ bits: UInt64) -> UInt64 { (value << bits) | (value >> (64 - bits)) }
}
