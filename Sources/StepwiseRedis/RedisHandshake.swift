/// What is said on a new connection before any user's command: pure, so that every server's answers can be tried.
package struct RedisHandshake {
    private enum Part {
        case authentication, database, name, clientID, ping, server, replication, memory
    }

    private let parts: [(part: Part, command: [RedisArgument])]
    private let passwordPlace: String?
    /// The user, named only beside a password: who leaves out the colon has written the password in its place.
    private let user: String?
    /// What of a password from elsewhere than the URL is a slip of whoever has written it; empty for nothing.
    private let slip: String

    /// What a handshake has come to.
    package enum Outcome: Sendable, Hashable {
        case ready(RedisSession)
        /// Worth another try after a while.
        case retry(RedisError)
        /// Waiting cannot help: whoever waits learns it at once. Somebody may mend it for those who come later.
        case hopeless(RedisError)
    }

    /// - Parameter passwordPlace: where the address' password came from, if not from the URL.
    package init(address: RedisAddress, connectionName: String?, passwordPlace: String? = nil) {
        self.passwordPlace = passwordPlace
        user = address.password == nil ? nil : address.username
        slip = passwordPlace == nil ? "" : Self.slip(in: address.password ?? "")
        var parts: [(Part, [RedisArgument])] = []
        switch (address.username, address.password) {
        case (nil, nil): break
        case (nil, let password?): parts.append((.authentication, ["AUTH", .string(password)]))
        case (let user?, let password):
            parts.append((.authentication, ["AUTH", .string(user), .string(password ?? "")]))
        }
        if address.database != 0 { parts.append((.database, ["SELECT", RedisArgument(address.database)])) }
        if let connectionName {
            parts.append((.name, ["CLIENT", "SETNAME", .string(Self.permitted(connectionName))]))
        }
        parts.append((.clientID, ["CLIENT", "ID"]))
        // Of these commands only PING is refused while the server is loading its data.
        parts.append((.ping, ["PING"]))
        parts.append((.server, ["INFO", "server"]))
        parts.append((.replication, ["INFO", "replication"]))
        parts.append((.memory, ["INFO", "memory"]))
        self.parts = parts
    }

    /// To be sent in this order.
    package var commands: [[RedisArgument]] { parts.map(\.command) }

    /// - Parameter replies: one for each command, in order.
    package func outcome(_ replies: [Result<RedisValue, RedisError>]) -> Outcome {
        var session = RedisSession(clientID: 0, runID: "", role: "", version: "", evictionPolicy: "")
        for ((part, _), reply) in zip(parts, replies) {
            switch reply {
            case .success(let value):
                Self.read(part, value, into: &session)
            case .failure(let error):
                if let outcome = self.outcome(of: part, failing: error) { return outcome }
            }
        }
        return .ready(session)
    }

    private static func read(_ part: Part, _ value: RedisValue, into session: inout RedisSession) {
        let info = value.string ?? ""
        switch part {
        case .clientID:
            session.clientID = value.integer ?? 0
        case .server:
            session.runID = field("run_id", of: info)
            session.version = field("redis_version", of: info)
        case .replication:
            session.role = field("role", of: info)
        case .memory:
            session.evictionPolicy = field("maxmemory_policy", of: info)
        case .authentication, .database, .name, .ping:
            break
        }
    }

    /// `nil` if the handshake can do without this part.
    private func outcome(of part: Part, failing error: RedisError) -> Outcome? {
        switch (error.kind, part) {
        case (.denied, _) where error.message.hasPrefix("NOAUTH"):
            .hopeless(
                RedisError(
                    .denied,
                    "\(error.sentencePart); give the password in the URL (redis://user:password@host), or the path of a file "
                        + "that holds it (--redis-password-file, STEPWISE_REDIS_PASSWORD_FILE, or passwordFile in Swift)",
                    fault: .password))
        case (.denied, _) where error.message.hasPrefix("DENIED"):
            .hopeless(error)
        case (.denied, .authentication), (.refused, .authentication):
            .hopeless(
                RedisError(
                    .denied,
                    "\(error.sentencePart); check the user \(login)", fault: .password))
        case (.denied, .database), (.refused, .database):
            .hopeless(
                RedisError(
                    error.kind, "\(error.sentencePart); check the database number in the URL", fault: error.fault))
        case (.denied, _), (.refused, _):
            // Managed servers forbid CLIENT and INFO, or parts of them, to their users.
            nil
        case (.unavailable, .ping) where error.message.hasPrefix("MASTERDOWN"):
            // A replica without its master still says who it is.
            nil
        default:
            .retry(error)
        }
    }

    /// Which user, and where its password is.
    private var login: String {
        let name = user.map { "\"\($0)\" " } ?? ""
        guard let passwordPlace else { return name + "and the password in the URL" }
        return name + "in the URL, and \(passwordPlace)\(slip)"
    }

    /// What nobody sees in an editor; never a part of the password.
    private static func slip(in password: String) -> String {
        let scalars = password.unicodeScalars
        var slips: [String] = []
        if scalars.first == "\u{FEFF}" { slips.append("a byte order mark at its beginning") }
        if scalars.contains("\0") { slips.append("a NUL") }
        if scalars.contains("\n") || scalars.contains("\r") { slips.append("a line break inside") }
        if scalars.first?.properties.isWhitespace == true { slips.append("a space at its beginning") }
        if scalars.last?.properties.isWhitespace == true { slips.append("a space at its end") }
        return slips.isEmpty ? "" : ", which has \(slips.joined(separator: " and "))"
    }

    /// A field of a reply of `INFO`; empty if it is not there.
    package static func field(_ name: String, of info: String) -> String {
        for line in info.split(whereSeparator: \.isNewline) where line.hasPrefix("\(name):") {
            return String(line.dropFirst(name.count + 1))
        }
        return ""
    }

    /// Redis allows neither spaces nor anything outside printable ASCII in a connection's name.
    private static func permitted(_ name: String) -> String {
        String(decoding: name.utf8.map { (33...126).contains($0) ? $0 : UInt8(ascii: "-") }, as: UTF8.self)
    }
}

extension RedisError {
    /// Redis' words, as a part of a longer sentence.
    fileprivate var sentencePart: String { message.hasSuffix(".") ? String(message.dropLast()) : message }
}
