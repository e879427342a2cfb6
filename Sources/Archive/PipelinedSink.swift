package import Basics
import Kernel

/// Gives what is written into it to a reader on a thread of its own: so that what the reader does overlaps with what
/// the writer does.
///
///     caller -> ring (8 x 256 KiB) -> thread: consume(source)
///
/// Call `finish()` or `abandon()` in any case.
package final class PipelinedSink<Outcome: Sendable>: ByteSink {
    private let ring: ByteRing
    private let outcome: Condition<Result<Outcome, any Error>?>
    private var isOpen = true

    /// `consume` reads its source to the end, or throws: then `write` throws that too.
    package init(name: String, _ consume: @escaping @Sendable (any ByteSource) throws -> Outcome) throws {
        let ring = ByteRing(buffers: 8, of: 256 << 10)
        let outcome = Condition<Result<Outcome, any Error>?>(nil)
        try Thread.start(name: name) {
            let result = Result { try consume(RingSource(ring)) }
            if case .failure(let error) = result { ring.refuse(error) }
            outcome.withLock { $0 = result }
            outcome.broadcast()
        }
        self.ring = ring
        self.outcome = outcome
    }

    deinit { precondition(!isOpen, "finish or abandon a pipelined sink before letting go of it") }

    package func write(_ buffer: UnsafeRawBufferPointer) throws { try ring.write(buffer) }

    /// Waits for the reader; what it made of everything, or the error it ended with.
    package func finish() throws -> Outcome {
        close(nil)
        guard let result = outcome.wait(until: { $0 }) else { preconditionFailure("a wait without a limit ended") }
        return try result.get()
    }

    /// The reader gets an error in place of an end. Returns when it is done. Fine after `finish()`.
    package func abandon() {
        guard isOpen else { return }
        close(ArchiveError(.damaged, "the stream", "was given up by whoever wrote it"))
        _ = outcome.wait(until: { $0 })
    }

    private func close(_ failure: (any Error)?) {
        isOpen = false
        ring.end(failure)
    }
}

private final class RingSource: ByteSource {
    private let ring: ByteRing
    init(_ ring: ByteRing) { self.ring = ring }
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int { try ring.read(into: buffer) }
}
