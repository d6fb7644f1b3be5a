/// Which hosts may be called, against request forgery: a URL from somebody's input must not reach what only this machine can reach.
///
/// ```swift
/// let caller = HTTPStepClient(policy: HTTPPolicy(allowedHosts: ["api.stripe.com", "*.example.com"], privateHosts: ["billing.internal"]))
/// ```
///
/// A host is looked up before each request, its addresses are checked, and the connection is made to an address that was checked, so
/// that a name cannot change its address in between (DNS rebinding). By default every public address may be called and no other.
public struct HTTPPolicy: Sendable, Hashable {
    /// The names that may be called; `nil`: every one. `*.example.com` stands for every name below `example.com`, and not for that itself.
    /// `api.example.com:8443` is that name at that port only; without a port, at each. An IPv6 address with a port stands in brackets.
    public var allowedHosts: [String]?
    /// Names, in the same form, that may also be at private and loopback addresses. They need not be among ``allowedHosts``.
    ///
    /// Link-local addresses and those where clouds tell credentials (`169.254.169.254`) are refused all the same.
    public var privateHosts: [String]

    public init(allowedHosts: [String]? = nil, privateHosts: [String] = []) {
        self.allowedHosts = allowedHosts
        self.privateHosts = privateHosts
    }

    /// - Throws: ``HTTPCallError`` with code `refused`.
    package func check(host: String, port: Int) throws(HTTPCallError) {
        guard let allowedHosts, !Self.list(allowedHosts, has: host, port), !Self.list(privateHosts, has: host, port)
        else { return }
        throw HTTPCallError(
            .refused,
            "host \(host) is not allowed at port \(port): it is neither among the allowedHosts nor the privateHosts of the caller's HTTPPolicy"
        )
    }

    /// - Returns: those of a host's addresses to which it may be connected.
    /// - Throws: ``HTTPCallError`` with code `refused` if there are none.
    package func usable(
        _ addresses: [IPAddress], of host: String, port: Int
    ) throws(HTTPCallError) -> [IPAddress] {
        let mayBePrivate = Self.list(privateHosts, has: host, port)
        let usable = addresses.filter { address in
            switch address.reach {
            case .everywhere: true
            case .here: mayBePrivate
            case .nowhere: false
            }
        }
        if usable.isEmpty, let first = addresses.first {
            let advice =
                switch first.reach {
                case .here(let what):
                    "\(what); the privateHosts of the caller's HTTPPolicy are the names that may be at such addresses"
                case .nowhere(let what): "\(what), which is never called"
                case .everywhere: ""
                }
            throw HTTPCallError(.refused, "host \(host) is not allowed at port \(port): \(first) is \(advice)")
        }
        return usable
    }

    private static func list(_ patterns: [String], has host: String, _ port: Int) -> Bool {
        let host = canonical(host)
        return patterns.contains { pattern in
            let (written, only) = parts(of: pattern)
            if let only, only != String(port) { return false }
            let name = canonical(written)
            // An address has no names below it.
            guard name.hasPrefix("*.") else { return name == host }
            return host.hasSuffix(name.dropFirst()) && host.utf8.count >= name.utf8.count && IPAddress(host) == nil
        }
    }

    /// The name of a pattern, and its port if it has one. An address of IPv6 has more than one colon, and is in brackets before a port.
    private static func parts(of pattern: String) -> (name: String, port: String?) {
        if pattern.hasPrefix("["), let end = pattern.firstIndex(of: "]") {
            let rest = pattern[end...].dropFirst()
            return (String(pattern[..<end].dropFirst()), rest.hasPrefix(":") ? String(rest.dropFirst()) : nil)
        }
        guard let colon = pattern.firstIndex(of: ":"), colon == pattern.lastIndex(of: ":") else {
            return (pattern, nil)
        }
        return (String(pattern[..<colon]), String(pattern[colon...].dropFirst()))
    }

    /// Names are the same in upper and lower case, and with the dot of the root at their end.
    private static func canonical(_ host: String) -> String {
        let host = host.lowercased()
        return host.hasSuffix(".") ? String(host.dropLast()) : host
    }
}
