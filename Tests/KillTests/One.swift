import Stepwise
import StepwiseTesting
import Testing
import Foundation

@Suite(.serialized) struct OneKill {
    @Test(.enabled(if: ProcessInfo.processInfo.environment["ONE"] != nil)) func one() async throws {
        let words = (ProcessInfo.processInfo.environment["ONE"] ?? "").split(separator: " ").map(String.init)
        try await RedisServer.withServer { server in
            let fault: Fault = words[1] == "kill" ? .kill : words[1] == "freeze" ? .freeze : .cut
            let result = try await KillCase(server: server, workflow: words[0], fault: fault, plan: .init(event: Int(words[3])!, moment: words[2] == "before" ? .before : .after, strike: fault == .cut ? .cut : .hold)).run()
            print(result)
        }
    }
}
