import Foundation
package import StepwiseTesting

/// A folder with authorities of a test's own and with certificates that they have signed: NAME.pem and NAME.key of each.
package struct TLSFiles: Sendable {
    private let folder: String

    /// Calls `body` with a folder in which `authority` is one already; removes it, whatever has become of `body`.
    package static func with<Value>(_ body: (TLSFiles) async throws -> Value) async throws -> Value {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("stepwise-tls-\(UInt32.random(in: .min ... .max))").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let files = TLSFiles(folder: folder)
        try files.makeAuthority("authority")
        return try await body(files)
    }

    package func path(_ name: String) -> String { "\(folder)/\(name)" }

    package func makeAuthority(_ name: String) throws {
        try openssl(
            ["req", "-x509", "-days", "2", "-subj", "/CN=\(name)", "-out", path("\(name).pem")] + newKey(name))
    }

    /// - Parameters:
    ///   - names: as OpenSSL writes alternative names, such as `DNS:localhost,IP:127.0.0.1`.
    ///   - days: for how long it is valid; negative: it has expired.
    ///   - extensions: others than the names, as OpenSSL writes them, such as `basicConstraints=CA:TRUE`.
    package func make(
        _ name: String, for names: String, by authority: String = "authority", days: Int = 2, extensions: [String] = []
    ) throws {
        try openssl(["req", "-subj", "/CN=\(name)", "-out", path("\(name).csr")] + newKey(name))
        let lines = ["subjectAltName=\(names)"] + extensions
        try Data(lines.map { "\($0)\n" }.joined().utf8).write(to: URL(fileURLWithPath: path("\(name).ext")))
        try openssl([
            "x509", "-req", "-in", path("\(name).csr"), "-days", "\(days)", "-extfile", path("\(name).ext"),
            "-CA", path("\(authority).pem"), "-CAkey", path("\(authority).key"),
            "-set_serial", "\(UInt32.random(in: 1 ... .max))", "-out", path("\(name).pem"),
        ])
    }

    /// Puts the certificate and the key `new` where `old` has them.
    package func replace(_ old: String, with new: String) throws {
        for end in ["pem", "key"] {
            try Data(contentsOf: URL(fileURLWithPath: path("\(new).\(end)"))).write(
                to: URL(fileURLWithPath: path("\(old).\(end)")), options: .atomic)
        }
    }

    /// A redis-server that speaks TLS on a port of its own; on its socket it does not.
    ///
    /// - Parameters:
    ///   - name: which certificate it shows.
    ///   - wantsClients: whether a client has to show one of `authority`.
    package func withServer<Value>(
        _ name: String, wantsClients: Bool = false, _ body: (_ server: RedisServer, _ port: Int) async throws -> Value
    ) async throws -> Value {
        let port = try await RedisServer.freePort()
        let arguments = [
            "--tls-port", "\(port)", "--tls-cert-file", path("\(name).pem"), "--tls-key-file", path("\(name).key"),
            "--tls-ca-cert-file", path("authority.pem"), "--tls-auth-clients", wantsClients ? "yes" : "no",
        ]
        return try await RedisServer.withServer(extraArguments: arguments) { try await body($0, port) }
    }

    private func newKey(_ name: String) -> [String] {
        ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path("\(name).key")]
    }

    private func openssl(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        if process.terminationStatus != 0 {
            throw OpenSSLFailure(arguments: arguments, code: process.terminationStatus)
        }
    }
}

private struct OpenSSLFailure: Error {
    let arguments: [String]
    let code: Int32
}
