import NIOCore
import NIOSSL
import Synchronization

/// What a `rediss://` server is checked against, and what is shown to it.
package struct RedisTLS: Sendable, Hashable {
    package enum Part: Sendable, Hashable, CaseIterable {
        /// A PEM file of the authorities that may have signed the server's certificate; without it: the system's.
        case authorities
        /// A PEM file of this client's certificate, and after it those that lead to its authority, for a server that wants one.
        case certificate
        /// A PEM file of the certificate's key, without a passphrase.
        case key
        /// The name that the server's certificate must have; without it: the address' host.
        case serverName
    }

    private let values: [Part: String]

    package init(_ values: [Part: String] = [:]) {
        self.values = values
    }

    package subscript(part: Part) -> String? { values[part] }

    /// Looks at all that can be seen without a connection.
    package func check(for address: RedisAddress) throws(RedisTLSProblem) {
        guard address.tls else {
            guard let part = Part.allCases.first(where: { values[$0] != nil }) else { return }
            throw RedisTLSProblem(
                part, "\(address) does not use TLS; begin the address with rediss://, or leave this out")
        }
        if values[.certificate] != nil, values[.key] == nil {
            throw RedisTLSProblem(.certificate, "a certificate is of no use without its key", missing: .key)
        }
        if values[.key] != nil, values[.certificate] == nil {
            throw RedisTLSProblem(.key, "a key is of no use without its certificate", missing: .certificate)
        }
        if let name = values[.serverName], !Self.isHostName(name) {
            throw RedisTLSProblem(
                .serverName,
                "\"\(name)\" is not a host name; give a name that the server's certificate has, and no address")
        }
        var configuration = try setUp(read())
        // Whether a key belongs to its certificate is seen without them.
        if values[.authorities] == nil { configuration.trustRoots = .certificates([]) }
        _ = try context(configuration)
    }

    /// Without a letter it is an address, whose numbers no certificate has as a name. Names of containers may have an underscore.
    private static func isHostName(_ name: String) -> Bool {
        let letters = name.utf8.filter { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0 | 0x20) }
        let others = name.utf8.filter { Array("0123456789-._".utf8).contains($0) }
        return !letters.isEmpty && letters.count + others.count == name.utf8.count && name.utf8.count <= 255
    }

    /// What the files hold now.
    private func read() throws(RedisTLSProblem) -> [Part: [UInt8]] {
        var files: [Part: [UInt8]] = [:]
        for part in [Part.authorities, .certificate, .key] {
            if let path = values[part] { files[part] = try Self.bytes(of: path, part) }
        }
        return files
    }

    private static func bytes(of path: String, _ part: Part) throws(RedisTLSProblem) -> [UInt8] {
        do throws(SettingsFile.Problem) { return try SettingsFile.bytes(of: path) } catch {
            throw RedisTLSProblem(part, "\(path) \(error.reason); give the path of a PEM file")
        }
    }

    /// What a connection needs of the files.
    struct Loaded: Sendable {
        let files: [Part: [UInt8]]
        /// Whether the library compares the server's name.
        let comparesNames: Bool
        let context: NIOSSLContext
    }

    /// What was loaded last. The connections of a process mostly have the same settings, and so the system's authorities are read once.
    private static let last = Mutex<Loaded?>(nil)

    /// Reads the files, and calls `body` once on the event loop.
    ///
    /// - Parameter limit: how long it may take.
    func load(
        comparingNames: Bool, within limit: TimeAmount, on eventLoop: any EventLoop,
        _ body: @escaping @Sendable (Result<Loaded, RedisError>) -> Void
    ) {
        // A file system that is slow may be so for a while only.
        let late: Result<Loaded, RedisError> = .failure(
            RedisError(.unavailable, "the files for TLS could not be read within \(limit.text)"))
        SettingsFile.apart(
            from: eventLoop, within: limit, late: late,
            {
                do throws(RedisTLSProblem) { return .success(try loaded(comparingNames)) } catch {
                    return .failure(RedisError(.denied, "\(error)", fault: .certificate))
                }
            }, body)
    }

    private func loaded(_ comparingNames: Bool) throws(RedisTLSProblem) -> Loaded {
        let files = try read()
        if let last = Self.last.withLock({ $0 }), last.files == files, last.comparesNames == comparingNames {
            return last
        }
        var configuration = try setUp(files)
        if !comparingNames { configuration.certificateVerification = .noHostnameVerification }
        let loaded = Loaded(files: files, comparesNames: comparingNames, context: try context(configuration))
        Self.last.withLock { $0 = loaded }
        return loaded
    }

    private func setUp(_ files: [Part: [UInt8]]) throws(RedisTLSProblem) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        // A peer that is dead does not say goodbye; close() must not wait for it long.
        configuration.shutdownTimeout = .seconds(1)
        if let bytes = files[.authorities] {
            configuration.trustRoots = .certificates(try certificates(bytes, .authorities))
        }
        if let bytes = files[.certificate] {
            let chain = try certificates(bytes, .certificate)
            configuration.certificateChain = chain.map { NIOSSLCertificateSource.certificate($0) }
        }
        if let bytes = files[.key] { configuration.privateKey = .privateKey(try key(bytes)) }
        return configuration
    }

    private func certificates(_ bytes: [UInt8], _ part: Part) throws(RedisTLSProblem) -> [NIOSSLCertificate] {
        do {
            return try NIOSSLCertificate.fromPEMBytes(bytes)
        } catch {
            throw RedisTLSProblem(
                part,
                """
                \(values[part] ?? "") is not a PEM file of certificates, whose first line is -----BEGIN CERTIFICATE-----; of a \
                DER file, `openssl x509 -inform der -in FILE` makes one
                """)
        }
    }

    private func key(_ bytes: [UInt8]) throws(RedisTLSProblem) -> NIOSSLPrivateKey {
        do {
            return try NIOSSLPrivateKey(bytes: bytes, format: .pem)
        } catch {
            throw RedisTLSProblem(
                .key,
                """
                \(values[.key] ?? "") is not a PEM file of a private key without a passphrase, whose first line is -----BEGIN \
                PRIVATE KEY-----; `openssl pkey -in FILE` makes one
                """)
        }
    }

    private func context(_ configuration: TLSConfiguration) throws(RedisTLSProblem) -> NIOSSLContext {
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch NIOSSLError.failedToLoadPrivateKey {
            throw RedisTLSProblem(
                .key,
                """
                \(values[.key] ?? "") is not the key of the certificate in \(values[.certificate] ?? ""); give the key with \
                which that was made
                """)
        } catch {
            let part: Part = values[.certificate] == nil ? .authorities : .certificate
            throw RedisTLSProblem(part, "\(values[part] ?? "TLS") cannot be used: \(error)")
        }
    }
}

