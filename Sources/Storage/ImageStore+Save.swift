import Archive
package import Basics
import Kernel
package import OCI

extension ImageStore {
    /// Writes images as one tar archive that is an OCI layout and what `docker save` makes at once. Blobs that several
    /// images share are in it once, each checked against its digest on the way; the same images give the same bytes.
    ///
    /// A name puts that name in the archive, a repository all its tags, an identifier the image without a name.
    package func save(_ texts: [String], to sink: any ByteSink) throws {
        try save(selections(texts), to: sink)
    }

    /// What `save` would write; throws for what is not here, before the first byte is out.
    package func selections(_ texts: [String]) throws -> [ImageSelection] {
        var result: [ImageSelection] = []
        for text in texts {
            for (image, names) in try named(text) {
                if let index = result.firstIndex(where: { $0.image.id == image.id }) {
                    result[index].names += names.filter { !result[index].names.contains($0) }
                } else {
                    result.append(ImageSelection(image: image, names: names))
                }
            }
        }
        return result
    }

    /// A repository without a tag means all of its tags, as in Docker.
    private func named(_ text: String) throws -> [(StoredImage, [ImageReference])] {
        if let reference = try? ImageReference(text), reference.isNameOnly {
            let tagged = try all().map { ($0, $0.tags.filter { $0.name == reference.name }) }.filter { !$0.1.isEmpty }
            // By name: independent of when the images were made.
            if !tagged.isEmpty {
                return tagged.sorted { ($0.1.first?.description ?? "") < ($1.1.first?.description ?? "") }
            }
        }
        let image = try resolve(text)
        guard !Self.means(text, image.id), let reference = try? ImageReference(text), reference.digest == nil else {
            return [(image, [])]
        }
        return [(image, [reference.withDefaultTag])]
    }

    package func save(_ selections: [ImageSelection], to sink: any ByteSink) throws {
        let contents = try selections.map { try SavedImage($0, content) }
        let writer = TarWriter(sink)
        for directory in ["blobs", "blobs/sha256"] {
            try writer.add(TarEntry(path: BytePath(directory), kind: .directory, mode: 0o755))
        }
        var blobs: [Digest: BlobSource] = [:]
        for image in contents { for blob in image.blobs { blobs[blob.digest] = blobs[blob.digest] ?? blob } }
        for blob in blobs.values.sorted(by: { $0.digest.hex < $1.digest.hex }) { try add(blob, to: writer) }
        func document(_ name: String, _ bytes: [UInt8]) throws {
            try writer.add(TarEntry(path: BytePath(name), kind: .file), bytes)
        }
        try document(ImageLayout.indexName, JSONText.encode(ImageIndex(manifests: contents.flatMap(\.descriptors))))
        try document(DockerArchiveEntry.fileName, JSONText.encode(contents.map(\.dockerEntry)))
        try document(ImageLayout.fileName, JSONText.encode(ImageLayout()))
        let repositories = contents.reduce(into: [String: [String: String]]()) { table, image in
            guard let top = image.selection.image.layers.last else { return }
            for name in image.selection.names {
                table[name.familiarName, default: [:]][name.tag ?? ""] = top.blob.digest.hex
            }
        }
        try document("repositories", JSONText.encode(repositories))
        try writer.finish()
    }

    private func add(_ blob: BlobSource, to writer: TarWriter) throws {
        let path = BytePath("blobs/sha256/\(blob.digest.hex)")
        switch blob {
        case .memory(_, let bytes): try writer.add(TarEntry(path: path, kind: .file), bytes)
        case .stored(let stored):
            try add(stored, at: path, from: try content.open(stored.digest), to: writer)
        case .layer(let layer):
            // Blobs that were made here need not be there: their layers can be put together again.
            let assembled = content.exists(layer.blob.digest) ? nil : try layers.assembled(layer.chain)
            try add(layer.blob, at: path, from: try assembled ?? content.open(layer.blob.digest), to: writer)
        }
    }

    private func add(_ blob: Blob, at path: BytePath, from source: any ByteSource, to writer: TarWriter) throws {
        let source = HashingSource(source)
        try writer.add(TarEntry(path: path, kind: .file, size: blob.size), from: source)
        guard source.finish() == blob.digest else { throw ContentStore.damaged(blob.digest) }
    }
}

/// An image to save, and the names it gets in the archive.
package struct ImageSelection: Sendable {
    package let image: StoredImage
    package var names: [ImageReference]
}

private enum BlobSource {
    case stored(Blob)
    case layer(StoredLayer)
    case memory(Digest, [UInt8])

    var digest: Digest {
        switch self {
        case .stored(let blob): blob.digest
        case .layer(let layer): layer.blob.digest
        case .memory(let digest, _): digest
        }
    }
}

/// What an image puts into an archive.
private struct SavedImage {
    let selection: ImageSelection
    let blobs: [BlobSource]
    private let manifest: Descriptor

    /// The manifest it came with, when its layers are still those; else one made of what is stored, always the same.
    init(_ selection: ImageSelection, _ content: ContentStore) throws {
        let image = selection.image
        guard let configSize = content.size(image.id) else { throw ContentStore.damaged(image.id) }
        let config = Blob(digest: image.id, size: configSize)
        var blobs: [BlobSource] = [.stored(config)] + image.layers.map { .layer($0) }
        if let digest = image.manifest, let size = content.size(digest) {
            let bytes = try content.read(digest)
            let type = try JSONText.decode(ImageManifest.self, bytes, subject: "the manifest \(digest.short)").mediaType
            manifest = Descriptor(
                mediaType: type ?? .manifest, digest: digest, size: size, platform: image.config.platform)
            blobs.append(.stored(Blob(digest: digest, size: size)))
        } else {
            let bytes = try JSONText.encode(
                ImageManifest(
                    config: Descriptor(mediaType: .config, digest: config.digest, size: config.size),
                    layers: image.layers.map {
                        Descriptor(
                            mediaType: .layer($0.mediaType.layerCompression ?? .none), digest: $0.blob.digest,
                            size: $0.blob.size)
                    }))
            let digest = SHA256Hasher.digest(of: bytes)
            manifest = Descriptor(
                mediaType: .manifest, digest: digest, size: Int64(bytes.count), platform: image.config.platform)
            blobs.append(.memory(digest, bytes))
        }
        self.selection = selection
        self.blobs = blobs
    }

    /// In `index.json`, one for each name.
    var descriptors: [Descriptor] {
        guard !selection.names.isEmpty else { return [manifest] }
        return selection.names.map { name in
            var descriptor = manifest
            descriptor.annotations = [
                Annotations.containerdImageName: name.description, Annotations.refName: name.tag ?? "latest",
            ]
            return descriptor
        }
    }

    var dockerEntry: DockerArchiveEntry {
        DockerArchiveEntry(
            config: "blobs/sha256/\(selection.image.id.hex)",
            repoTags: selection.names.isEmpty ? nil : selection.names.map(\.familiar),
            layers: selection.image.layers.map { "blobs/sha256/\($0.blob.digest.hex)" })
    }
}
