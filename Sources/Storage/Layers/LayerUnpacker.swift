package import Archive
package import Basics
package import Kernel

/// What an archive held.
package struct LayerContents: Sendable, Equatable {
    /// Entries of the archive, whiteouts among them.
    package var entries = 0
    /// Sum of the files' sizes.
    package var bytes: Int64 = 0
    /// The layer hides everything of all layers below it. Overlay takes no notice of that mark on a layer's root:
    /// whoever stacks layers leaves those below out.
    package var hidesAllBelow = false
    package init() {}
}

/// A layer that was unpacked, and what it was.
package struct UnpackedLayer: Sendable, Equatable {
    package var contents: LayerContents
    /// Of the plain tar.
    package var diffID: Digest
    package var size: Int64
    /// Of the blob as it came.
    package var digest: Digest
    package var compressedSize: Int64
    package var compression: Compression
}

/// Owner of a file, as numbers.
package struct FileOwner: Sendable, Equatable {
    package var uid: UInt32
    package var gid: UInt32
    package init(uid: UInt32, gid: UInt32) {
        self.uid = uid
        self.gid = gid
    }
}

/// Applies a layer to an empty directory, in the form that overlayfs reads: whiteouts as character devices 0:0,
/// opaque directories by `trusted.overlay.opaque`. No other layer is looked at, so layers unpack side by side.
///
/// When it throws, the directory is half full: the caller removes it. Nothing outside it is ever touched. Nothing is
/// synced to the disk.
package enum LayerUnpacker {
    package struct Options: Sendable {
        /// Refuses content beyond that many bytes in all.
        package var maximumBytes: Int64?
        package init(maximumBytes: Int64? = nil) { self.maximumBytes = maximumBytes }
    }

    /// `source`: the plain tar, read as far as its end marker. `whole`: somebody checks a digest over all of it, so
    /// a missing end marker need not be an error.
    package static func unpack(
        _ source: any ByteSource, into directory: borrowing FileDescriptor, whole: Bool = false,
        options: Options = Options()
    ) throws -> LayerContents {
        try unpack(source, into: directory, whole: whole, assembly: nil, options)
    }

    /// `assembly`: written beside it, from all of the archive.
    static func unpack(
        _ source: any ByteSource, into directory: borrowing FileDescriptor, whole: Bool,
        assembly: LayerAssemblyWriter?, _ options: Options = Options()
    ) throws -> LayerContents {
        let policy = TreeWriter.Policy(overlay: true, appliesRoot: true, maximumBytes: options.maximumBytes)
        let writer = try TreeWriter(root: directory.raw, base: "", policy: policy, assembly: assembly)
        return try writer.write(TarReader(source, options: .init(requiresEndMarker: !whole)))
    }

    package static func unpack(_ source: any ByteSource, into path: String, options: Options = Options()) throws
        -> LayerContents
    {
        try unpack(source, into: try Sys.open(path, 0), options: options)
    }

    /// Unpacks a blob of any compression, reading all of it, and tells both digests. Inflating overlaps with hashing
    /// and writing. Throws when the plain tar is not the one expected.
    package static func unpackVerified(
        _ source: any ByteSource, expectedDiffID: Digest?, into directory: borrowing FileDescriptor,
        options: Options = Options()
    ) throws -> UnpackedLayer {
        let blob = HashingSource(source)
        let (plain, compression) = try Decompressor.open(blob)
        let ahead = try PipelinedSource(plain)
        defer { ahead.stop() }
        // A plain blob is its own tar: it is hashed once, beside the thread that writes.
        let tar: any ByteSource = compression == .none ? ahead : HashingSource(ahead)
        let contents = try unpack(tar, into: directory, whole: expectedDiffID != nil, options: options)
        try tar.readAway()
        ahead.stop()
        try blob.drain()
        let digest = blob.finish()
        let diffID = (tar as? HashingSource)?.finish() ?? digest
        if let expectedDiffID, diffID != expectedDiffID {
            throw ArchiveError(.damaged, "the layer", "holds \(diffID) where the image says \(expectedDiffID)")
        }
        return UnpackedLayer(
            contents: contents, diffID: diffID, size: (tar as? HashingSource)?.count ?? blob.count, digest: digest,
            compressedSize: blob.count, compression: compression)
    }
}
