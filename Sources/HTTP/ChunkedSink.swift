package import Basics

/// A body sent in chunks. `finish` must be called: without it the other end sees a broken body, as it should when
/// something failed half-way.
package final class ChunkedSink: ByteSink {
    private let send: ([UInt8]) throws -> Void

    /// `send` takes everything or throws.
    package init(_ send: @escaping ([UInt8]) throws -> Void) { self.send = send }

    package func write(_ buffer: UnsafeRawBufferPointer) throws {
        // A chunk of no bytes would be the end.
        if buffer.isEmpty { return }
        // One send a chunk: its frame is small, but a packet of its own is not.
        var chunk = ChunkEncoder.header(buffer.count)
        chunk.reserveCapacity(chunk.count + buffer.count + 2)
        chunk += buffer
        chunk += ChunkEncoder.trailer
        try send(chunk)
    }

    package func copy(from source: any ByteSource) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65536, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = try source.read(into: buffer)
            if count == 0 { return }
            try write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    package func finish() throws { try send(ChunkEncoder.end) }
}
