/// Why a command has no reply, told apart by what the caller may do next.
package struct RedisError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Kind: Sendable, Hashable {
        /// The server did not execute the command: not connected, LOADING, READONLY, MASTERDOWN, CLUSTERDOWN, TRYAGAIN,
        /// UNBLOCKED, BUSY. Try again later or elsewhere.
        case unavailable
        /// The connection was lost, or the time ran out, after the command had been sent: it may or may not have been
        /// executed. Only what may arrive twice may be sent again.
        case ambiguous
        /// NOAUTH, WRONGPASS, NOPERM, or a script called what its user may not; or a certificate, the server's or ours, was not
        /// accepted: sending it again cannot help.
        case denied
        /// Any other error reply (WRONGTYPE, ERR, OOM, MISCONF …): executed in no part, or refused as a whole. Also
        /// the reply to a command that was executed, if it has a string that is too long to be read.
        case refused
        /// A URL that is no Redis address.
        case invalidAddress
        /// The client was closed by its owner.
        case closed
        /// The caller's task was cancelled. The command may or may not have been executed.
        case cancelled
    }

    package var kind: Kind
    /// The server's or the network's words; never a password.
    package var message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    package var description: String { message }
}
