import Foundation

/// Grey pixels, row by row, in a file that most viewers show (binary PGM).
struct Bitmap: Sendable, Hashable {
    var width: Int
    var height: Int
    var pixels: [UInt8]

    struct Unreadable: Error, Codable {}

    /// A picture of nothing in particular: squares on a slope of grey.
    static func painted(width: Int, height: Int) -> Bitmap {
        let pixels = (0..<width * height).map { index in
            let (x, y) = (index % width, index / width)
            return UInt8(x / 40 % 2 == y / 40 % 2 ? 255 * x / width : 255 * y / height)
        }
        return Bitmap(width: width, height: height, pixels: pixels)
    }

    init(width: Int, height: Int, pixels: [UInt8]) {
        (self.width, self.height, self.pixels) = (width, height, pixels)
    }

    /// - Throws: ``Unreadable``.
    init(_ data: Data) throws {
        let parts = data.split(separator: UInt8(ascii: "\n"), maxSplits: 3, omittingEmptySubsequences: false)
        let words = parts.prefix(3).map { String(decoding: $0, as: UTF8.self) }
        let sides = words.count == 3 ? words[1].split(separator: " ").compactMap { Int($0) } : []
        guard words.first == "P5", sides.count == 2, parts.count == 4, parts[3].count == sides[0] * sides[1] else {
            throw Unreadable()
        }
        self.init(width: sides[0], height: sides[1], pixels: Array(parts[3]))
    }

    var data: Data { Data("P5\n\(width) \(height)\n255\n".utf8) + pixels }

    /// Smaller: each pixel is the mean of those that it stands for.
    func scaled(toWidth newWidth: Int) -> Bitmap {
        let newHeight = max(1, height * newWidth / width)
        let pixels = (0..<newWidth * newHeight).map { index in
            let (x, y) = (index % newWidth, index / newWidth)
            let rows = y * height / newHeight..<max(y * height / newHeight + 1, (y + 1) * height / newHeight)
            let columns = x * width / newWidth..<max(x * width / newWidth + 1, (x + 1) * width / newWidth)
            let sum = rows.reduce(0) { sum, row in columns.reduce(sum) { $0 + Int(self.pixels[row * width + $1]) } }
            return UInt8(sum / (rows.count * columns.count))
        }
        return Bitmap(width: newWidth, height: newHeight, pixels: pixels)
    }

    /// With as few greys as a screen of old had: 16.
    var simplified: Bitmap { Bitmap(width: width, height: height, pixels: pixels.map { $0 / 16 * 17 }) }
}
