package import Stepwise

/// What a run is asked to do. Both paths are absolute and mean the same on every worker.
package struct DigestRequest: Codable, Sendable {
    package var directory: String
    /// Where the manifest goes.
    package var manifest: String
    /// Milliseconds that each file's step waits before it reads: time to watch it, or to kill its worker.
    package var slowMilliseconds: Int

    package init(directory: String, manifest: String, slowMilliseconds: Int = 0) {
        self.directory = directory
        self.manifest = manifest
        self.slowMilliseconds = slowMilliseconds
    }
}

/// What a run releases: where the manifest is, and its totals.
package struct DigestSummary: Codable, Sendable, Hashable {
    package var manifest: String
    package var totals: Manifest.Totals

    package init(manifest: String, totals: Manifest.Totals) {
        self.manifest = manifest
        self.totals = totals
    }
}

extension WorkflowName<DigestRequest, DigestSummary> {
    /// The name and the types are all that a service needs which only enqueues.
    package static var digest: Self { "digest" }
}

/// Lists a folder, digests its files in parallel on whichever workers are there, and writes a manifest.
let digestWorkflow = Workflow(.digest) { context, request in
    // A folder that is not there now will not be there in a second either.
    let paths = try await context.run("list", .retry(.never)) {
        try regularFiles(under: request.directory)
    }
    let files = try await withThrowingTaskGroup(of: (Int, FileDigest).self) { group in
        for (index, path) in paths.enumerated() {
            group.addTask {
                let digest = try await context.run(stepName(for: path)) {
                    if request.slowMilliseconds > 0 {
                        try await Task.sleep(for: .milliseconds(request.slowMilliseconds))
                    }
                    return try FileDigest(of: path, in: request.directory)
                }
                return (index, digest)
            }
        }
        // They end in any order; the manifest keeps the list's.
        var files = [FileDigest?](repeating: nil, count: paths.count)
        for try await (index, digest) in group { files[index] = digest }
        return files.compactMap { $0 }
    }
    return try await context.run("write the manifest") {
        let manifest = Manifest(directory: request.directory, files: files)
        try manifest.write(to: request.manifest)
        return DigestSummary(manifest: request.manifest, totals: manifest.totals)
    }
}

/// A step's name that tells its file, so that whoever looks at the run sees which one is open.
///
/// A path that cannot be in a name (too long, control characters, a `#` that may look like the count of a repeated name) is left out
/// of it: then the name is repeated, and the engine numbers it.
package func stepName(for path: String) -> String {
    let isPlain = !path.unicodeScalars.contains { $0.value < 32 || $0.value == 127 }
    return isPlain && path.utf8.count <= 190 && !path.contains("#") ? "digest \(path)" : "digest"
}
