import Archive
import Basics
import Glibc
import Kernel

/// Unpacks a layer, on a thread of its own, while its plain tar is still being written, and writes down how the tar is
/// made of the files again, as it is not kept itself.
///
/// Call `finish` or `abandon` in any case.
final class LayerIntake: ByteSink {
    /// So many bytes are worth having the disk begin.
    private static let stretch = 32 << 20
    private let directory: String
    private let pipe: PipelinedSink<(contents: LayerContents, plain: Blob?)>
    private let writeBack: WriteBack?
    private var unwritten = 0

    /// - Parameters:
    ///   - directory: is made, and is the caller's to discard.
    ///   - hashes: what is written is hashed as well, on the same thread, for `finish()`.
    init(_ directory: String, _ writeBack: WriteBack? = nil, hashes: Bool = false) throws {
        self.directory = directory
        self.writeBack = writeBack
        try LayerStore.makeTree(directory)
        pipe = try PipelinedSink(name: "unpack") { source in
            let target = try Sys.open(directory + "/diff", O_RDONLY | O_DIRECTORY)
            let records = try RecordsSink("\(directory)/\(LayerAssembly.fileName)")
            defer { records.abandon() }
            let assembly = try LayerAssemblyWriter(records, in: directory)
            let hashing = hashes ? HashingSource(source) : nil
            let contents = try LayerUnpacker.unpack(hashing ?? source, into: target, whole: true, assembly: assembly)
            try assembly.finish()
            try hashing?.drain()
            return (contents, hashing.map { Blob(digest: $0.finish(), size: $0.count) })
        }
    }

    func write(_ buffer: UnsafeRawBufferPointer) throws {
        do { try pipe.write(buffer) } catch { throw IntakeFailure(reason: error) }
        unwritten += buffer.count
        if unwritten >= Self.stretch {
            unwritten = 0
            writeBack?.begin()
        }
    }

    /// `diffID`: of what was written.
    func finish(diffID: Digest) throws(IntakeFailure) -> StagedLayer {
        StagedLayer(diffID: diffID, directory: directory, contents: try outcome().contents)
    }

    /// Of one that hashes.
    func finish() throws(IntakeFailure) -> (layer: StagedLayer, plain: Blob) {
        let (contents, plain) = try outcome()
        guard let plain else { preconditionFailure("an intake that does not hash was asked for a digest") }
        return (StagedLayer(diffID: plain.digest, directory: directory, contents: contents), plain)
    }

    private func outcome() throws(IntakeFailure) -> (contents: LayerContents, plain: Blob?) {
        do { return try pipe.finish() } catch { throw IntakeFailure(reason: error) }
    }

    func abandon() { pipe.abandon() }
}

/// Compresses the records of an assembly, on a thread of its own: unpacking is what a load waits for.
private final class RecordsSink: FinishingSink {
    private let pipe: PipelinedSink<Void>

    init(_ path: String) throws {
        let file = FileSink(try Sys.open(path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600))
        let target = HandedOver(file as any ByteSink)
        pipe = try PipelinedSink(name: "assembly") { source in
            let gzip = Compressor.open(target.value, .gzip)
            try source.copy(to: gzip)
            try gzip.finish()
        }
    }

    func write(_ buffer: UnsafeRawBufferPointer) throws { try pipe.write(buffer) }
    func finish() throws { try pipe.finish() }
    func abandon() { pipe.abandon() }
}

/// The layer cannot be unpacked so, or not at all.
struct IntakeFailure: Error {
    let reason: any Error
}

/// A layer that is unpacked, and not yet in its place.
struct StagedLayer: Sendable {
    let diffID: Digest
    /// Below `tmp/`: its `diff`, and its assembly.
    let directory: String
    let contents: LayerContents
}
