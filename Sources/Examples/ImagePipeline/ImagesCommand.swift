import ArgumentParser
import ExampleSupport
import Stepwise

struct ImagesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "images", abstract: "Publish three photos in three sizes each.")

    @OptionGroup var connection: ConnectionOptions

    @Option(help: "The folder of the worker's books: the photos are put into its inbox.")
    var books: String

    @Option(help: "The photos.")
    var photo = ["a", "b", "c"]

    @Option(help: "Those of them that have not arrived yet.")
    var late: [String] = []

    func run() async throws {
        let pipeline = ImagePipeline(books: Books(folder: books))
        for photo in photo where !late.contains(photo) { try pipeline.deliver(photo) }
        try await connection.withClient { client in
            let run = try await client.enqueue(.publishPhotos, photo)
            print("run \(run.id)")
            for photo in late { print("to let \(photo) arrive: cp \(books)/inbox/a.pgm \(books)/inbox/\(photo).pgm") }
            for picture in try await run.result() { print("published: \(books)/published/\(picture)") }
        }
    }
}
