import Basics
import Glibc
import Kernel
import Supervision

/// One descriptor that a container's output comes from.
final class OutputSource {
    enum Progress {
        /// Nothing more now.
        case empty
        /// There may be more; others' turn.
        case more
        /// Nobody writes any more.
        case ended
    }

    let descriptor: SharedDescriptor
    let stream: LogStream
    let isTerminal: Bool

    init(_ descriptor: SharedDescriptor, _ stream: LogStream, isTerminal: Bool = false) {
        self.descriptor = descriptor
        self.stream = stream
        self.isTerminal = isTerminal
    }

    /// Moves what is there to the log, up to 64 buffers of it.
    func drain(to log: LogWriter, through buffer: UnsafeMutableRawBufferPointer) -> Progress {
        for _ in 0..<64 {
            let count: Int?
            do throws(SyscallError) {
                count = try descriptor.descriptor.read(into: buffer)
            } catch {
                // EIO: nobody has the terminal open. Anything else cannot be mended either.
                return .ended
            }
            guard let count else { return .empty }
            if count == 0 { return .ended }
            log.append(
                stream, UnsafeRawBufferPointer(rebasing: buffer[..<count]),
                time: Timestamp(nanosecondsSince1970: Clock.realtime()))
        }
        return .more
    }
}
