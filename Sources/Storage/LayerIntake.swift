import Archive
import Basics
import Glibc
import Kernel

/// Unpacks a layer, on a thread of its own, while its plain tar is still being written.
///
/// Call `finish` or `abandon` in any case.
final class LayerIntake: ByteSink {
    private let directory: String
    private let pipe: PipelinedSink<LayerContents>

    /// `directory` is made, and is the caller's to discard. `assembling`: with an assembly, as the tar itself is not
    /// kept.
    init(_ directory: String, assembling: Bool) throws {
        self.directory = directory
        try LayerStore.makeTree(directory)
        pipe = try PipelinedSink(name: "unpack") { source in
            let target = try Sys.open(directory + "/diff", O_RDONLY | O_DIRECTORY)
            guard assembling else {
                let contents = try LayerUnpacker.unpack(source, into: target, whole: true)
                try source.readAway()
                return contents
            }
            let path = "\(directory)/\(LayerAssembly.fileName)"
            let assembly = try LayerAssemblyWriter(
                FileSink(try Sys.open(path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)))
            let contents = try LayerUnpacker.unpack(source, into: target, whole: true, assembly: assembly)
            try assembly.finish()
            guard assembly.isWhole else {
                throw ArchiveError(.unsupported, "the layer", "has a name twice: it cannot be made of its files again")
            }
            return contents
        }
    }

    func write(_ buffer: UnsafeRawBufferPointer) throws {
        do { try pipe.write(buffer) } catch { throw IntakeFailure(reason: error) }
    }

    /// `diffID`: of what was written.
    func finish(diffID: Digest) throws(IntakeFailure) -> StagedLayer {
        do {
            return StagedLayer(diffID: diffID, directory: directory, contents: try pipe.finish())
        } catch {
            throw IntakeFailure(reason: error)
        }
    }

    func abandon() { pipe.abandon() }
}

/// The layer cannot be unpacked so, or not at all.
struct IntakeFailure: Error {
    let reason: any Error
}

/// A layer that is unpacked, and not yet in its place.
struct StagedLayer: Sendable {
    let diffID: Digest
    /// Below `tmp/`: its `diff`, and perhaps an assembly.
    let directory: String
    let contents: LayerContents
}
