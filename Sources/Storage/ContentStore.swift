package import Archive
package import Basics
import Glibc
import Kernel

/// A blob that was stored: its digest and how many bytes it has.
package struct Blob: Sendable, Hashable {
    package let digest: Digest
    package let size: Int64

    package init(digest: Digest, size: Int64) {
        self.digest = digest
        self.size = size
    }
}

/// Blobs by digest, exactly as received: `blobs/sha256/<hex>`. Layers stay compressed as they came, so that an image
/// can be saved or pushed with the digests it had.
///
/// Writes are not synced one by one: who records that a blob is there syncs the file system before.
package final class ContentStore: Sendable {
    private let root: DataRoot

    /// Above this no JSON document of an image is read into memory (distribution-spec asks for 4 MiB at least).
    package static let documentLimit = 4 << 20

    package init(root: DataRoot) { self.root = root }

    /// Where a blob is, whether it is there or not.
    package func path(_ digest: Digest) -> String { "\(root.blobs)/\(digest.hex)" }

    package func exists(_ digest: Digest) -> Bool { Sys.exists(path(digest)) }

    /// Bytes; nil when there is no such blob.
    package func size(_ digest: Digest) -> Int64? {
        (try? Sys.status(path(digest))).map { Int64(clamping: $0.size) }
    }

    /// Stores everything that `source` gives. Refuses more or fewer bytes than `expectedSize`, and then another
    /// digest than `expected`; a refused or broken one leaves nothing.
    package func ingest(_ source: any ByteSource, expected: Digest? = nil, expectedSize: Int64? = nil) throws -> Blob {
        let spooled = try spool(
            source, expected: expected, expectedSize: expectedSize, what: expected?.description ?? "the blob")
        try adopt(spooled)
        return spooled.blob
    }

    package func put(_ bytes: [UInt8]) throws -> Blob { try ingest(MemorySource(bytes)) }

    package func open(_ digest: Digest) throws -> FileSource {
        guard exists(digest) else {
            throw StorageError.damaged("the blob \(digest) is missing: load or pull its image again")
        }
        return FileSource(try Sys.open(path(digest), O_RDONLY | O_NOFOLLOW))
    }

    /// The bytes of a small blob, checked against the digest.
    package func read(_ digest: Digest, limit: Int = ContentStore.documentLimit) throws -> [UInt8] {
        let bytes = try open(digest).readAll(limit: limit, of: "the blob \(digest)")
        guard SHA256Hasher.digest(of: bytes) == digest else { throw Self.damaged(digest) }
        return bytes
    }

    /// Reads all of it; throws `StorageError.damaged` when it is not what its name says.
    package func verify(_ digest: Digest) throws {
        let source = HashingSource(try open(digest))
        try source.drain()
        guard source.finish() == digest else { throw Self.damaged(digest) }
    }

    /// Fine when it is not there.
    package func remove(_ digest: Digest) throws {
        do { try Sys.unlink(path(digest)) } catch let error where error.errno == ENOENT {}
    }

    package func all() throws -> [Digest] {
        try Sys.list(root.blobs).compactMap { Digest(hex: $0.name) }
    }

    static func damaged(_ digest: Digest) -> StorageError {
        .damaged("the blob \(digest) is damaged, its bytes have another digest: load or pull its image again")
    }
}

/// Bytes on their way in: hashed, in a file under `tmp/`, not yet a blob.
struct SpooledFile: Sendable {
    let path: String
    let blob: Blob
    /// A plain tar that was unpacked on its way in, and is made of its files again when it is wanted: nothing is at
    /// `path`. With why that failed, if it did.
    var unpacked: Unpacked?

    enum Unpacked: Sendable {
        case done
        case failed(any Error)
    }
}

extension ContentStore {
    /// As `ingest`, but the bytes stay in `tmp/` until `adopt` or `discard`. `directory`: below `tmp/`.
    func spool(
        _ source: any ByteSource, expected: Digest? = nil, expectedSize: Int64? = nil, in directory: String? = nil,
        what: String
    ) throws -> SpooledFile {
        try spool(in: directory, expected: expected, what: what) { sink in
            let limited = SizeLimit(sink, limit: expectedSize ?? .max, what: what)
            let count = try source.copy(to: limited)
            if let expectedSize { try Self.check(count, expectedSize, what: what) }
        }
    }

    /// As `spool`, of bytes that somebody else keeps: nothing but their digest and size are looked at.
    func measure(_ source: any ByteSource, expected: Digest?, expectedSize: Int64, what: String) throws -> Blob {
        let hashing = HashingSource(source)
        try hashing.drain()
        let blob = Blob(digest: hashing.finish(), size: hashing.count)
        try Self.check(blob.size, expectedSize, what: what)
        try Self.check(blob, expected, what: what)
        return blob
    }

    private static func check(_ count: Int64, _ announced: Int64, what: String) throws(StorageError) {
        if count < announced { throw .invalid("\(what): \(count) bytes came, \(announced) were announced") }
    }

    private static func check(_ blob: Blob, _ expected: Digest?, what: String) throws(StorageError) {
        if let expected, blob.digest != expected {
            throw .invalid("\(what): its digest is \(blob.digest), not \(expected)")
        }
    }

    /// The bytes that `body` writes.
    func spool(
        in directory: String? = nil, expected: Digest? = nil, what: String, _ body: (any ByteSink) throws -> Void
    ) throws
        -> SpooledFile
    {
        let path = (directory ?? root.temporary) + "/" + Identifier().hex
        do {
            let sink = HashingSink(FileSink(try Sys.open(path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)))
            try body(sink)
            let blob = Blob(digest: sink.finish(), size: sink.count)
            try Self.check(blob, expected, what: what)
            return SpooledFile(path: path, blob: blob)
        } catch {
            try? Sys.unlink(path)
            // "No space left" helps more with a name than with the number of a descriptor.
            throw (error as? SyscallError)?.about(what) ?? error
        }
    }

    /// Makes a spooled file a blob, in place of one that may be there: the new one is known to be sound.
    func adopt(_ file: SpooledFile) throws { try Sys.rename(file.path, path(file.blob.digest)) }
}

/// Stops a sender that goes on past what it announced, before the disk is full of it.
private final class SizeLimit: ByteSink {
    private let sink: any ByteSink
    private var left: Int64
    private let limit: Int64
    private let what: String

    init(_ sink: any ByteSink, limit: Int64, what: String) {
        self.sink = sink
        self.limit = limit
        self.what = what
        left = limit
    }

    func write(_ buffer: UnsafeRawBufferPointer) throws {
        guard Int64(buffer.count) <= left else {
            throw StorageError.invalid("\(what): more than the announced \(limit) bytes came")
        }
        left -= Int64(buffer.count)
        try sink.write(buffer)
    }
}
