import ExampleSupport
import Examples
import Foundation
import Stepwise
import StepwiseTesting
import TestSupport
import Testing

extension ExampleTests {
    @Suite("Image pipeline")
    struct ImagePipelineTests {
        @Test(.scenario(17))
        func `3 → 9 → 9: each picture goes on without waiting for a photo that has not arrived`() async throws {
            try await withExamples { world in
                let pipeline = ImagePipeline(books: world.books)
                for photo in ["a", "b"] { try pipeline.deliver(photo) }
                let run = try await world.client.enqueue(.publishPhotos, ["a", "b", "c"])
                try await eventually("six are published") { try await run.history().count == 14 }
                #expect(try await run.details().status == .running)
                #expect(try world.books.entries(in: "published").count == 6)
                try pipeline.deliver("c")
                let pictures = try await run.result(timeout: patience)
                #expect(
                    pictures == ["a", "b", "c"].flatMap { photo in [160, 320, 80].map { "\(photo)-\($0).pgm" } })
                let history = try await run.history()
                func names(_ steps: some Sequence<RecordedStep>) -> [String: Int] {
                    steps.reduce(into: [:]) { $0[String($1.step.prefix { $0 != "#" }), default: 0] += 1 }
                }
                #expect(names(history) == ["receive": 3, "scale": 9, "optimise": 9])
                // What was recorded before the late photo is all that there is to do for the others.
                #expect(names(history.prefix(14)) == ["receive": 2, "scale": 6, "optimise": 6])
                #expect(history[14].key == "\"c\"" && history[14].step.hasPrefix("receive"))
                let size = try FileManager.default.attributesOfItem(
                    atPath: world.books.file("a-80.pgm", in: "published").path)[.size]
                #expect(size as? Int == "P5\n80 60\n255\n".utf8.count + 80 * 60)
            }
        }

        @Test(.scenario(17))
        func `A size that takes an hour holds up none of the other sizes of its photo`() async throws {
            try await withBooks { books in
                let test = WorkflowTest(Workflow(.publishPhotos, body: ImagePipeline(books: books).publish))
                test.replace("receive") { "photo.pgm" }
                test.replace("scale") { "scaled.pgm" }
                test.replace("scale#2", taking: .hours(1)) { "slow.pgm" }
                test.replace("optimise") { "done.pgm" }
                try await test.run(["a", "b", "c"])
                #expect(test.steps.count == 21 && test.elapsed == .hours(1))
                #expect(test.history.suffix(2).map(\.key) == [#""a 160""#, #""a 160""#])
                #expect(test.history[19].step == "scale#2")
            }
        }
    }
}
