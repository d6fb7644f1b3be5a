import ArgumentParser
import Logging
import Stepwise

/// The options that every command has.
struct ConnectionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where Redis is: redis://[user:password@]host[:port][/database], rediss:// for TLS, unix:///path. "
                + "Default: STEPWISE_REDIS_URL, else redis://localhost:6379.", valueName: "url"))
    var redis: String?

    @Option(
        help: ArgumentHelp(
            "A file that holds the password, in place of one in the URL. Default: STEPWISE_REDIS_PASSWORD_FILE.",
            valueName: "file"))
    var redisPasswordFile: String?

    @Option(
        name: .customLong("redis-ca"),
        help: ArgumentHelp(
            "For rediss://: a PEM file of the authorities that may have signed the server's certificate. "
                + "Default: STEPWISE_REDIS_CA, else the system's.", valueName: "file"))
    var redisAuthorities: String?

    @Option(
        name: .customLong("redis-cert"),
        help: ArgumentHelp(
            "For rediss://: a PEM file of the certificate for a server that wants one of its clients. "
                + "Default: STEPWISE_REDIS_CERT.", valueName: "file"))
    var redisCertificate: String?

    @Option(
        help: ArgumentHelp(
            "The PEM file of that certificate's key, without a passphrase. Default: STEPWISE_REDIS_KEY.",
            valueName: "file"))
    var redisKey: String?

    @Option(
        help: ArgumentHelp(
            "For rediss://: the name that the server's certificate must have. "
                + "Default: STEPWISE_REDIS_SERVER_NAME, else the URL's host.", valueName: "name"))
    var redisServerName: String?

    @Option(help: ArgumentHelp("The namespace. Default: STEPWISE_NAMESPACE, else default.", valueName: "name"))
    var namespace: String?

    @Flag(help: "Print one JSON document instead of a table.")
    var json = false

    /// Has `body` called with a client, which is closed afterwards.
    ///
    /// - Throws: what `body` throws, and ``StepwiseError`` that names the option or the variable with a bad value.
    func withClient<Value>(_ body: (StepwiseClient) async throws -> Value) async throws -> Value {
        let endpoint = try RedisEndpoint.fromOptions(
            redis: redis, passwordFile: redisPasswordFile, authorities: redisAuthorities,
            certificate: redisCertificate, key: redisKey, serverName: redisServerName)
        let name = try namespace ?? StepwiseNamespace.fromEnvironment()
        // What is wrong is said once, by the error.
        let logger = Logger(label: "stepwise") { _ in SwiftLogNoOpLogHandler() }
        let keys = try naming("--namespace") {
            try Keys(namespace: name, commandOptions: repeated(endpoint, name), redis: endpoint)
        }
        let client = StepwiseClient(redis: endpoint, keys: keys, logger: logger)
        do {
            let value = try await body(client)
            await client.close()
            return value
        } catch {
            await client.close()
            throw error
        }
    }

    /// What a command needs to come to the same namespace. What the environment says of the server, it says to that one, too.
    private func repeated(_ endpoint: RedisEndpoint, _ name: String) -> [String] {
        // A password is shown to nobody: who pastes the command puts it in. Beside a file with the password the URL has the user's name alone.
        let address = "\(endpoint)"
        let url = address.contains("***@") && endpoint.password == nil ? address : redis
        let given: [(String, String?)] = [
            ("--redis", redis == nil ? nil : url), ("--redis-password-file", redisPasswordFile),
            ("--redis-ca", redisAuthorities), ("--redis-cert", redisCertificate), ("--redis-key", redisKey),
            ("--redis-server-name", redisServerName),
            ("--namespace", namespace ?? (name == "default" ? nil : name)),
        ]
        return given.flatMap { option, value in value.map { [option, $0] } ?? [] }
    }

    private func naming<Value>(_ option: String, _ body: () throws -> Value) throws -> Value {
        do { return try body() } catch let error as StepwiseError {
            throw StepwiseError(error.code, "the option \(option): \(error.message)")
        }
    }
}
