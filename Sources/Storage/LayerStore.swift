import Archive
package import Basics
package import Database
import Glibc
import Kernel
import OCI
import Synchronization

/// One layer of an image that is being stored: what it must unpack to, and the compressed bytes.
struct LayerSource: Sendable {
    let chain: Digest
    let parent: Digest?
    let diffID: Digest
    let blob: Blob
    let mediaType: MediaType
    /// Where the bytes are now: under `tmp/`, or already among the blobs.
    let path: String
}

/// How far the unpacking of one layer is, in bytes of its blob.
package struct LayerProgress: Sendable, Equatable {
    package let diffID: Digest
    package let current: Int64
    package let total: Int64
}

/// Unpacked layers, each in `layers/<chain id>/diff` in the form overlay mounts: shared by all images and containers
/// that stand on it, and gone when none does.
package final class LayerStore: Sendable {
    private let root: DataRoot
    private let database: Database
    /// Layers that somebody is unpacking right now.
    private let claims = Condition(Set<Digest>())

    /// Directories that no row knows are what a crash left: they go.
    package init(root: DataRoot, database: Database) throws {
        self.root = root
        self.database = database
        let known = Set(try database.read { try $0.query("SELECT chain_id FROM layers") { $0.text(0) } })
        for entry in try Sys.list(root.layers) where !known.contains(entry.name) {
            try root.discard("\(root.layers)/\(entry.name)")
        }
    }

    package func path(_ chain: Digest) -> String { "\(directory(chain))/diff" }
    private func directory(_ chain: Digest) -> String { "\(root.layers)/\(chain.hex)" }

    /// The directories of a stack for overlay's `lowerdir`: the highest layer first, and none below a layer that
    /// hides all below it, which overlay itself would not see on a layer's root.
    package func paths(forChain chain: Digest) throws -> [String] {
        let sql = """
            WITH RECURSIVE stack(chain_id, parent, hides_below, depth) AS (
                SELECT chain_id, parent, hides_below, 0 FROM layers WHERE chain_id = ?
                UNION ALL
                SELECT l.chain_id, l.parent, l.hides_below, depth + 1 FROM layers AS l
                JOIN stack ON l.chain_id = stack.parent WHERE NOT stack.hides_below)
            SELECT chain_id FROM stack ORDER BY depth
            """
        let chains = try database.read { try $0.query(sql, [.text(chain.hex)]) { $0.text(0) } }
        guard !chains.isEmpty else { throw StorageError.notFound("No such layer: \(chain)") }
        return chains.map { "\(root.layers)/\($0)/diff" }
    }

    /// Bytes of the files in a layer; nil when there is no such layer.
    package func size(_ chain: Digest) throws -> Int64? {
        try database.read {
            try $0.first("SELECT size FROM layers WHERE chain_id = ?", [.text(chain.hex)]) { $0.integer(0) }
        }
    }

    /// Bytes of all layers, each counted once.
    package func totalSize() throws -> Int64 {
        try database.read { try $0.first("SELECT coalesce(sum(size), 0) FROM layers") { $0.integer(0) } } ?? 0
    }

    // MARK: - Adding

    /// Unpacks those of `layers` that are not here, puts them in their places, has all of it on the disk, and calls
    /// `record` to enter them with `insert` together with what stands on them. When anything fails, nothing is left.
    ///
    /// The same layer is never unpacked by two callers at a time: the second waits, and finds it there. What is in
    /// `staged` is taken as it is.
    func add<T>(
        _ layers: [LayerSource], staged: [StagedLayer] = [], writeBack: WriteBack? = nil,
        progress: (@Sendable (LayerProgress) -> Void)?,
        record: ([LayerSource: LayerContents]) throws -> T
    ) throws -> T {
        let writeBack = try writeBack ?? WriteBack(root.path)
        let wanted = Set(layers.map(\.chain))
        _ = claims.wait { claimed in
            guard claimed.isDisjoint(with: wanted) else { return nil as Bool? }
            claimed.formUnion(wanted)
            return true
        }
        defer {
            claims.withLock { $0.subtract(wanted) }
            claims.broadcast()
        }
        let missing = try layers.filter { try size($0.chain) == nil || !Sys.exists(path($0.chain)) }
        try keepAssemblies(of: staged, for: Set(layers).subtracting(missing))
        let staging = root.temporaryPath()
        try Sys.mkdir(staging, mode: 0o700)
        defer { try? root.discard(staging) }
        let unpacked = Mutex<[LayerSource: LayerContents]>([:])
        let ready = Mutex(staged)
        // The same layer upon another one: of a tar that nobody kept there is one to be made into two.
        let twins = missing.indices.filter { index in
            missing[..<index].contains { $0.diffID == missing[index].diffID } && !Sys.exists(missing[index].path)
        }
        let firsts = missing.indices.filter { !twins.contains($0) }.map { missing[$0] }
        try Parallel.forEach(firsts.count, name: "unpack") { index in
            let layer = firsts[index]
            let place = "\(staging)/\(layer.chain.hex)"
            let contents =
                if let staged = ready.withLock({ $0.take(layer.diffID) }) {
                    try Self.place(staged, at: place)
                } else {
                    try self.unpack(layer, into: place, progress, writeBack)
                }
            unpacked.withLock { $0[layer] = contents }
        }
        for twin in twins.map({ missing[$0] }) {
            guard let first = firsts.first(where: { $0.diffID == twin.diffID }) else { continue }
            let contents = try Self.copy(
                "\(staging)/\(first.chain.hex)", to: "\(staging)/\(twin.chain.hex)", twin.diffID)
            unpacked.withLock { $0[twin] = contents }
        }
        var placed: [Digest] = []
        do {
            for layer in missing {
                try root.discard(directory(layer.chain))
                try Sys.rename("\(staging)/\(layer.chain.hex)", directory(layer.chain))
                placed.append(layer.chain)
            }
            // After the renames: what the record says is then true after a power cut too.
            try writeBack.finish()
            return try record(unpacked.withLock { $0 })
        } catch {
            for chain in placed { try? root.discard(directory(chain)) }
            throw error
        }
    }

    private func unpack(
        _ layer: LayerSource, into directory: String, _ progress: (@Sendable (LayerProgress) -> Void)?,
        _ writeBack: WriteBack
    ) throws -> LayerContents {
        // Of those that are staged it was begun when they came.
        defer { writeBack.begin() }
        try Self.makeTree(directory)
        guard Sys.exists(layer.path) else {
            // A plain tar that was unpacked on its way in, and is another layer than the image has.
            let reason = "holds \(layer.blob.digest) where the image says \(layer.diffID)"
            throw LayerError(diffID: layer.diffID, reason: ArchiveError(.damaged, "the layer", reason))
        }
        let file = FileSource(try Sys.open(layer.path, O_RDONLY | O_NOFOLLOW))
        let source = ProgressSource(file) { current in
            progress?(LayerProgress(diffID: layer.diffID, current: current, total: layer.blob.size))
        }
        do {
            let target = try Sys.open(directory + "/diff", O_RDONLY | O_DIRECTORY)
            return try LayerUnpacker.unpackVerified(source, expectedDiffID: layer.diffID, into: target).contents
        } catch {
            throw LayerError(diffID: layer.diffID, reason: error)
        }
    }

    /// By way of its tar.
    private static func copy(_ from: String, to: String, _ diffID: Digest) throws -> LayerContents {
        let intake = try LayerIntake(to)
        defer { intake.abandon() }
        do {
            try AssembledLayer(from).copy(to: intake)
            return try intake.finish(diffID: diffID).contents
        } catch let error as IntakeFailure {
            throw LayerError(diffID: diffID, reason: error.reason)
        }
    }

    /// An empty layer.
    static func makeTree(_ directory: String) throws {
        try Sys.makeDirectories(directory + "/diff", mode: 0o700)
        try Sys.chmod(directory + "/diff", mode: 0o755)
    }

    private static func place(_ staged: StagedLayer, at directory: String) throws -> LayerContents {
        try Sys.rename(staged.directory, directory)
        return staged.contents
    }

    /// A layer that was here already, made of a tar that was kept, is now one of another image too, which has none.
    private func keepAssemblies(of staged: [StagedLayer], for layers: Set<LayerSource>) throws {
        for layer in layers {
            guard let new = staged.first(where: { $0.diffID == layer.diffID }) else { continue }
            let (from, to) = (new.directory, directory(layer.chain))
            guard Sys.exists(assembly(from)), !Sys.exists(assembly(to)) else { continue }
            let kept = "/" + LayerAssembly.keptName
            if Sys.exists(from + kept) {
                try root.discard(to + kept)
                try Sys.rename(from + kept, to + kept)
            }
            try Sys.rename(assembly(from), assembly(to))
        }
    }

    private func assembly(_ directory: String) -> String { "\(directory)/\(LayerAssembly.fileName)" }

    /// The plain tar of a layer that was not kept beside its files; nil when there is no way to make it.
    func assembled(_ chain: Digest) throws -> AssembledLayer? {
        let directory = directory(chain)
        return Sys.exists(assembly(directory)) ? try AssembledLayer(directory) : nil
    }

    /// In the transaction that makes the layers used, the lowest first.
    static func insert(_ db: Connection, _ layer: LayerSource, _ contents: LayerContents) throws {
        try db.run(
            "INSERT OR IGNORE INTO layers (chain_id, parent, diff_id, size, hides_below, created) VALUES (?, ?, ?, ?, ?, ?)",
            [
                .text(layer.chain.hex), SQLValue(layer.parent?.hex), .text(layer.diffID.hex), .integer(contents.bytes),
                SQLValue(contents.hidesAllBelow), .integer(Clock.realtime()),
            ])
    }

    // MARK: - Removing

    /// Takes out the rows of layers that no image, container or other layer uses, the highest first.
    static func deleteUnused(_ db: Connection) throws -> [(chain: Digest, size: Int64)] {
        var removed: [(chain: Digest, size: Int64)] = []
        let sql = """
            DELETE FROM layers WHERE
                NOT EXISTS (SELECT 1 FROM image_layers WHERE image_layers.chain_id = layers.chain_id)
                AND NOT EXISTS (SELECT 1 FROM images WHERE images.chain_id = layers.chain_id)
                AND NOT EXISTS (SELECT 1 FROM containers WHERE containers.chain_id = layers.chain_id)
                AND NOT EXISTS (SELECT 1 FROM layers AS child WHERE child.parent = layers.chain_id)
            RETURNING chain_id, size
            """
        while true {
            let rows = try db.query(sql) { (chain: Digest(hex: $0.text(0)), size: $0.integer(1)) }
            if rows.isEmpty { return removed }
            for case (let chain?, let size) in rows { removed.append((chain, size)) }
        }
    }

    func discard(_ chain: Digest) throws { try root.discard(directory(chain)) }
}

extension [StagedLayer] {
    fileprivate mutating func take(_ diffID: Digest) -> StagedLayer? {
        firstIndex { $0.diffID == diffID }.map { remove(at: $0) }
    }
}

extension LayerSource: Hashable {
    static func == (a: LayerSource, b: LayerSource) -> Bool { a.chain == b.chain }
    func hash(into hasher: inout Hasher) { hasher.combine(chain) }
}

/// A layer that cannot be unpacked, and why.
package struct LayerError: Error, CustomStringConvertible {
    package let diffID: Digest
    package let reason: any Error
    package var description: String { "layer \(diffID.short): \(reason)" }
}

/// Tells now and then how many bytes were read through it.
private final class ProgressSource: ByteSource {
    private let source: any ByteSource
    private let report: (Int64) -> Void
    private var count: Int64 = 0
    private var reported: Int64 = 0
    private static let step: Int64 = 512 << 10

    init(_ source: any ByteSource, _ report: @escaping (Int64) -> Void) {
        self.source = source
        self.report = report
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let read = try source.read(into: buffer)
        count += Int64(read)
        if count - reported >= Self.step || read == 0 && count != reported {
            reported = count
            report(count)
        }
        return read
    }
}
