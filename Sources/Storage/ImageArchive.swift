import Archive
import Basics
import Kernel
import OCI

/// Finds the images in an archive: an OCI layout (`index.json`), what `docker save` makes (`manifest.json`), or both
/// in one.
struct ImageArchive {
    let spool: ArchiveSpool
    let host: Platform
    let log: Logger
    /// Indexes within indexes.
    private static let depthLimit = 8
    private static let imageLimit = 10_000

    init(spool: ArchiveSpool, host: Platform = .host, log: Logger) {
        self.spool = spool
        self.host = host
        self.log = log
    }

    func images() throws -> [NewImage] {
        let index = spool.file(ImageLayout.indexName)
        let table = spool.file(DockerArchiveEntry.fileName)
        guard index != nil || table != nil else {
            if spool.file("repositories") != nil {
                throw StorageError.invalid(
                    "the archive is of a form older than Docker 1.10, which is not supported: load and save it with a newer docker"
                )
            }
            throw StorageError.invalid(
                "the archive holds neither index.json nor manifest.json: it is no archive of images (for the files of a root file system use import)"
            )
        }
        var found = try index.map { try layout($0) } ?? []
        if let table {
            for image in try dockerArchive(table) {
                if let same = found.firstIndex(where: { $0.id == image.id }) {
                    found[same].names += image.names.filter { !found[same].names.contains($0) }
                } else if index == nil {
                    found.append(image)
                }
            }
        }
        return found
    }

    // MARK: - OCI layout

    private func layout(_ file: SpooledFile) throws -> [NewImage] {
        if let marker = spool.file(ImageLayout.fileName) {
            let bytes = try spool.document(marker, what: ImageLayout.fileName)
            let version = try JSONText.decode(ImageLayout.self, bytes, subject: ImageLayout.fileName).imageLayoutVersion
            guard version.hasPrefix("1.") else {
                throw StorageError.invalid("the archive is an OCI layout of version \(version); only 1 is supported")
            }
        }
        let bytes = try spool.document(file, what: ImageLayout.indexName)
        guard case .index(let index) = try ImageDocument(bytes, expected: nil, subject: ImageLayout.indexName) else {
            throw StorageError.invalid("index.json is no image index")
        }
        guard index.manifests.count <= Self.imageLimit else {
            throw StorageError.invalid("index.json names more than \(Self.imageLimit) images")
        }
        var images: [NewImage] = []
        for descriptor in index.manifests where isWanted(descriptor) {
            guard var image = try resolve(descriptor, depth: 0) else { continue }
            let names = try name(descriptor).map { [$0] } ?? []
            if let same = images.firstIndex(where: { $0.id == image.id }) {
                images[same].names += names.filter { !images[same].names.contains($0) }
            } else {
                image.names = names
                images.append(image)
            }
        }
        guard !images.isEmpty || index.manifests.isEmpty else {
            throw StorageError.invalid("the archive holds no image for \(host)")
        }
        return images
    }

    private func isWanted(_ descriptor: Descriptor) -> Bool { descriptor.platform.map { $0.runs(on: host) } ?? true }

    /// The image a descriptor leads to; of an index the first for this machine; nil when there is none or it is no
    /// image at all (signatures and the like lie beside images).
    private func resolve(_ descriptor: Descriptor, depth: Int) throws -> NewImage? {
        guard depth < Self.depthLimit else { throw StorageError.invalid("the archive's indexes are nested too deeply") }
        let digest = try descriptor.sha256()
        let what = "the document \(digest.short)"
        guard let file = spool.blob(digest) else {
            throw StorageError.invalid("\(what) (\(descriptor.mediaType)) is named in the archive, but not in it")
        }
        try Self.check(file, descriptor, what: what)
        let bytes = try spool.document(file, what: what)
        switch try ImageDocument(bytes, expected: descriptor.mediaType, subject: what) {
        case .index(let index):
            for inner in index.manifests where isWanted(inner) {
                if let image = try resolve(inner, depth: depth + 1) { return image }
            }
            return nil
        case .manifest(let manifest):
            guard manifest.config.mediaType.isConfig else {
                log.info(
                    "\(what) in the archive is no image (its configuration is \(manifest.config.mediaType)): left out")
                return nil
            }
            return try image(manifest, file, what: "image \(digest.short)")
        }
    }

