#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// An IPv4 or IPv6 address.
package struct IPAddress: Sendable, Hashable, CustomStringConvertible {
    /// 4 or 16, as on the wire.
    package let bytes: [UInt8]

    package init?(bytes: [UInt8]) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        self.bytes = bytes
    }

    /// `192.0.2.1` or `2001:db8::1`; `nil` for anything else, such as `127.1` or `0x7f000001`.
    package init?(_ text: String) {
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &bytes) == 1 {
            self.bytes = Array(bytes.prefix(4))
        } else if inet_pton(AF_INET6, text, &bytes) == 1 {
            self.bytes = bytes
        } else {
            return nil
        }
    }

    package var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        _ = inet_ntop(bytes.count == 4 ? AF_INET : AF_INET6, bytes, &text, socklen_t(text.count))
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// From where an address can be reached.
    package enum Reach: Sendable, Hashable {
        case everywhere
        /// Only from this machine or its network; says what it is.
        case here(String)
        /// No address of a service; says what it is.
        case nowhere(String)
    }

    /// By IANA's registries of special-purpose addresses (RFC 6890), and the addresses at which clouds tell a machine its credentials.
    package var reach: Reach {
        bytes.count == 4 ? Self.reach(ofIPv4: bytes) : Self.reach(ofIPv6: bytes)
    }

    private static let metadata: Set<String> = [
        "169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254",
        "fd20:ce::254",
    ]
    private static let metadataBytes = Set(metadata.compactMap { IPAddress($0)?.bytes })

    private static func reach(ofIPv4 bytes: [UInt8]) -> Reach {
        if metadataBytes.contains(bytes) { return .nowhere("a cloud's metadata address") }
        switch (bytes[0], bytes[1], bytes[2]) {
        case (127, _, _): return .here("a loopback address")
        case (10, _, _), (172, 16...31, _), (192, 168, _): return .here("a private address")
        case (100, 64...127, _): return .here("an address of a provider's own network")
        case (198, 18...19, _): return .here("an address for benchmarks")
        case (169, 254, _): return .nowhere("a link-local address")
        case (0, _, _): return .nowhere("an unspecified address")
        case (192, 0, 0), (192, 0, 2), (192, 88, 99), (198, 51, 100), (203, 0, 113):
            return .nowhere("a reserved address")
        case (224...239, _, _): return .nowhere("a multicast address")
        case (240...255, _, _): return .nowhere("a reserved address")
        default: return .everywhere
        }
    }

    private static func reach(ofIPv6 bytes: [UInt8]) -> Reach {
        if metadataBytes.contains(bytes) { return .nowhere("a cloud's metadata address") }
        let words = stride(from: 0, to: 16, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
        let last = Array(bytes[12...])
        switch (words[0], words[1]) {
        case (0, 0) where words[2...6].allSatisfy({ $0 == 0 }) && words[7] == 1: return .here("a loopback address")
        case (0, 0) where words[2...].allSatisfy({ $0 == 0 }): return .nowhere("an unspecified address")
        // IPv4 in IPv6: mapped, translated (NAT64), and 6to4.
        case (0, 0) where words[2...4].allSatisfy({ $0 == 0 }) && words[5] == 0xffff: return reach(ofIPv4: last)
        case (0x64, 0xff9b) where words[2...5].allSatisfy({ $0 == 0 }): return reach(ofIPv4: last)
        case (0x2002, _): return reach(ofIPv4: Array(bytes[2..<6]))
        case (0xfc00...0xfdff, _): return .here("a private address")
        case (0xfe80...0xfebf, _): return .nowhere("a link-local address")
        case (0xff00...0xffff, _): return .nowhere("a multicast address")
        // Teredo, benchmarks and ORCHIDs, documentation.
        case (0x2001, 0...0x1ff), (0x2001, 0xdb8), (0x3fff, 0...0xfff): return .nowhere("a reserved address")
        case (0x2000...0x3fff, _): return .everywhere
        default: return .nowhere("a reserved address")
        }
    }
}
