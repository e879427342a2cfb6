package import Basics
package import Kernel

/// What a descriptor gives, from its current place to its end. Blocking.
package final class FileSource: ByteSource {
    private let descriptor: SharedDescriptor

    package init(_ descriptor: consuming FileDescriptor) { self.descriptor = SharedDescriptor(descriptor) }
    package init(_ descriptor: SharedDescriptor) { self.descriptor = descriptor }
    package convenience init(path: String) throws { self.init(try Sys.open(path, 0)) }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        guard let count = try descriptor.descriptor.read(into: buffer) else {
            preconditionFailure("a file source needs a blocking descriptor")
        }
        return count
    }
}

/// Writes to a descriptor at its current place, without a buffer of its own. Blocking.
package final class FileSink: ByteSink {
    private let descriptor: SharedDescriptor

    package init(_ descriptor: consuming FileDescriptor) { self.descriptor = SharedDescriptor(descriptor) }
    package init(_ descriptor: SharedDescriptor) { self.descriptor = descriptor }

    package func write(_ buffer: UnsafeRawBufferPointer) throws { try descriptor.descriptor.writeAll(buffer) }
}

/// Bytes in memory.
package final class MemorySource: ByteSource {
    private var rest: ArraySlice<UInt8>
    /// How many bytes a read gives at most: small values show whether a reader copes with pieces.
    private let piece: Int

    package init(_ bytes: [UInt8], piece: Int = .max) {
        rest = bytes[...]
        self.piece = piece
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = min(buffer.count, rest.count, piece)
        rest.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        rest = rest.dropFirst(count)
        return count
    }
}

/// Collects in memory: for small things only.
package final class MemorySink: ByteSink {
    package private(set) var bytes: [UInt8] = []
    package init() {}
    package func write(_ buffer: UnsafeRawBufferPointer) throws { bytes.append(contentsOf: buffer) }
}

/// Some bytes that were read ahead, then the rest of the stream they came from.
package final class PrefixedSource: ByteSource {
    private var prefix: ArraySlice<UInt8>
    private let source: any ByteSource

    package init(_ prefix: [UInt8], then source: any ByteSource) {
        self.prefix = prefix[...]
        self.source = source
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        if prefix.isEmpty { return try source.read(into: buffer) }
        let count = min(buffer.count, prefix.count)
        prefix.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        prefix = prefix.dropFirst(count)
        return count
    }
}
