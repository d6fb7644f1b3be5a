package import NIOCore

/// How a client behaves, whatever server it talks to.
package struct RedisOptions: Sendable {
    /// The name that `CLIENT LIST` shows. Characters that Redis does not allow there become `-`.
    package var connectionName: String?
    /// From the start of an attempt to connect to its end; for the handshake the same again.
    package var connectTimeout: TimeAmount
    /// Per command, from being handed to the client to its reply.
    package var commandTimeout: TimeAmount
    /// How long nothing may have come on a connection before it is asked for a sign of life, ahead of the next command: a device between may have
    /// forgotten it, and drop what is sent.
    package var probeAfter = TimeAmount.seconds(30)
    /// For a `rediss://` address. Its files are read at each new connection.
    package var tls: RedisTLS
    /// In place of one in the address.
    package var password: RedisPassword?
    /// Who tells of lost connections and failed attempts; `nil`: each client by itself.
    package var troubles: RedisTroubles?
    /// The most bytes of a string in a reply, for commands that have no limit of their own. A longer one fails its command as
    /// `refused`; a published message that is longer arrives empty. Nothing longer is ever held in memory.
    package var maximumBulk: Int
    /// How long a command waits while nobody listens at the address and there was no connection yet; `nil`: as long as for any other reason.
    /// That is a wrong address more often than an outage.
    package var refusalTimeout: TimeAmount?
    /// Which server the connections are for; `nil`: whichever is there.
    package var gate: ServerGate?

    /// 64 MiB: more than anything that the engine writes by itself.
    package static let defaultMaximumBulk = 64 * 1024 * 1024

    package init(
        connectionName: String? = nil,
        connectTimeout: TimeAmount = .seconds(5),
        commandTimeout: TimeAmount = .seconds(10),
        tls: RedisTLS = .init(),
        maximumBulk: Int = RedisOptions.defaultMaximumBulk
    ) {
        self.connectionName = connectionName
        self.connectTimeout = connectTimeout
        self.commandTimeout = commandTimeout
        self.tls = tls
        self.maximumBulk = maximumBulk
    }
}

extension TimeAmount {
    /// "10 s" or "250 ms", for messages.
    package var text: String {
        // Rounded up: what is left of 10 s a moment later is still 10 s to a reader.
        let milliseconds = (nanoseconds + 999_999) / 1_000_000
        return milliseconds % 1_000 == 0 ? "\(milliseconds / 1_000) s" : "\(milliseconds) ms"
    }
}
