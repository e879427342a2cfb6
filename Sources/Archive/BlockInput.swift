import Basics

/// Gives a stream out in blocks of 512 bytes and in longer pieces, straight from one big buffer.
final class BlockInput {
    private let source: any ByteSource
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    private var start = 0
    private var end = 0

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
        defer { start += TarHeader.blockSize }
        return UnsafeRawBufferPointer(rebasing: buffer[start..<start + TarHeader.blockSize])
    }

    /// At least one byte and at most `limit`, valid until the next call; empty only at the end.
    func bytes(atMost limit: Int) throws -> UnsafeRawBufferPointer {
        if start == end {
            start = 0
            end = try source.read(into: buffer)
        }
        let count = min(limit, end - start)
        defer { start += count }
        return UnsafeRawBufferPointer(rebasing: buffer[start..<start + count])
    }
}
