package import Basics
package import Database
import Glibc
import Kernel
package import OCI
import Synchronization

/// The images: configurations and layers by digest, and names for them.
package final class ImageStore: Sendable {
    let root: DataRoot
    let database: Database
    let content: ContentStore
    let layers: LayerStore
    let collector = Collector()
    let log: Logger
    /// Parsed configurations; they never change under their digest.
    private let configs = Mutex<[Digest: ImageConfig]>([:])

    /// overlay(5): no more than this many layers can be stacked.
    static let layerLimit = 500

    package init(root: DataRoot, database: Database, content: ContentStore, layers: LayerStore) throws {
        self.root = root
        self.database = database
        self.content = content
        self.layers = layers
        log = root.log
        sweep()
        for id in try ids() {
            do { _ = try image(id) } catch {
                log.error("image \(id.short) cannot be used: \(error)")
            }
        }
    }

    // MARK: - Finding

    /// By identifier, prefix of one, or name; a name without tag means `latest`.
    package func resolve(_ text: String) throws -> StoredImage { try image(id(of: text)) }

    /// True too when the database cannot be asked.
    package func contains(_ id: Digest) -> Bool { (try? database.read { try Self.exists($0, id) }) ?? true }

    package func image(_ id: Digest) throws -> StoredImage {
        guard let row = try database.read({ try Self.row($0, id) }) else {
            throw StorageError.notFound("No such image: \(id)")
        }
        return try assemble(row)
    }

    /// The identifier that `text` means. A full identifier and a name win over a prefix, as in Docker.
    package func id(of text: String) throws -> Digest {
        if let id = Digest(text) ?? Digest(hex: text) {
            if try database.read({ try Self.exists($0, id) }) { return id }
            throw StorageError.notFound("No such image: \(text)")
        }
        let reference: ImageReference?
        do { reference = try ImageReference(text).withDefaultTag } catch {
            guard Self.isPrefix(text) else { throw StorageError.invalid("\(error)") }
            reference = nil
        }
        if let reference, let id = try database.read({ try Self.find($0, reference) }) { return id }
        if Self.isPrefix(text) {
            let prefix = text.hasPrefix("sha256:") ? String(text.dropFirst(7)) : text
            let matches = try database.read { db in
                try db.query(
                    "SELECT id FROM images WHERE substr(id, 1, ?) = ? LIMIT 2",
                    [.integer(Int64(prefix.utf8.count)), .text(prefix)]
                ) {
                    $0.text(0)
                }
            }.compactMap { Digest(hex: $0) }
            if matches.count > 1 {
                throw StorageError.invalid(
                    "the image identifier \(text) is ambiguous: more than one begins so, give more digits")
            }
            if let match = matches.first { return match }
        }
        throw StorageError.notFound("No such image: \(reference?.familiar ?? text)")
    }

    /// Whether `text` can only have meant an identifier, or the beginning of one, of this image.
    static func means(_ text: String, _ id: Digest) -> Bool {
        isPrefix(text) && id.hex.hasPrefix(text.hasPrefix("sha256:") ? String(text.dropFirst(7)) : text)
    }

    private static func isPrefix(_ text: String) -> Bool {
        let digits = text.hasPrefix("sha256:") ? text.dropFirst(7) : text[...]
        return (1...64).contains(digits.utf8.count) && digits.utf8.allSatisfy(Hex.isLowerDigit)
    }

    /// The newest first. Images that are damaged are left out; the log told of them.
    package func all() throws -> [StoredImage] {
        try ids().compactMap { id in
            // Of each image alone: one that is damaged must not hide the others.
            try? image(id)
        }.sorted { ($1.created, $1.id.hex) < ($0.created, $0.id.hex) }
    }

    private func ids() throws -> [Digest] {
        try database.read { try $0.query("SELECT id FROM images") { $0.text(0) } }.compactMap { Digest(hex: $0) }
    }

    // MARK: - Naming

    /// Gives an image a name more. Returns the image that had the name until now.
    @discardableResult
    package func tag(_ text: String, as reference: ImageReference) throws -> Digest? {
        guard reference.digest == nil else {
            throw StorageError.invalid("refusing to create a tag with a digest reference")
        }
        let id = try id(of: text)
        return try database.transaction(durably: true) { db in
            // It may have been removed since.
            guard try Self.exists(db, id) else { throw StorageError.notFound("No such image: \(text)") }
            return try Self.name(db, id, reference.withDefaultTag)
        }
    }

    /// Returns the other image that had the name.
    static func name(_ db: Connection, _ id: Digest, _ reference: ImageReference) throws -> Digest? {
        let old = try find(db, reference)
        try db.run(
            "INSERT INTO image_names (name, image) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET image = excluded.image",
            [.text(reference.description), .text(id.hex)])
        return old == id ? nil : old
    }

    static func find(_ db: Connection, _ reference: ImageReference) throws -> Digest? {
        // A name with tag and digest is found by its digest, as in Docker.
        var key = reference
        if key.digest != nil { key.tag = nil }
        let hex = try db.first("SELECT image FROM image_names WHERE name = ?", [.text(key.description)]) { $0.text(0) }
        return hex.flatMap { Digest(hex: $0) }
    }

    static func exists(_ db: Connection, _ id: Digest) throws -> Bool {
        try db.first("SELECT 1 FROM images WHERE id = ?", [.text(id.hex)]) { _ in true } ?? false
    }

    // MARK: - Rows

    struct ImageRow: Sendable {
        let id: Digest
        let manifest: Digest?
        let parent: Digest?
        let created: Int64
        let added: Int64
        var layers: [StoredLayer] = []
        var names: [String] = []
    }

    static func row(_ db: Connection, _ id: Digest) throws -> ImageRow? {
        let sql = """
            SELECT manifest, (SELECT id FROM images AS p WHERE p.id = images.parent), created, added FROM images WHERE id = ?
            """
        let found = try db.first(sql, [.text(id.hex)]) { row in
            ImageRow(
                id: id, manifest: row.optionalText(0).flatMap { Digest(hex: $0) },
                parent: row.optionalText(1).flatMap { Digest(hex: $0) }, created: row.integer(2), added: row.integer(3))
        }
        guard var image = found else { return nil }
        image.layers = try db.query(
            """
            SELECT l.chain_id, l.diff_id, i.blob, i.blob_size, i.media_type, l.size
            FROM image_layers AS i JOIN layers AS l ON l.chain_id = i.chain_id WHERE i.image = ? ORDER BY i.position
            """, [.text(id.hex)]
        ) { row in
            guard let chain = Digest(hex: row.text(0)), let diffID = Digest(hex: row.text(1)),
                let blob = Digest(hex: row.text(2))
            else { throw StorageError.damaged("image \(id.short): a layer's record makes no sense") }
            return StoredLayer(
                chain: chain, diffID: diffID, blob: Blob(digest: blob, size: row.integer(3)),
                mediaType: MediaType(rawValue: row.text(4)), size: row.integer(5))
        }
        image.names = try db.query("SELECT name FROM image_names WHERE image = ? ORDER BY name", [.text(id.hex)]) {
            $0.text(0)
        }
        return image
    }

    private func assemble(_ row: ImageRow) throws -> StoredImage {
        let references = row.names.compactMap { try? ImageReference($0) }
        return StoredImage(
            id: row.id, config: try config(row.id), tags: references.filter { $0.digest == nil },
            digests: references.filter { $0.digest != nil }, layers: row.layers, manifest: row.manifest,
            parent: row.parent,
            created: Timestamp(nanosecondsSince1970: row.created), added: Timestamp(nanosecondsSince1970: row.added))
    }

    func config(_ id: Digest) throws -> ImageConfig {
        if let config = configs.withLock({ $0[id] }) { return config }
        let config = try JSONText.decode(
            ImageConfig.self, content.read(id), subject: "the configuration of image \(id.short)")
        configs.withLock { $0[id] = config }
        return config
    }

    func forgetConfig(_ id: Digest) { configs.withLock { $0[id] = nil } }

    /// The bytes of the configuration, exactly as they came.
    package func configBytes(_ id: Digest) throws -> [UInt8] { try content.read(id) }
}