extension RedisTLS.Part {
    /// How it is called in Swift.
    package var parameter: String {
        switch self {
        case .authorities: "trustedCertificatesFile"
        case .certificate: "clientCertificateFile"
        case .key: "clientKeyFile"
        case .serverName: "serverName"
        }
    }

    /// How it is called in a process' environment.
    package var variable: String {
        switch self {
        case .authorities: "STEPWISE_REDIS_CA"
        case .certificate: "STEPWISE_REDIS_CERT"
        case .key: "STEPWISE_REDIS_KEY"
        case .serverName: "STEPWISE_REDIS_SERVER_NAME"
        }
    }

    /// How it is called on the command line.
    package var option: String {
        switch self {
        case .authorities: "--redis-ca"
        case .certificate: "--redis-cert"
        case .key: "--redis-key"
        case .serverName: "--redis-server-name"
        }
    }

    /// For messages of a connection, which does not know who has set it up.
    var names: String { "\(option), \(variable), or \(parameter) in Swift" }
}

/// What is wrong with a setting, and what to do.
package struct RedisTLSProblem: Error, CustomStringConvertible {
    package let part: RedisTLS.Part
    private let problem: String
    /// What has to be given as well.
    private let missing: RedisTLS.Part?

    init(_ part: RedisTLS.Part, _ problem: String, missing: RedisTLS.Part? = nil) {
        self.part = part
        self.problem = problem
        self.missing = missing
    }

    /// - Parameter name: how the user calls a setting.
    package func text(calling name: (RedisTLS.Part) -> String) -> String {
        "\(name(part)): \(problem)" + (missing.map { "; give \(name($0)) as well" } ?? "")
    }

    package var description: String { "\(problem) (\(part.names))" }
}