    private func image(_ manifest: ImageManifest, _ manifestFile: SpooledFile, what: String) throws -> NewImage {
        let config = try blob(manifest.config, of: what)
        let parsed = try JSONText.decode(
            ImageConfig.self, spool.document(config, what: "the configuration of \(what)"),
            subject: "the configuration of \(what)")
        let layers = try manifest.layers.map { descriptor -> (file: SpooledFile, mediaType: MediaType) in
            guard let said = descriptor.mediaType.layerCompression else {
                throw StorageError.invalid("\(what): \(descriptor.mediaType) is no type of layer that can be used")
            }
            let file = try blob(descriptor, of: what)
            let found = try Self.compression(file)
            if said != found {
                log.warn(
                    "\(what): layer \(file.blob.digest.short) is said to be \(said), and is \(found): taken for what it is"
                )
            }
            return (file, said == found ? descriptor.mediaType : .layer(found))
        }
        let image = NewImage(
            config: config, parsed: parsed, manifest: manifestFile, layers: layers, parent: nil, names: [])
        try image.check(what: what)
        return image
    }

    private func blob(_ descriptor: Descriptor, of what: String) throws -> SpooledFile {
        let digest = try descriptor.sha256()
        guard let file = spool.blob(digest) else {
            throw StorageError.invalid(
                "\(what): its blob \(digest.short) (\(descriptor.mediaType)) is not in the archive")
        }
        try Self.check(file, descriptor, what: "\(what): its blob \(digest.short)")
        return file
    }

    private static func check(_ file: SpooledFile, _ descriptor: Descriptor, what: String) throws {
        guard file.blob.size == descriptor.size else {
            throw StorageError.invalid("\(what) has \(file.blob.size) bytes, its descriptor says \(descriptor.size)")
        }
    }

    /// containerd's annotation holds the whole name; the one of the specification may hold only a tag, which names
    /// nothing by itself.
    private func name(_ descriptor: Descriptor) throws -> ImageReference? {
        let annotations = descriptor.annotations ?? [:]
        if let full = annotations[Annotations.containerdImageName] {
            return try ImageReference(full).withDefaultTag.withoutDigest
        }
        guard let text = annotations[Annotations.refName], text.contains(":") || text.contains("/") else { return nil }
        return try ImageReference(text).withDefaultTag.withoutDigest
    }

    // MARK: - docker save

    private func dockerArchive(_ table: SpooledFile) throws -> [NewImage] {
        let bytes = try spool.document(table, what: DockerArchiveEntry.fileName)
        let entries = try JSONText.decode([DockerArchiveEntry].self, bytes, subject: DockerArchiveEntry.fileName)
        guard entries.count <= Self.imageLimit else {
            throw StorageError.invalid("manifest.json names more than \(Self.imageLimit) images")
        }
        return try entries.map { entry in
            let what = "image \(entry.repoTags?.first ?? entry.config)".prefix(200).description
            guard let config = spool.file(entry.config) else {
                throw StorageError.invalid("\(what): its configuration \(entry.config) is not in the archive")
            }
            let parsed = try JSONText.decode(
                ImageConfig.self, spool.document(config, what: "the configuration of \(what)"),
                subject: "the configuration of \(what)")
            let layers = try entry.layers.map { path -> (file: SpooledFile, mediaType: MediaType) in
                guard let file = spool.file(path) else {
                    throw StorageError.invalid("\(what): its layer \(path) is not in the archive")
                }
                return (file, .layer(try Self.compression(file)))
            }
            let names = try (entry.repoTags ?? []).map { try ImageReference($0).withDefaultTag.withoutDigest }
            let image = NewImage(
                config: config, parsed: parsed, manifest: nil, layers: layers, parent: nil, names: names)
            try image.check(what: what)
            return image
        }
    }

    static func compression(_ file: SpooledFile) throws -> MediaType.LayerCompression {
        switch file.unpacked {
        case .done: return .none
        case .failed(let reason): throw LayerError(diffID: file.blob.digest, reason: reason)
        case nil: break
        }
        let source = try FileSource(path: file.path)
        var start = [UInt8](repeating: 0, count: Compression.magicLength)
        let count = try start.withUnsafeMutableBytes { try source.fill($0) }
        return switch try Compression.detect(start[..<count]) {
        case .none: .none
        case .gzip: .gzip
        case .zstd: .zstd
        }
    }
}
