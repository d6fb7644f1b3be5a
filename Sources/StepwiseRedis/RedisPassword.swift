import NIOCore

/// A password that is asked for at each new connection, so that who renews it needs no restart.
package struct RedisPassword: Sendable, Hashable {
    /// Of a closure nothing can be compared but whether it is the same one.
    private final class Closure: Sendable, Hashable {
        let ask: @Sendable () async throws -> String

        init(_ ask: @escaping @Sendable () async throws -> String) { self.ask = ask }

        static func == (one: Closure, other: Closure) -> Bool { one === other }
        func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
    }

    private enum Source: Sendable, Hashable {
        case file(String)
        case closure(Closure)
    }

    private let source: Source

    /// - Parameter path: a file that holds the password, with or without a line feed at its end.
    package static func file(_ path: String) -> RedisPassword { RedisPassword(source: .file(path)) }

    package static func closure(_ ask: @escaping @Sendable () async throws -> String) -> RedisPassword {
        RedisPassword(source: .closure(Closure(ask)))
    }

    private init(source: Source) { self.source = source }

    /// Looks at what can be seen without a connection.
    package func check() throws(RedisError) {
        if case .file(let path) = source { _ = try Self.read(path) }
    }

    /// Where it comes from, for messages.
    var place: String {
        switch source {
        case .file(let path): "the file \(path)"
        case .closure: "what the closure for the password returns"
        }
    }

    /// Calls `body` once on the event loop, with the password or the reason why there is none.
    ///
    /// - Parameter limit: how long a closure may take.
    func ask(
        within limit: TimeAmount, on eventLoop: any EventLoop,
        _ body: @escaping @Sendable (Result<String, RedisError>) -> Void
    ) {
        switch source {
        case .file(let path):
            let late: Result<String, RedisError> = .failure(
                Self.missing("\(path) could not be read within \(limit.text)"))
            SettingsFile.apart(
                from: eventLoop, within: limit, late: late,
                {
                    do throws(RedisError) { return .success(try Self.read(path)) } catch { return .failure(error) }
                }, body)
        case .closure(let closure):
            let answer = FirstAnswer(eventLoop, body)
            eventLoop.scheduleTask(in: limit) {
                answer.give(
                    .failure(Self.missing("the closure for the password has not returned within \(limit.text)")))
            }
            Task.detached {
                do {
                    let password = try await closure.ask()
                    answer.give(
                        password.isEmpty
                            ? .failure(Self.missing("the closure for the password has returned an empty one"))
                            : .success(password))
                } catch {
                    answer.give(.failure(Self.missing("the closure for the password has thrown \(error)")))
                }
            }
        }
    }

    /// Who gives the password may be away for a while, like Redis.
    private static func missing(_ reason: String) -> RedisError { RedisError(.unavailable, reason) }

    private static func read(_ path: String) throws(RedisError) -> String {
        let bytes: [UInt8]
        do throws(SettingsFile.Problem) { bytes = try SettingsFile.bytes(of: path) } catch {
            throw RedisError(
                .denied, "\(path) \(error.reason); give the path of a file that holds the password", fault: .password)
        }
        let end = bytes.lastIndex { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        guard let end, let password = String(validating: bytes[...end], as: UTF8.self) else {
            throw RedisError(
                .denied, "\(path) is empty or no text in UTF-8; give the path of a file that holds the password",
                fault: .password)
        }
        return password
    }
}
