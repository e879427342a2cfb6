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
    /// `writeLayer` writes that layer as a plain tar archive; it is called again when that archive has to be kept.
    package func commit(_ commit: Commit, writeLayer: (any ByteSink) throws -> Void) throws -> AddedImage {
        try Self.checkTag(commit.reference)
        var execution = commit.config
        try ImageChanges.apply(commit.changes, to: &execution)
        return try collector.add(sweep: sweep) {
            let parent = try commit.parent.map { try image($0) }
            let writeBack = try WriteBack(root.path)
            let layer = try takeLayer(writeLayer, writeBack)
            defer { layer.discard(root) }
            var config = parent?.config ?? ImageConfig()
            let now = Timestamp(nanosecondsSince1970: Clock.realtime()).description
            config.created = now
            config.author = commit.author ?? config.author
            config.config = execution
            config.diffIDs.append(layer.diffID)
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
                config, layers: lower + [(layer.file, layer.mediaType)], parent: parent?.id, commit.reference,
                staged: layer.staged, writeBack, nil)
        }
    }

    /// A container's layer on its way into the store.
    private struct TakenLayer {
        let diffID: Digest
        let file: SpooledFile
        let mediaType: MediaType
        var staged: [StagedLayer] = []

        /// Fine when it has found its place.
        func discard(_ root: DataRoot) {
            for layer in staged where Sys.exists(layer.directory) { try? root.discard(layer.directory) }
            if staged.isEmpty { try? Sys.unlink(file.path) }
        }
    }

    /// tar -> another thread: SHA-256 (the DiffID, and the blob's digest) -> files. The tar itself is not kept: it can be
    /// made of them again, and no data is written twice.
    private func takeLayer(_ write: (any ByteSink) throws -> Void, _ writeBack: WriteBack) throws -> TakenLayer {
        let directory = root.temporaryPath()
        do {
            let intake = try LayerIntake(directory, writeBack, hashes: true)
            defer { intake.abandon() }
            try write(intake)
            let (layer, blob) = try intake.finish()
            return TakenLayer(
                diffID: layer.diffID, file: SpooledFile(path: content.path(blob.digest), blob: blob, unpacked: .done),
                mediaType: .layer(.none), staged: [layer])
        } catch is IntakeFailure {
            // What is wrong with it, if anything is, the long way tells better.
            try? root.discard(directory)
            let (file, diffID) = try spoolLayer(write)
            return TakenLayer(diffID: diffID, file: file, mediaType: .layerGzip)
        } catch {
            try? root.discard(directory)
            throw error
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
