package import StepwiseRedis

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Where Redis is: `redis://[user[:password]@]host[:port][/database]`, `rediss://…` for TLS, `unix:///path/to/socket`.
///
/// Its description never shows the password. The files for TLS are read again at each new connection, so that who renews one needs no restart.
public struct RedisEndpoint: Sendable, Hashable, CustomStringConvertible {
    package let address: RedisAddress
    package let tls: RedisTLS
    package let password: RedisPassword?

    /// - Parameters:
    ///   - url: where Redis is. What follows the password is for `rediss://` only.
    ///   - passwordFile: a file that holds the password, in place of one in the URL. It is read again at each new connection.
    ///   - password: returns the password, in place of one in the URL or in a file. It is called at each new connection, has 5 s, and must not block
    ///     its thread; if it throws, the connection is tried again as if Redis were away.
    ///   - trustedCertificatesFile: a PEM file of the authorities that may have signed the server's certificate; `nil`: the system's.
    ///   - clientCertificateFile: a PEM file of the certificate that is shown to a server which wants one (`tls-auth-clients`), and after it
    ///     those that lead to its authority.
    ///   - clientKeyFile: a PEM file of that certificate's key, without a passphrase.
    ///   - serverName: the name that the server's certificate must have; its address is then of no account. `nil`: the URL's host.
    /// - Throws: ``StepwiseError`` with code `invalidConfiguration`, which says what a good URL looks like, or which parameter cannot be used: a
    ///   password beside one in the URL, a file that cannot be read or is not PEM, a key that is not the certificate's, anything of TLS for another URL.
    public init(
        _ url: String, passwordFile: String? = nil, password: (@Sendable () async throws -> String)? = nil,
        trustedCertificatesFile: String? = nil, clientCertificateFile: String? = nil, clientKeyFile: String? = nil,
        serverName: String? = nil
    ) throws {
        let given: [RedisTLS.Part: String?] = [
            .authorities: trustedCertificatesFile, .certificate: clientCertificateFile, .key: clientKeyFile,
            .serverName: serverName,
        ]
        if password != nil, passwordFile != nil {
            throw StepwiseError(
                .invalidConfiguration, "the parameters password and passwordFile are both given: give one of them")
        }
        try self.init(
            Setting(url, from: .parameter), passwordFile.map { Setting($0, from: .parameter) },
            closure: password.map { RedisPassword.closure($0) }, Setting.all(given, from: .parameter))
    }

    private init(
        _ url: Setting, _ passwordFile: Setting?, closure: RedisPassword? = nil, _ settings: [RedisTLS.Part: Setting]
    ) throws {
        do {
            address = try RedisAddress(url: url.value)
        } catch {
            throw StepwiseError(.invalidConfiguration, "\(url.source.beforeURL)\(error)")
        }
        password = closure ?? passwordFile.map { RedisPassword.file($0.value) }
        let place = passwordFile?.source.nameOfPasswordFile ?? "the parameter password"
        if password != nil, address.password != nil {
            throw StepwiseError(
                .invalidConfiguration, "\(place): the URL has a password as well; leave one of them out")
        }
        do throws(RedisError) { try password?.check() } catch {
            throw StepwiseError(.invalidConfiguration, "\(place): \(error)".masked)
        }
        tls = RedisTLS(settings.mapValues(\.value))
        do throws(RedisTLSProblem) {
            try tls.check(for: address)
        } catch {
            let text = error.text { part in
                // One that is missing is given where the other one was.
                (settings[part] ?? settings[error.part] ?? url).source.name(of: part)
            }
            throw StepwiseError(.invalidConfiguration, text.masked)
        }
    }

    /// `STEPWISE_REDIS_URL`, else `redis://localhost:6379`; `STEPWISE_REDIS_PASSWORD_FILE`; and for `rediss://` also `STEPWISE_REDIS_CA`,
    /// `STEPWISE_REDIS_CERT`, `STEPWISE_REDIS_KEY` and `STEPWISE_REDIS_SERVER_NAME`, which mean what the parameters of
    /// ``init(_:passwordFile:password:trustedCertificatesFile:clientCertificateFile:clientKeyFile:serverName:)``
    /// do. An empty variable counts as none.
    ///
    /// - Parameter url: wins over `STEPWISE_REDIS_URL`. If it is without TLS, the variables for TLS do not count; if it has a password, the one for a
    ///   password does not.
    /// - Throws: ``StepwiseError`` with code `invalidConfiguration`, naming the variable.
    public static func fromEnvironment(url: String? = nil) throws -> RedisEndpoint {
        try chosen(url.map { Setting($0, from: .parameter) }, nil, [:])
    }

