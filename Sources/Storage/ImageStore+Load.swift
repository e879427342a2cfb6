import Archive
package import Basics
import Kernel
package import OCI

extension ImageStore {
    /// Takes in an archive that `docker save`, `podman save`, `skopeo copy` or `save` made, compressed or not, in one
    /// pass. Of an image for several platforms the one for this machine is taken. All images of it, or none.
    ///
    /// A name in the archive that means another image here moves to the new one; the result tells. `progress` is
    /// called from several threads.
    package func load(_ source: any ByteSource, progress: (@Sendable (LayerProgress) -> Void)? = nil) throws
        -> [AddedImage]
    {
        try collector.add(sweep: sweep) {
            let directory = root.temporaryPath()
            defer { try? root.discard(directory) }
            let writeBack = try WriteBack(root.path)
            let spool = try ArchiveSpool(content: content, directory: directory, writeBack)
            let plain = try Decompressor.open(source).source
            try spool.take(plain)
            // Checksums stand at the end, and a sender's pipe must not break over the padding there.
            try plain.readAway()
            let images = try ImageArchive(spool: spool, log: log).images()
            for image in images where !Self.isForHost(image.parsed) {
                log.warn(
                    "image \(image.id.short) is made for \(image.parsed.platform), this machine is \(Platform.host)")
            }
            return try record(images, staged: spool.staged, writeBack: writeBack, progress: progress)
        }
    }

    private static func isForHost(_ config: ImageConfig) -> Bool {
        config.architecture.isEmpty || config.architecture == Platform.host.architecture
    }

    /// Makes an image of one layer out of a tar archive of a root file system, compressed or not.
    ///
    /// `changes`: Dockerfile instructions, see `ImageChanges`. `origin` goes into the history: a file name, or `-`.
    package func importRootFS(
        _ source: any ByteSource, origin: String = "-", changes: [String] = [], message: String = "",
        reference: ImageReference? = nil, platform: Platform = .host,
        progress: (@Sendable (LayerProgress) -> Void)? = nil
    ) throws -> AddedImage {
        try Self.checkTag(reference)
        var config = ImageConfig(platform: platform)
        try ImageChanges.apply(changes, to: &config.config)
        let now = Timestamp(nanosecondsSince1970: Clock.realtime()).description
        config.created = now
        config.history = [
            ImageHistory(created: now, comment: message.isEmpty ? "Imported from \(origin)" : message)
        ]
        return try collector.add(sweep: sweep) {
            let layer = try content.spool(source, what: "the archive")
            do {
                let plain = HashingSource(try Decompressor.open(FileSource(path: layer.path)).source)
                try plain.drain()
                config.diffIDs = [plain.finish()]
                let mediaType = MediaType.layer(try ImageArchive.compression(layer))
                return try store(config, layers: [(layer, mediaType)], parent: nil, reference, nil, progress)
            } catch {
                try? Sys.unlink(layer.path)
                throw error
            }
        }
    }

    /// Stores one image whose configuration is made here.
    func store(
        _ config: ImageConfig, layers: [(file: SpooledFile, mediaType: MediaType)], parent: Digest?,
        _ reference: ImageReference?, staged: [StagedLayer] = [], _ writeBack: WriteBack? = nil,
        _ progress: (@Sendable (LayerProgress) -> Void)?
    ) throws -> AddedImage {
        let file = try content.spool(MemorySource(try JSONText.encode(config)), what: "the configuration")
        let image = NewImage(
            config: file, parsed: config, manifest: nil, layers: layers, parent: parent,
            names: reference.map { [$0.withDefaultTag] } ?? [])
        do {
            try image.check(what: "the new image")
            guard let added = try record([image], staged: staged, writeBack: writeBack, progress: progress).first else {
                throw StorageError.damaged("the new image was not recorded")
            }
            return added
        } catch {
            try? Sys.unlink(file.path)
            throw error
        }
    }

    static func checkTag(_ reference: ImageReference?) throws(StorageError) {
        if reference?.digest != nil { throw .invalid("refusing to create a tag with a digest reference") }
    }
}
