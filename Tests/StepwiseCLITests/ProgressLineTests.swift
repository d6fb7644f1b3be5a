import StepwiseCLI
import Testing

@Suite("How far bulk work is")
struct ProgressLineTests {
    private let start = ContinuousClock.now

    @Test func `It is written at first, then at most ten times a second, over what was written before`() {
        var line = ProgressLine("deleting", of: 3)
        let pause = ProgressLine.pause
        var written = [line.begin(at: start)]
        written.append(line.advance(at: start + pause / 2))
        written.append(line.advance(isRefused: true, at: start + pause))
        written.append(line.advance(at: start + pause + pause))
        written.append(line.end())
        let width = "deleting 2 of 3, 1 refused".count
        #expect(
            written == [
                "\rdeleting 0 of 3", nil, "\rdeleting 2 of 3, 1 refused", "\rdeleting 3 of 3, 1 refused",
                "\r" + String(repeating: " ", count: width) + "\r",
            ])
    }

    @Test func `Of one run nothing is written`() {
        var line = ProgressLine("deleting", of: 1)
        let written = [
            line.begin(at: start), line.advance(at: start + .seconds(9)), line.end(),
        ]
        #expect(written == [nil, nil, nil])
    }
}
