import Archive
import Basics
import Kernel
import OCI
import Storage

/// Layers and archives of images, made in memory.
enum Fixture {
    static let log = Logger("test", minimum: .error)

    struct Layer {
        let tar: [UInt8]
        /// Instead of the digest that it has.
        var said: Digest?
        var diffID: Digest { said ?? SHA256Hasher.digest(of: tar) }
    }

    /// Files by path; a path that ends with `/` is a directory.
    static func layer(_ files: [String: String]) throws -> Layer {
        let sink = MemorySink()
        let writer = TarWriter(sink)
        for (path, text) in files.sorted(by: { $0.key < $1.key }) {
            if path.hasSuffix("/") {
                try writer.add(TarEntry(path: BytePath(path), kind: .directory, mode: 0o755))
            } else {
                try writer.add(TarEntry(path: BytePath(path), kind: .file), Array(text.utf8))
            }
        }
        try writer.finish()
        return Layer(tar: sink.bytes)
    }

    static func compress(_ bytes: [UInt8], _ compression: Compression) throws -> [UInt8] {
        let sink = MemorySink()
        let compressor = Compressor.open(sink, compression)
        try compressor.write(bytes)
        try compressor.finish()
        return sink.bytes
    }

    static func config(_ layers: [Layer], _ change: (inout ImageConfig) -> Void = { _ in }) throws -> [UInt8] {
        var config = ImageConfig(diffIDs: layers.map(\.diffID))
        config.created = "2026-01-02T03:04:05Z"
        config.config.cmd = ["/bin/sh"]
        config.history = layers.map { _ in ImageHistory(created: "2026-01-02T03:04:05Z", createdBy: "test") }
        change(&config)
        return try JSONText.encode(config)
    }

    static func tar(_ files: [(String, [UInt8])]) throws -> [UInt8] {
        let sink = MemorySink()
        let writer = TarWriter(sink)
        for (path, bytes) in files { try writer.add(TarEntry(path: BytePath(path), kind: .file), bytes) }
        try writer.finish()
        return sink.bytes
    }

    /// What `docker save` of old makes: plain layers, the table of contents last.
    static func dockerArchive(_ layers: [Layer], tags: [String]? = ["app:1"], config: [UInt8]? = nil) throws -> [UInt8]
    {
        let config = try config ?? self.config(layers)
        let hex = SHA256Hasher.digest(of: config).hex
        var files = layers.enumerated().map { ("layer\($0)/layer.tar", $1.tar) }
        files.append(("\(hex).json", config))
        let entry = DockerArchiveEntry(config: "\(hex).json", repoTags: tags, layers: files.dropLast().map(\.0))
        files.append(("manifest.json", try JSONText.encode([entry])))
        return try tar(files)
    }

    struct Parts {
        var blobs: [(String, [UInt8])] = []
        var manifest: Descriptor
        mutating func add(_ bytes: [UInt8], _ type: MediaType) -> Descriptor {
            let digest = SHA256Hasher.digest(of: bytes)
            blobs.append(("blobs/sha256/\(digest.hex)", bytes))
            return Descriptor(mediaType: type, digest: digest, size: Int64(bytes.count))
        }
    }

    static func parts(_ layers: [Layer], _ compression: Compression = .gzip, config: [UInt8]? = nil) throws -> Parts {
        var parts = Parts(manifest: Descriptor(mediaType: .manifest, digest: layers[0].diffID, size: 0))
        let type: MediaType =
            switch compression {
            case .none: .layer;
            case .gzip: .layerGzip;
            case .zstd: .layerZstd
            }
        let descriptors = try layers.map { parts.add(try compress($0.tar, compression), type) }
        let configDescriptor = parts.add(try config ?? self.config(layers), .config)
        parts.manifest = parts.add(
            try JSONText.encode(ImageManifest(config: configDescriptor, layers: descriptors)), .manifest)
        return parts
    }

    static func layout(_ parts: Parts, _ descriptors: [Descriptor]) throws -> [UInt8] {
        // The index first: blobs may come in any order.
        try tar(
            [
                ("index.json", try JSONText.encode(ImageIndex(manifests: descriptors))),
                ("oci-layout", Array("{\"imageLayoutVersion\":\"1.0.0\"}".utf8)),
            ] + parts.blobs)
    }

    static func layout(_ layers: [Layer], name: String? = "docker.io/library/app:1", _ compression: Compression = .gzip)
        throws -> [UInt8]
    {
        let parts = try parts(layers, compression)
        var descriptor = parts.manifest
        if let name { descriptor.annotations = [Annotations.containerdImageName: name, Annotations.refName: "1"] }
        return try layout(parts, [descriptor])
    }
}

/// Stores in a directory of their own.
struct StoreFixture: Sendable {
    let place: TemporaryDirectory
    let stores: Stores
    var images: ImageStore { stores.images }

    init() throws {
        place = try TemporaryDirectory()
        stores = try Stores(dataRoot: place.path + "/root", log: Fixture.log)
    }

    func load(_ archive: [UInt8]) throws -> [AddedImage] { try images.load(MemorySource(archive)) }

    /// What is there besides the database: nothing after a failure.
    func leftovers() throws -> [String] {
        stores.root.drainTrash()
        return try ["layers", "blobs/sha256", "tmp", "trash"].flatMap { directory in
            try Sys.list("\(stores.root.path)/\(directory)").map { "\(directory)/\($0.name)" }
        }
    }

    func read(_ image: StoredImage, layer: Int, _ path: String) throws -> String {
        try Sys.readText(stores.layers.path(image.layers[layer].chain) + "/" + path)
    }
}
