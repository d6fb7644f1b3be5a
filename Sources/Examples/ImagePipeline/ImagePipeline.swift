package import ExampleSupport
import Foundation
package import Stepwise

extension WorkflowName<[String], [String]> {
    package static var publishPhotos: Self { "publish-photos" }
}

struct NotThereYet: Error, Codable {
    var photo: String
}

/// Publishes photos in three sizes: 3 photos are 3 steps, then 9, then 9, and none waits for another's. What arrives, and what comes of it, are
/// accounts in the books.
package struct ImagePipeline: Sendable {
    package static let widths = [320, 160, 80]
    let books: Books

    package init(books: Books) {
        self.books = books
    }

    /// - Returns: the names of the published pictures, sorted.
    package func publish(_ context: WorkflowContext, _ photos: [String]) async throws -> [String] {
        try await withThrowingTaskGroup(of: [String].self) { group in
            for photo in photos { group.addTask { try await publish(context, photo) } }
            return try await group.reduce(into: []) { $0 += $1 }.sorted()
        }
    }

    private func publish(_ context: WorkflowContext, _ photo: String) async throws -> [String] {
        // A photo that has not arrived takes no worker: the step waits in Redis for its next attempt.
        let original = try await context.run(
            "receive", .key(photo), .retry(.fixed(.seconds(1), attempts: .max, maximumElapsed: .days(1)))
        ) {
            guard books.has("\(photo).pgm", in: "inbox") else { throw NotThereYet(photo: photo) }
            _ = try Bitmap(Data(contentsOf: books.file("\(photo).pgm", in: "inbox")))
            return "\(photo).pgm"
        }
        return try await withThrowingTaskGroup(of: String.self) { group in
            for width in Self.widths {
                group.addTask {
                    // Results are names of files: what is large does not belong in a history.
                    let scaled = try await context.run("scale", .key("\(photo) \(width)")) {
                        let bitmap = try Bitmap(Data(contentsOf: books.file(original, in: "inbox")))
                        let smaller = bitmap.scaled(toWidth: width)
                        return try books.enter("\(photo)-\(width).pgm", in: "scaled", smaller.data)
                    }
                    return try await context.run("optimise", .key("\(photo) \(width)")) {
                        let bitmap = try Bitmap(Data(contentsOf: books.file(scaled, in: "scaled")))
                        return try books.enter(scaled, in: "published", bitmap.simplified.data)
                    }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }

    /// Puts a photo into the inbox.
    package func deliver(_ photo: String) throws {
        try books.enter("\(photo).pgm", in: "inbox", Bitmap.painted(width: 640, height: 480).data)
    }
}
