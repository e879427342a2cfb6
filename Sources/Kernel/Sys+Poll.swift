import CLinux
import Glibc

extension Sys {
    package enum PollFor: Sendable {
        case reading, writing
        var events: Int16 {
            switch self {
            case .reading: Int16(POLLIN)
            case .writing: Int16(POLLOUT)
            }
        }
    }

    /// poll(2) of one descriptor: true when it is ready (its end and its errors count), false when `timeout`
    /// (milliseconds, -1: none) passed.
    @available(*, noasync)
    package static func poll(_ fd: Int32, for purpose: PollFor, timeout: Int32 = -1) throws(SyscallError) -> Bool {
        var entry = pollfd(fd: fd, events: purpose.events, revents: 0)
        return try check("poll", "fd \(fd)") { Glibc.poll(&entry, 1, timeout) } > 0
    }
}
