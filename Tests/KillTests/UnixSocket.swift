import Foundation

/// Plain unix sockets for the proxy.
enum UnixSocket {
    struct Failure: Error { var call: String }

    static func listen(_ path: String) throws -> Int32 {
        let descriptor = try make()
        guard withAddress(path, { bind(descriptor, $0, $1) }) == 0, Glibc.listen(descriptor, 64) == 0 else {
            throw Failure(call: "bind \(path)")
        }
        return descriptor
    }

    static func connect(_ path: String) throws -> Int32 {
        let descriptor = try make()
        guard withAddress(path, { Glibc.connect(descriptor, $0, $1) }) == 0 else {
            close(descriptor)
            throw Failure(call: "connect \(path)")
        }
        return descriptor
    }

    static func write(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                send(descriptor, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return false }
            sent += count
        }
        return true
    }

    private static func make() throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        if descriptor < 0 { throw Failure(call: "socket") }
        return descriptor
    }

    private static func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8).prefix(100)) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}

/// Cuts a stream of RESP into whole requests or replies.
struct FrameReader {
    let socket: Int32
    private var buffer: [UInt8] = []

    init(socket: Int32) {
        self.socket = socket
    }

    /// The next frame's bytes; `nil` at the end of the stream.
    mutating func next() -> [UInt8]? {
        while true {
            if let end = Self.end(of: buffer, from: 0) {
                defer { buffer.removeFirst(end) }
                return Array(buffer[..<end])
            }
            var chunk = [UInt8](repeating: 0, count: 65_536)
            let count = recv(socket, &chunk, chunk.count, 0)
            if count <= 0 { return nil }
            buffer += chunk[..<count]
        }
    }

    /// Where the frame that begins at `start` ends; `nil` if it is not whole.
    static func end(of bytes: [UInt8], from start: Int) -> Int? {
        guard start < bytes.count, let line = bytes[start...].firstIndex(of: 13), line + 1 < bytes.count else {
            return nil
        }
        let behind = line + 2
        let number = Int(String(decoding: bytes[(start + 1)..<line], as: UTF8.self)) ?? 0
        switch bytes[start] {
        case UInt8(ascii: "$"):
            let end = number < 0 ? behind : behind + number + 2
            return end <= bytes.count ? end : nil
        case UInt8(ascii: "*"):
            var at = behind
            for _ in 0..<max(0, number) {
                guard let next = end(of: bytes, from: at) else { return nil }
                at = next
            }
            return at
        default:
            return behind
        }
    }
}

extension [UInt8] {
    func contains(_ part: [UInt8]) -> Bool {
        guard let first = part.first, count >= part.count else { return false }
        return indices.dropLast(part.count - 1).contains {
            self[$0] == first && self[$0..<($0 + part.count)].elementsEqual(part)
        }
    }
}
