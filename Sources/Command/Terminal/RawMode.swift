import Glibc
import Kernel

/// A terminal in raw mode, as long as this exists: however the scope is left, the terminal is as it was.
struct RawMode: ~Copyable {
    private let fd: Int32
    private let saved: termios

    init(_ fd: Int32) throws(SyscallError) {
        self.fd = fd
        saved = try Terminal.makeRaw(fd)
    }

    deinit { try? Terminal.restore(fd, saved) }
}
