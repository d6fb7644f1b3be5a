extension RedisAddress {
    /// Reads `redis://[user[:password]@]host[:port][/db]`, `rediss://…` (TLS) or `unix://[user:password@]/path[?db=N]`.
    ///
    /// `?db=N` is understood in all three. User, password and path are percent-decoded; an IPv6 address stands in brackets; the port is 6379 if absent.
    /// - Throws: ``RedisError`` of kind `invalidAddress`, which says what is wrong and repeats no part of the URL: where a
    ///   URL is wrong, any part of it may turn out to be a piece of a password.
    package init(url: String) throws(RedisError) {
        guard let separator = url.firstRange(of: "://") else {
            throw .invalidAddress("has no scheme")
        }
        let scheme = url[..<separator.lowerBound].lowercased()
        let (location, query) = url[separator.upperBound...].cut(at: "?")
        let (authority, path) = location.cutBefore("/")
        // The last "@", so that an unescaped one in a password does no harm.
        let (login, host) = authority.cutLast("@")

        self.init(target: .unixSocket(path: ""))
        try readLogin(login)
        switch scheme {
        case "redis", "rediss":
            // Else half a password would be taken for a port, and the message would be about that.
            guard !path.contains("@"), query?.contains("@") != true else {
                throw .invalidAddress("has a / or a ? before its @")
            }
            tls = scheme == "rediss"
            target = try Self.endpoint(host)
            if path.count > 1 { database = try Self.database(path.dropFirst()) }
        case "unix":
            guard host.isEmpty, path.count > 1 else {
                throw .invalidAddress("needs the socket's absolute path after unix://, so three slashes")
            }
            target = .unixSocket(path: try Self.decoded(path, part: "path"))
        default:
            throw .invalidAddress("has a scheme that is none of redis, rediss and unix")
        }
        if let query { try readQuery(query) }
    }

    private mutating func readLogin(_ login: Substring?) throws(RedisError) {
        guard let login, !login.isEmpty else { return }
        let (name, secret) = login.cut(at: ":")
        if !name.isEmpty { username = try Self.decoded(name, part: "user name") }
        if let secret { password = try Self.decoded(secret, part: "password") }
        if let password, password.isEmpty, username == nil { self.password = nil }
    }

    private mutating func readQuery(_ query: Substring) throws(RedisError) {
        for option in query.split(separator: "&") {
            let (name, value) = option.cut(at: "=")
            guard name == "db", let value else {
                throw .invalidAddress("has an option after ? that is not db=NUMBER")
            }
            database = try Self.database(value)
        }
    }

    private static func endpoint(_ text: Substring) throws(RedisError) -> Target {
        var host = text
        var port: Substring?
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { throw .invalidAddress("has a [ without its ]") }
            host = text[text.index(after: text.startIndex)..<end]
            let rest = text[text.index(after: end)...]
            guard rest.isEmpty || rest.hasPrefix(":") else {
                throw .invalidAddress("has something other than a port after the ]")
            }
            port = rest.isEmpty ? nil : rest.dropFirst()
        } else {
            (host, port) = text.cut(at: ":")
            if let port, port.contains(":") {
                throw .invalidAddress("has more than one colon after the @; an IPv6 address stands in brackets")
            }
        }
        guard !host.isEmpty else { throw .invalidAddress("names no host") }
        guard host.utf8.allSatisfy(isPartOfHost) else {
            throw .invalidAddress("has a host with characters that no host name has")
        }
        let name = try decoded(host, part: "host")
        guard let port else { return .tcp(host: name, port: 6379) }
        guard let number = number(port), (1...65_535).contains(number) else {
            throw .invalidAddress("has a port that is not a number from 1 to 65535")
        }
        return .tcp(host: name, port: number)
    }

    private static func isPartOfHost(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"),
            UInt8(ascii: ":"), UInt8(ascii: "%"):
            true
        default: false
        }
    }

    private static func database(_ text: Substring) throws(RedisError) -> Int {
        guard let number = number(text) else { throw .invalidAddress("has a database that is not a number") }
        return number
    }

    /// Digits only: `Int` would also read a sign.
    private static func number(_ text: Substring) -> Int? {
        text.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains) ? Int(text) : nil
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }

    private static func decoded(_ text: Substring, part: String) throws(RedisError) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            // `UInt8` would also read a sign.
            guard rest.count >= 2, rest.prefix(2).allSatisfy(isHexadecimal),
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            else {
                throw .invalidAddress("has a % in its \(part) that two hexadecimal digits do not follow")
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else {
            throw .invalidAddress("has a \(part) that is not UTF-8 after percent-decoding")
        }
        return decoded
    }
}

extension RedisError {
    fileprivate static func invalidAddress(_ problem: String) -> RedisError {
        RedisError(
            .invalidAddress,
            """
            the Redis URL \(problem); a good one looks like redis://user:password@host:6379/0, rediss://… for TLS, or \
            unix:///path/to/redis.sock?db=0, with / ? # % and other special characters of a password percent-encoded
            """
        )
    }
}

extension Substring {
    /// What is before the first `separator` and what is after it; `nil` without one.
    fileprivate func cut(at separator: Character) -> (Substring, Substring?) {
        guard let index = firstIndex(of: separator) else { return (self, nil) }
        return (self[..<index], self[self.index(after: index)...])
    }

    /// What is before the first `separator`, and the rest beginning with it.
    fileprivate func cutBefore(_ separator: Character) -> (Substring, Substring) {
        let index = firstIndex(of: separator) ?? endIndex
        return (self[..<index], self[index...])
    }

    /// What is before the last `separator` (`nil` without one), and what is after it.
    fileprivate func cutLast(_ separator: Character) -> (Substring?, Substring) {
        guard let index = lastIndex(of: separator) else { return (nil, self) }
        return (self[..<index], self[self.index(after: index)...])
    }
}
