package import Basics

/// How a stream is compressed, told by its first bytes.
package enum Compression: String, Sendable, CaseIterable {
    case none, gzip, zstd

    /// Bytes that `detect` wants to see, if there are that many.
    package static let magicLength = 6

    /// Refuses forms that are known and not read, by name; what is unknown counts as not compressed.
    package static func detect(_ start: some Collection<UInt8>) throws(ArchiveError) -> Compression {
        let bytes = Array(start.prefix(magicLength))
        if bytes.starts(with: [0x1f, 0x8b]) { return .gzip }
        if bytes.starts(with: [0x28, 0xb5, 0x2f, 0xfd]) { return .zstd }
        // A skippable frame may stand first (RFC 8878, 3.1.2).
        if bytes.count >= 4, bytes[0] & 0xf0 == 0x50, bytes[1...3].elementsEqual([0x2a, 0x4d, 0x18]) { return .zstd }
        for (magic, name) in foreign where bytes.starts(with: magic) {
            throw ArchiveError(
                .unsupported, "the stream",
                "is compressed with \(name); gzip, zstd and plain are read: decompress it first")
        }
        return .none
    }

    private static let foreign: [([UInt8], String)] = [
        ([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], "xz"), ([0x42, 0x5a, 0x68], "bzip2"), ([0x04, 0x22, 0x4d, 0x18], "lz4"),
        ([0x4c, 0x5a, 0x49, 0x50], "lzip"),
    ]
}

/// Opens a stream whatever its compression.
package enum Decompressor {
    /// The plain content of `source` and how that was compressed. `source` is not to be read by others after.
    package static func open(_ source: any ByteSource) throws -> (source: any ByteSource, compression: Compression) {
        var start = [UInt8](repeating: 0, count: Compression.magicLength)
        let count = try start.withUnsafeMutableBytes { try source.fill($0) }
        start.removeLast(start.count - count)
        let compression = try Compression.detect(start)
        return (wrap(PrefixedSource(start, then: source), as: compression), compression)
    }

    /// For a stream whose compression is known.
    package static func wrap(_ source: any ByteSource, as compression: Compression) -> any ByteSource {
        switch compression {
        case .none: source
        case .gzip: GzipSource(source)
        case .zstd: ZstdSource(source)
        }
    }
}

/// A sink with an end of its own, such as a checksum.
package protocol FinishingSink: ByteSink {
    /// Writes what is held back. Nothing may be written after. Does not touch the sink below otherwise.
    func finish() throws
}

/// Writes compressed.
package enum Compressor {
    package static func open(_ sink: any ByteSink, _ compression: Compression) -> any FinishingSink {
        switch compression {
        case .none: PlainSink(sink)
        case .gzip: GzipSink(sink)
        case .zstd: ZstdSink(sink)
        }
    }
}

/// Passes on as it is.
private final class PlainSink: FinishingSink {
    private let sink: any ByteSink
    init(_ sink: any ByteSink) { self.sink = sink }
    func write(_ buffer: UnsafeRawBufferPointer) throws { try sink.write(buffer) }
    func finish() throws {}
}
