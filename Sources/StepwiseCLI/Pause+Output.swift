import Foundation
import Stepwise

extension PausedWork.Pause {
    /// Such as `since 2026-01-31 12:00:00, by ada@shop-1: the bank is closed`.
    var words: String {
        "since \(Output.time(since))" + (by.map { ", by \($0)" } ?? "") + (reason.map { ": \($0)" } ?? "")
    }

    var json: JSONDocument {
        .object([("since", JSONDocument(since)), ("by", JSONDocument(by)), ("reason", JSONDocument(reason))])
    }
}

/// Who uses the command line.
enum Person {
    /// The user, behind `sudo` the one who has called it, and the host, such as `ada@shop-1`; the host alone if the environment names no user.
    static func name(_ environment: [String: String] = ProcessInfo.processInfo.environment) -> String {
        let names = ["SUDO_USER", "USER", "LOGNAME"].compactMap { environment[$0] }
        let host = ProcessInfo.processInfo.hostName
        return names.first { !$0.isEmpty }.map { "\($0)@\(host)" } ?? host
    }
}
