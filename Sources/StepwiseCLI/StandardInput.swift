import Foundation
import Stepwise

/// JSON that is given as an argument, or on stdin.
enum StandardInput {
    /// - Parameter argument: `-` for stdin; `nil` for `null`.
    /// - Throws: ``StepwiseError`` with code `notStorable` for what is not JSON.
    static func json(_ argument: String?) throws -> [UInt8] {
        let bytes = Array((argument == "-" ? try text() : argument ?? "null").utf8)
        if let problem = JSON.problem(with: bytes) {
            throw StepwiseError(.notStorable, "the value is \(problem)")
        }
        return bytes
    }

    static func text() throws -> String {
        guard let text = String(data: try FileHandle.standardInput.readToEnd() ?? Data(), encoding: .utf8) else {
            throw StepwiseError(.notStorable, "stdin is not UTF-8; JSON has to be")
        }
        // JSON's own white space and no other: what else stands around it is told.
        return text.trimmingCharacters(in: CharacterSet(charactersIn: " \t\r\n"))
    }
}
