import Basics

/// Gives a stream out in blocks of 512 bytes and in longer pieces, straight from one big buffer.
final class BlockInput {
    private let source: any ByteSource
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    private var start = 0
    private var end = 0
    /// Sees all bytes that are given out.
    var tap: ((UnsafeRawBufferPointer) throws -> Void)?

    init(_ source: any ByteSource) { self.source = source }
    deinit { buffer.deallocate() }

    /// The next 512 bytes, valid until the next call; nil at the end. Fewer at the end are an error.
    func block() throws -> UnsafeRawBufferPointer? {
        while end - start < TarHeader.blockSize {
            if start > 0 {
                buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[start..<end]))
                end -= start
                start = 0
            }
            let count = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[end...]))
            if count == 0 {
                if end == 0 { return nil }
                throw ArchiveError(.damaged, "the archive", "is cut off: its last block is not whole")
            }
            end += count
        }
        return try give(TarHeader.blockSize)
    }

    /// At least one byte and at most `limit`, valid until the next call; empty only at the end.
    func bytes(atMost limit: Int) throws -> UnsafeRawBufferPointer {
        if start == end {
            start = 0
            end = try source.read(into: buffer)
        }
        return try give(min(limit, end - start))
    }

    private func give(_ count: Int) throws -> UnsafeRawBufferPointer {
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[start..<start + count])
        start += count
        try tap?(bytes)
        return bytes
    }
}
