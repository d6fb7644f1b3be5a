package import NIOCore

/// Follows one reply through the bytes of RESP2, wherever they are cut into pieces, and shortens each bulk in it that is longer
/// than allowed. A pure value.
///
/// A body may hold anything, also what looks like a header. To tell them apart, the scanner counts from the reply's first byte.
package struct ReplyScanner {
    /// A bulk that was shortened.
    package struct Cut: Sendable, Hashable {
        /// Its place among the values of the reply, from 0 on, in the order in which they begin.
        package var place: Int
        /// In bytes, as the server announced it.
        package var length: Int

        package init(place: Int, length: Int) {
            self.place = place
            self.length = length
        }
    }

    private enum State {
        case line
        /// So many bytes of a bulk are passed on; then so many are skipped.
        case keep(Int, skip: Int)
        case skip(Int)
    }

    /// What is kept of a bulk that is too long.
    package static let excerptSize = 4096
    /// Errors and statuses are the words of the server and of our scripts. If a line is longer than this and than the limit, the
    /// server is broken.
    private static let longestLine = 64 * 1024

    private let maximumBulk: Int
    private var state = State.line
    private var line: [UInt8] = []
    private var begun = 0
    private var missing = 1
    /// In the order of the reply.
    package private(set) var cuts: [Cut] = []

    package init(maximumBulk: Int) {
        self.maximumBulk = max(0, maximumBulk)
    }

    /// Whether the reply has ended.
    package var isAtEnd: Bool { missing == 0 }

    /// Takes bytes from `input` up to the reply's end, and appends to `output` what a parser is to see of them.
    package mutating func scan(_ input: inout ByteBuffer, into output: inout ByteBuffer) throws(RedisError) {
        while missing > 0, input.readableBytes > 0 {
            switch state {
            case .line:
                if try readLine(from: &input) { try lineEnded(into: &output) }
            case .keep(let left, skip: let skip):
                let count = min(left, input.readableBytes)
                if var part = input.readSlice(length: count) { output.writeBuffer(&part) }
                if count < left {
                    state = .keep(left - count, skip: skip)
                } else if skip > 0 {
                    state = .skip(skip)
                } else {
                    valueEnded()
                }
            case .skip(let left):
                let count = min(left, input.readableBytes)
                input.moveReaderIndex(forwardBy: count)
                state = .skip(left - count)
                if count == left {
                    output.writeString("\r\n")
                    valueEnded()
                }
            }
        }
    }

    private mutating func valueEnded() {
        state = .line
        missing -= 1
    }

    /// - Returns: whether the line is whole.
    private mutating func readLine(from input: inout ByteBuffer) throws(RedisError) -> Bool {
        let bytes = input.readableBytesView
        let end = bytes.firstIndex(of: UInt8(ascii: "\n"))
        let part = bytes[...(end ?? bytes.endIndex - 1)]
        line.append(contentsOf: part)
        input.moveReaderIndex(forwardBy: part.count)
        guard line.count <= max(maximumBulk, Self.longestLine) else {
            throw RedisError(protocolError: "a line of more than \(max(maximumBulk, Self.longestLine)) bytes")
        }
        return end != nil && line.suffix(2).elementsEqual("\r\n".utf8)
    }

    private mutating func lineEnded(into output: inout ByteBuffer) throws(RedisError) {
        defer { line.removeAll(keepingCapacity: true) }
        let place = begun
        begun += 1
        switch line[0] {
        case UInt8(ascii: "*"):
            missing += try number(upTo: Int(Int32.max)) ?? 0
            valueEnded()
        case UInt8(ascii: "$"):
            guard let length = try number(upTo: .max) else {
                valueEnded()
                break
            }
            guard length <= maximumBulk else {
                let kept = min(Self.excerptSize, maximumBulk)
                cuts.append(Cut(place: place, length: length))
                output.writeString("$\(kept)\r\n")
                state = .keep(kept, skip: length - kept + 2)
                return
            }
            state = .keep(length + 2, skip: 0)
        default:
            // The parser knows what it is, and whether it may be.
            valueEnded()
        }
        output.writeBytes(line)
    }

    /// The length in the line; `nil` for a null.
    private func number(upTo maximum: Int) throws(RedisError) -> Int? {
        let digits = line.dropFirst().dropLast(2)
        if digits.elementsEqual("-1".utf8) { return nil }
        // 18 digits are more than anybody has memory for, and never too many for an Int.
        let isNumber = (1...18).contains(digits.count) && digits.allSatisfy { (48...57).contains($0) }
        let number = isNumber ? digits.reduce(0) { $0 * 10 + Int($1 - 48) } : Int.max
        guard isNumber, number <= maximum else {
            throw RedisError(protocolError: "a length of \(String(decoding: digits.prefix(40), as: UTF8.self))")
        }
        return number
    }
}

extension RedisError {
    /// The connection is of no use after it.
    init(protocolError text: String) {
        self.init(.ambiguous, Self.otherProtocol + text)
    }

    /// How its message begins.
    static let otherProtocol = "the server's answer is not the Redis protocol: "
}
