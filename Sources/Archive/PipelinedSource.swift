package import Basics
import Kernel

/// Reads a source ahead on a thread of its own, into a bounded ring of buffers: so that inflating overlaps with
/// hashing and writing what was inflated.
///
///     thread: source -> ring (8 x 256 KiB) -> caller
///
/// Call `stop()` in any case, after which `source` is the caller's again.
package final class PipelinedSource: ByteSource {
    private let ring: ByteRing
    private var running = true

    /// `source` belongs to the thread until `stop()`.
    package init(_ source: any ByteSource, bufferSize: Int = 256 << 10) throws {
        let ring = ByteRing(buffers: 8, of: bufferSize)
        let work = HandedOver(source)
        try Thread.start(name: "read-ahead") {
            ring.produce { try work.value.read(into: $0) }
        }
        self.ring = ring
    }

    deinit { precondition(!running, "stop() a pipelined source before letting go of it") }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        try ring.read(into: buffer)
    }

    /// Ends the thread. Waits for the read that it is in.
    package func stop() {
        guard running else { return }
        ring.cancel()
        running = false
    }
}
