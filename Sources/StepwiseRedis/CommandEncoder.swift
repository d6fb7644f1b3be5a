internal import CStepwiseHiredis
package import NIOCore

/// Commands in, bytes out: hiredis's writer. Keeps its scratch space, because a busy connection encodes 100,000 commands
/// a second.
package final class CommandEncoder {
    private struct Scratch {
        var bytes: [UInt8] = []
        var lengths: [Int] = []
        var pointers: [UnsafePointer<CChar>?] = []
    }

    private var scratch = Scratch()

    package init() {}

    /// Appends a command, name and arguments, to `buffer`.
    package func encode(_ arguments: [RedisArgument], into buffer: inout ByteBuffer) {
        // Taken out while it is used: each access to a class's field is checked for others.
        var (bytes, lengths, pointers) = (scratch.bytes, scratch.lengths, scratch.pointers)
        scratch = Scratch()
        bytes.removeAll(keepingCapacity: true)
        lengths.removeAll(keepingCapacity: true)
        pointers.removeAll(keepingCapacity: true)
        for argument in arguments {
            let start = bytes.count
            switch argument {
            case .string(var text): text.withUTF8 { bytes.append(contentsOf: $0) }
            case .bytes(let raw): bytes.append(contentsOf: raw)
            }
            lengths.append(bytes.count - start)
        }
        // hiredis copies from each pointer, also for a length of 0: there has to be something to point to.
        bytes.append(0)
        bytes.withUnsafeBytes { scratch in
            var next = scratch.baseAddress?.assumingMemoryBound(to: CChar.self)
            for length in lengths {
                pointers.append(next)
                next = next?.advanced(by: length)
            }
            // Of hiredis's two writers the one that does not call sprintf for each length.
            var encoded: sds?
            let count = Int(redisFormatSdsCommandArgv(&encoded, Int32(lengths.count), &pointers, &lengths))
            guard count > 0, let encoded else { fatalError("out of memory: no room for a command") }
            buffer.writeBytes(UnsafeRawBufferPointer(start: encoded, count: count))
            redisFreeSdsCommand(encoded)
        }
        scratch = Scratch(bytes: bytes, lengths: lengths, pointers: pointers)
    }
}
