package import StepwiseRedis

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Where Redis is: `redis://[user[:password]@]host[:port][/database]`, `rediss://…` for TLS, `unix:///path/to/socket`.
///
/// Its description never shows the password.
public struct RedisEndpoint: Sendable, Hashable, CustomStringConvertible {
    package let address: RedisAddress
    /// A PEM file of certificates to trust for `rediss://`; `nil`: the system's.
    public var trustedCertificatesFile: String?

    /// - Throws: ``StepwiseError`` with code `invalidConfiguration`, saying what a good URL looks like.
    public init(_ url: String, trustedCertificatesFile: String? = nil) throws {
        do {
            address = try RedisAddress(url: url)
        } catch {
            throw StepwiseError(.invalidConfiguration, "\(error)")
        }
        self.trustedCertificatesFile = trustedCertificatesFile
    }

    /// `STEPWISE_REDIS_URL`, else `redis://localhost:6379`.
    ///
    /// - Throws: ``StepwiseError`` with code `invalidConfiguration`, naming the variable.
    public static func fromEnvironment() throws -> RedisEndpoint {
        guard let url = ProcessInfo.processInfo.environment["STEPWISE_REDIS_URL"], !url.isEmpty else {
            return try RedisEndpoint("redis://localhost:6379")
        }
        do {
            return try RedisEndpoint(url)
        } catch {
            throw StepwiseError(.invalidConfiguration, "the environment variable STEPWISE_REDIS_URL: \(error)")
        }
    }

    public var description: String { address.description }
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
