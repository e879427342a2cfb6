import Basics
import Database
import Kernel
import OCI

/// An image about to be stored; its blobs are files under `tmp/` or blobs already.
struct NewImage: Sendable {
    let config: SpooledFile
    let parsed: ImageConfig
    let manifest: SpooledFile?
    /// The lowest first, one for each DiffID.
    let layers: [(file: SpooledFile, mediaType: MediaType)]
    var parent: Digest?
    var names: [ImageReference]

    var id: Digest { config.blob.digest }

    /// `what` names it in errors.
    func check(what: String) throws(StorageError) {
        guard layers.count == parsed.diffIDs.count else {
            throw .invalid(
                "\(what): it has \(layers.count) layers, but its configuration names \(parsed.diffIDs.count)")
        }
        guard layers.count <= ImageStore.layerLimit else {
            throw .invalid(
                "\(what): it has \(layers.count) layers; no more than \(ImageStore.layerLimit) can be stacked")
        }
        guard ["", "linux"].contains(parsed.os) else {
            throw .invalid("\(what): it is made for \(parsed.os); only images for linux can be used")
        }
    }

    var sources: [LayerSource] {
        let chains = ChainID.chain(parsed.diffIDs)
        return zip(chains.indices, layers).map { index, layer in
            LayerSource(
                chain: chains[index], parent: index > 0 ? chains[index - 1] : nil, diffID: parsed.diffIDs[index],
                blob: layer.file.blob, mediaType: layer.mediaType, path: layer.file.path)
        }
    }
}

extension ImageStore {
    /// Stores images together: all of them or none. Unpacks what is missing, then makes the blobs permanent, syncs
    /// once and records. Inside `collector.add`.
    func record(
        _ images: [NewImage], staged: [StagedLayer] = [], writeBack: WriteBack? = nil,
        progress: (@Sendable (LayerProgress) -> Void)?
    ) throws -> [AddedImage] {
        // Each layer once, parents before children, which the foreign keys ask for.
        let ordered = images.flatMap(\.sources).reduce(into: (seen: Set<Digest>(), list: [LayerSource]())) {
            state, source in
            if state.seen.insert(source.chain).inserted { state.list.append(source) }
        }.list
        try adoptBlobs(images)
        let sources = ordered.map { moved($0) }
        return try layers.add(sources, staged: staged, writeBack: writeBack, progress: progress) { unpacked in
            let added = try database.transaction(durably: true) { db in
                for layer in ordered {
                    if let contents = unpacked[layer] { try LayerStore.insert(db, layer, contents) }
                }
                return try images.map { try Self.insert(db, $0) }
            }
            for image in added { forgetConfig(image.id) }
            return added
        }
    }

    /// From `tmp/` to their names. When the rest fails, the sweep that follows takes them away again.
    private func adoptBlobs(_ images: [NewImage]) throws {
        var done: Set<String> = []
        for image in images {
            for file in [image.config] + [image.manifest].compactMap({ $0 }) + image.layers.map(\.file)
            where done.insert(file.path).inserted && file.path != content.path(file.blob.digest) {
                try content.adopt(file)
            }
        }
    }

    private func moved(_ source: LayerSource) -> LayerSource {
        LayerSource(
            chain: source.chain, parent: source.parent, diffID: source.diffID, blob: source.blob,
            mediaType: source.mediaType,
            path: content.path(source.blob.digest))
    }

    private static func insert(_ db: Connection, _ image: NewImage) throws -> AddedImage {
        let sources = image.sources
        let created = image.parsed.created.flatMap { Timestamp($0) }?.nanosecondsSince1970 ?? 0
        let isNew =
            try db.run(
                """
                INSERT OR IGNORE INTO images (id, chain_id, manifest, parent, created, added) VALUES (?, ?, ?, ?, ?, ?)
                """,
                [
                    .text(image.id.hex), SQLValue(sources.last?.chain.hex), SQLValue(image.manifest?.blob.digest.hex),
                    SQLValue(image.parent?.hex), .integer(created), .integer(Clock.realtime()),
                ]) > 0
        if isNew {
            for (position, source) in sources.enumerated() {
                try db.run(
                    """
                    INSERT INTO image_layers (image, position, chain_id, blob, blob_size, media_type) VALUES (?, ?, ?, ?, ?, ?)
                    """,
                    [
                        .text(image.id.hex), .integer(Int64(position)), .text(source.chain.hex),
                        .text(source.blob.digest.hex),
                        .integer(source.blob.size), .text(source.mediaType.rawValue),
                    ])
            }
        }
        var moved: [MovedName] = []
        for name in image.names {
            if let old = try Self.name(db, image.id, name) { moved.append(MovedName(name: name, from: old)) }
        }
        return AddedImage(id: image.id, names: image.names, moved: moved)
    }
}
