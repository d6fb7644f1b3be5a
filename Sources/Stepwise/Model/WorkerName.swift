#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// A worker's name is new at every start: host, process and chance.
enum WorkerName {
    static func new() -> String {
        let host = ProcessInfo.processInfo.hostName
        let plain = host.unicodeScalars.prefix(24).map { scalar in
            scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)) ? Character(scalar) : "-"
        }
        let chance = String((0..<6).map { _ in "0123456789abcdefghijklmnopqrstuvwxyz".randomElement() ?? "0" })
        return "\(String(plain))-\(processID)-\(chance)"
    }

    static var host: String { ProcessInfo.processInfo.hostName }
    static var processID: Int { Int(ProcessInfo.processInfo.processIdentifier) }
}
