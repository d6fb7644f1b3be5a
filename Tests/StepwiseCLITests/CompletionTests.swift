import Foundation
import StepwiseTesting
import TestSupport
import Testing

@Suite("Completion in a shell", .serialized)
struct CompletionTests {
    private static func isInstalled(_ shell: String) -> Bool {
        let folders = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":") ?? []
        return folders.contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(shell)") }
    }

    /// Has a shell execute a line, in which `FILE` stands for the file with its script.
    private func load(_ shell: String, _ line: String) async throws -> CommandEnd {
        var end = CommandEnd(code: -1, output: "", complaint: "")
        try await Fixture.with { fixture in
            let file = "\(fixture.server.folder)/completion"
            let line = line.replacing("FILE", with: file)
            end = try await fixture.shell(
                #""$STEPWISE" --generate-completion-script \#(shell) > \#(file) && \#(shell) -c '\#(line)'"#
            )
        }
        return end
    }

    @Test(.enabled(if: isInstalled("bash"))) func `bash loads its script, and completes commands and options`()
        async throws
    {
        let complete =
            #"COMPREPLY=(); COMP_WORDS=($1); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMP_LINE=$1; COMP_POINT=${#1}; "#
            + #"_stepwise stepwise "${COMP_WORDS[COMP_CWORD]}" stepwise; echo "${COMPREPLY[@]}""#
        let end = try await load(
            "bash",
            "source FILE; complete -p stepwise; try() { \(complete); }; "
                + "try \"stepwise chi\"; try \"stepwise tail --la\"")
        let lines = end.output.split(separator: "\n")
        #expect(end.code == 0 && end.complaint.isEmpty, "\(end)")
        #expect(lines.first?.contains("-F _stepwise stepwise") == true, "\(end)")
        #expect(lines.dropFirst() == ["children", "--last"], "\(end)")
    }

    @Test(.enabled(if: isInstalled("zsh"))) func `zsh loads its script`() async throws {
        let end = try await load("zsh", "autoload -U compinit && compinit -D -u; source FILE; whence -w _stepwise")
        #expect(end.output.contains("_stepwise: function"), "\(end)")
    }

    @Test(.enabled(if: isInstalled("fish"))) func `fish loads its script, and completes commands`() async throws {
        let end = try await load("fish", "source FILE; complete -C \"stepwise chi\"")
        #expect(end.code == 0 && end.output.hasPrefix("children"), "\(end)")
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func `Each shell's script has every command, the new ones too`(_ shell: String) async throws {
        try await Fixture.with { fixture in
            let script = try await fixture.stepwise("--generate-completion-script", shell)
            #expect(script.code == 0 && script.complaint.isEmpty)
            let names = try await fixture.commands().flatMap { $0.split(separator: " ").map(String.init) }
            for name in Set(names) { #expect(script.output.contains(name), "\(name)") }
        }
    }
}
