/// Why a command has no reply, told apart by what the caller may do next.
package struct RedisError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Kind: Sendable, Hashable {
        /// The server did not execute the command: not connected, LOADING, READONLY, MASTERDOWN, CLUSTERDOWN, ASK, TRYAGAIN,
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
        /// A URL that is not a Redis address.
        case invalidAddress
        /// The client was closed by its owner.
        case closed
        /// The caller's task was cancelled. The command may or may not have been executed.
        case cancelled
    }

    /// What a person has to mend, at Redis or in the settings of whoever calls it.
    package enum Fault: Sendable, Hashable {
        /// NOAUTH, WRONGPASS.
        case password
        /// NOPERM, or what an older Redis says in its place.
        case permission
        /// The server's, or ours.
        case certificate
        /// MOVED, or a slot that no server of the cluster has.
        case cluster
        /// The host's name has no address.
        case host
        /// TLS where the server speaks none, or none where it does.
        case scheme
        /// NOREPLICAS.
        case replicas
        /// MISCONF.
        case disk
        /// OOM.
        case memory
        /// The server has as many connections as it takes.
        case connections

        /// Whether it comes again at each attempt until somebody has done something.
        package var isPermanent: Bool {
            switch self {
            case .password, .permission, .certificate, .cluster: true
            case .host, .scheme, .replicas, .disk, .memory, .connections: false
            }
        }

        /// Whether the server answers, and refuses what writes.
        package var stopsWrites: Bool {
            switch self {
            case .replicas, .disk, .memory: true
            case .password, .permission, .certificate, .cluster, .host, .scheme, .connections: false
            }
        }
    }

    package var kind: Kind
    /// The server's or the network's words; never a password.
    package var message: String
    package var fault: Fault?

    package init(_ kind: Kind, _ message: String, fault: Fault? = nil) {
        self.kind = kind
        self.message = message
        self.fault = fault
    }

    package var description: String { message }

    /// See ``Fault/isPermanent``.
    package var isPermanent: Bool { fault?.isPermanent == true }
}