    /// What a command line's options say; what they do not, the environment.
    ///
    /// - Throws: ``StepwiseError`` with code `invalidConfiguration`, naming the option or the variable.
    package static func fromOptions(
        redis: String?, passwordFile: String?, authorities: String?, certificate: String?, key: String?,
        serverName: String?
    ) throws -> RedisEndpoint {
        let given: [RedisTLS.Part: String?] = [
            .authorities: authorities, .certificate: certificate, .key: key, .serverName: serverName,
        ]
        return try chosen(
            redis.map { Setting($0, from: .option) }, passwordFile.map { Setting($0, from: .option) },
            Setting.all(given, from: .option))
    }

    private static func chosen(
        _ url: Setting?, _ passwordFile: Setting?, _ given: [RedisTLS.Part: Setting]
    ) throws -> RedisEndpoint {
        let environment = ProcessInfo.processInfo.environment.filter { !$0.value.isEmpty }
        var settings = given
        // Who names a server without TLS does not mean what the environment says of another one.
        let address = url.flatMap { try? RedisAddress(url: $0.value) }
        let counts = url == nil || address?.tls == true
        // Nor does who gives a password with the server's name.
        let file = address?.password == nil ? environment["STEPWISE_REDIS_PASSWORD_FILE"] : nil
        for part in RedisTLS.Part.allCases where counts && settings[part] == nil {
            settings[part] = environment[part.variable].map { Setting($0, from: .variable) }
        }
        let variable = environment["STEPWISE_REDIS_URL"] ?? "redis://localhost:6379"
        return try RedisEndpoint(
            url ?? Setting(variable, from: .variable), passwordFile ?? file.map { Setting($0, from: .variable) },
            settings)
    }

    public var description: String { address.description }

    /// What redis-cli needs to come to this server and database. A password is shown to nobody: redis-cli asks for it.
    var redisCommandOptions: [String] {
        var options: [String] = []
        switch address.target {
        case .tcp(let host, let port):
            if host != "localhost", host != "127.0.0.1" { options += ["-h", host] }
            if port != 6379 { options += ["-p", "\(port)"] }
        case .unixSocket(let path): options += ["-s", path]
        }
        if address.database != 0 { options += ["-n", "\(address.database)"] }
        if address.tls {
            options.append("--tls")
            let parts: [(String, RedisTLS.Part)] = [
                ("--cacert", .authorities), ("--cert", .certificate), ("--key", .key), ("--sni", .serverName),
            ]
            for (option, part) in parts {
                if let value = tls[part] { options += [option, value] }
            }
        }
        if password != nil || address.password != nil {
            if let user = address.username { options += ["--user", user] }
            options.append("--askpass")
        }
        return options
    }
}

/// A part of an endpoint, and how it was given: by that name a message calls it.
private struct Setting {
    enum Source { case parameter, variable, option }

    let value: String
    let source: Source

    init(_ value: String, from source: Source) {
        self.value = value
        self.source = source
    }

    static func all(_ values: [RedisTLS.Part: String?], from source: Source) -> [RedisTLS.Part: Setting] {
        values.compactMapValues { value in value.map { Setting($0, from: source) } }
    }
}

extension Setting.Source {
    fileprivate func name(of part: RedisTLS.Part) -> String {
        switch self {
        case .parameter: "the parameter \(part.parameter)"
        case .variable: "the environment variable \(part.variable)"
        case .option: "the option \(part.option)"
        }
    }

    fileprivate var nameOfPasswordFile: String {
        switch self {
        case .parameter: "the parameter passwordFile"
        case .variable: "the environment variable STEPWISE_REDIS_PASSWORD_FILE"
        case .option: "the option --redis-password-file"
        }
    }

    /// Before what is wrong with the URL, which names itself.
    fileprivate var beforeURL: String {
        switch self {
        case .parameter: ""
        case .variable: "the environment variable STEPWISE_REDIS_URL: "
        case .option: "the option --redis: "
        }
    }
}

/// The namespace that everything uses unless told otherwise.
public enum StepwiseNamespace {
    /// `STEPWISE_NAMESPACE`, else `default`.
    ///
    /// - Throws: ``StepwiseError`` with code `invalidConfiguration`, naming the variable.
    public static func fromEnvironment() throws -> String {
        guard let name = ProcessInfo.processInfo.environment["STEPWISE_NAMESPACE"], !name.isEmpty else {
            return "default"
        }
        do {
            try Identifier.checkNamespace(name)
            return name
        } catch {
            throw StepwiseError(.invalidConfiguration, "the environment variable STEPWISE_NAMESPACE: \(error)")
        }
    }
}
