import Archive
package import Basics
import Kernel
package import OCI

/// A container that becomes an image.
package struct Commit: Sendable {
    /// The image the container stands on; nil when it stands on none.
    package var parent: Digest?
    /// What the new image's containers run by default.
    package var config: ExecutionConfig
    /// Dockerfile instructions on top of it, see `ImageChanges`.
    package var changes: [String] = []
    package var author: String?
    package var message: String?
    /// For the history: the container's command.
    package var createdBy: String?
    package var reference: ImageReference?

    package init(parent: Digest?, config: ExecutionConfig) {
        self.parent = parent
        self.config = config
    }
}

extension ImageStore {
    /// Makes an image of the parent's layers and one more.
    ///
    /// `writeLayer` writes that layer as a plain tar archive, and is called before anything else is read; the
    /// container may go on when it returns.
    package func commit(_ commit: Commit, writeLayer: (any ByteSink) throws -> Void) throws -> AddedImage {
        try Self.checkTag(commit.reference)
        var execution = commit.config
        try ImageChanges.apply(commit.changes, to: &execution)
        return try collector.add(sweep: sweep) {
            let parent = try commit.parent.map { try image($0) }
            let (layer, diffID) = try spoolLayer(writeLayer)
            do {
                var config = parent?.config ?? ImageConfig()
                let now = Timestamp(nanosecondsSince1970: Clock.realtime()).description
                config.created = now
                config.author = commit.author ?? config.author
                config.config = execution
                config.diffIDs.append(diffID)
                config.history.append(
                    ImageHistory(
                        created: now, createdBy: commit.createdBy, author: commit.author, comment: commit.message))
                // What the parent recorded about the container that it was made of is not true of this one.
                for stale in ["container", "container_config", "id", "parent"] { config.other[stale] = nil }
                let lower = (parent?.layers ?? []).map { below in
                    (
                        file: SpooledFile(path: content.path(below.blob.digest), blob: below.blob),
                        mediaType: below.mediaType
                    )
                }
                return try store(
                    config, layers: lower + [(layer, .layerGzip)], parent: parent?.id, commit.reference, nil)
            } catch {
                try? Sys.unlink(layer.path)
                throw error
            }
        }
    }

    /// tar -> SHA-256 (the DiffID) -> gzip -> SHA-256 (the blob) -> file.
    private func spoolLayer(_ write: (any ByteSink) throws -> Void) throws -> (SpooledFile, Digest) {
        var diffID: Digest?
        let file = try content.spool(what: "the new layer") { sink in
            let gzip = GzipSink(sink)
            let plain = HashingSink(gzip)
            try write(plain)
            try gzip.finish()
            diffID = plain.finish()
        }
        guard let diffID else { throw StorageError.damaged("the new layer was not written") }
        return (file, diffID)
    }
}
