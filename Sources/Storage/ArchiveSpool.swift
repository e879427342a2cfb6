import Archive
import Basics
import Kernel

/// The files of an archive of images, taken in as they come: hashed, under `tmp/`, by the names they had. An archive
/// may list its contents at its end, and may come through a pipe.
final class ArchiveSpool {
    /// A directory under `tmp/` that is the caller's to discard.
    let directory: String
    private let content: ContentStore
    private let writeBack: WriteBack
    private var files: [String: SpooledFile] = [:]
    /// Links by name: what an old `docker save` writes for a layer that two images share.
    private var links: [String: String] = [:]
    /// What looked like a layer, not compressed.
    private(set) var staged: [StagedLayer] = []
    /// Beside smaller ones a thread is not worth its while.
    private static let smallestStaged: Int64 = 1 << 20

    private static let entryLimit = 200_000
    private static let nameLimit = 1024

    init(content: ContentStore, directory: String, _ writeBack: WriteBack) throws {
        self.content = content
        self.writeBack = writeBack
        self.directory = directory
        try Sys.mkdir(directory, mode: 0o700)
    }

    /// Reads the whole archive. A file named `blobs/sha256/<hex>` must have that digest.
    func take(_ source: any ByteSource) throws {
        let reader = TarReader(source)
        var count = 0
        while let entry = try reader.next() {
            count += 1
            guard count <= Self.entryLimit else {
                throw StorageError.invalid(
                    "the archive has more than \(Self.entryLimit) entries: it is no archive of images")
            }
            guard let path = entry.path.normalized, let name = path.string, !name.isEmpty,
                name.utf8.count <= Self.nameLimit
            else { continue }
            switch entry.kind {
            case .file:
                let file = try take(reader.data, name: name, size: entry.size, what: "the file \(path)")
                if let old = files[name], old.unpacked == nil { try Sys.unlink(old.path) }
                files[name] = file
                if entry.size >= Self.smallestStaged { writeBack.begin() }
                links[name] = nil
            case .hardLink: links[name] = entry.linkTarget.normalized?.string
            case .symlink: links[name] = Self.resolve(entry.linkTarget, from: path)
            default: continue
            }
        }
    }

    private func take(_ data: any ByteSource, name: String, size: Int64, what: String) throws -> SpooledFile {
        var start = [UInt8](repeating: 0, count: size < Self.smallestStaged ? 0 : 512)
        start.removeLast(start.count - (try start.withUnsafeMutableBytes { try data.fill($0) }))
        let source = PrefixedSource(start, then: data)
        let expected = Self.digest(of: name)
        guard Self.isTar(start) else {
            return try content.spool(source, expected: expected, expectedSize: size, in: directory, what: what)
        }
        let unpacking = try UnpackingSource(source, "\(directory)/\(Identifier().hex)")
        defer { unpacking.abandon() }
        let blob = try content.measure(unpacking, expected: expected, expectedSize: size, what: what)
        var file = SpooledFile(path: content.path(blob.digest), blob: blob, unpacked: .done)
        do { staged.append(try unpacking.finish(blob.digest)) } catch { file.unpacked = .failed(error.reason) }
        return file
    }

    /// Every tar that anybody writes today says so in its first header.
    private static func isTar(_ start: [UInt8]) -> Bool {
        start.count == 512 && start[257..<262].elementsEqual("ustar".utf8)
    }

    /// Follows links, of which a chain may have 16.
    func file(_ name: String) -> SpooledFile? {
        guard var current = BytePath(name).normalized?.string else { return nil }
        for _ in 0..<16 {
            if let file = files[current] { return file }
            guard let target = links[current] else { return nil }
            current = target
        }
        return nil
    }

    func blob(_ digest: Digest) -> SpooledFile? { file("blobs/sha256/\(digest.hex)") }

    /// The bytes of a document.
    func document(_ file: SpooledFile, what: String) throws -> [UInt8] {
        guard file.blob.size <= Int64(ContentStore.documentLimit) else {
            throw StorageError.invalid(
                "\(what) has \(file.blob.size) bytes, more than the \(ContentStore.documentLimit) allowed")
        }
        return try Sys.readFile(file.path, limit: ContentStore.documentLimit)
    }

    private static func digest(of name: String) -> Digest? {
        let prefix = "blobs/sha256/"
        return name.hasPrefix(prefix) ? Digest(hex: String(name.dropFirst(prefix.count))) : nil
    }

    /// A link's text, taken from the directory it is in; nil when it leads out of the archive.
    private static func resolve(_ target: BytePath, from link: BytePath) -> String? {
        guard let text = target.string else { return nil }
        var components = text.hasPrefix("/") ? [] : (link.parent.string ?? "").split(separator: "/").map(String.init)
        for component in text.split(separator: "/") where component != "." {
            if component == ".." {
                if components.popLast() == nil { return nil }
            } else {
                components.append(String(component))
            }
        }
        return components.joined(separator: "/")
    }
}

/// Unpacks what is read through it, and keeps it in no other form. When that fails, it is read through all the same: it
/// may be a file that nobody needs as a layer.
private final class UnpackingSource: ByteSource {
    private let source: any ByteSource
    private let intake: LayerIntake
    private var failure: IntakeFailure?

    init(_ source: any ByteSource, _ directory: String) throws {
        self.source = source
        intake = try LayerIntake(directory)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = try source.read(into: buffer)
        if failure != nil { return count }
        do { try intake.write(UnsafeRawBufferPointer(rebasing: buffer[..<count])) } catch let error as IntakeFailure {
            failure = error
            abandon()
        }
        return count
    }

    func finish(_ diffID: Digest) throws(IntakeFailure) -> StagedLayer {
        if let failure { throw failure }
        return try intake.finish(diffID: diffID)
    }

    func abandon() { intake.abandon() }
}
