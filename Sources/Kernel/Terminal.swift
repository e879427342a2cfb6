import CLinux
package import Glibc

/// Terminals: tty_ioctl(4), pty(7).
package enum Terminal {
    package struct Size: Sendable, Equatable {
        package var rows: UInt16
        package var columns: UInt16
        package init(rows: UInt16, columns: UInt16) {
            self.rows = rows
            self.columns = columns
        }
    }

    package static func isTerminal(_ fd: Int32) -> Bool { isatty(fd) == 1 }

    package static func size(_ fd: Int32) throws(SyscallError) -> Size {
        var size = Size(rows: 0, columns: 0)
        _ = try check("ioctl", "TIOCGWINSZ") { box_get_window_size(fd, &size.rows, &size.columns) }
        return size
    }
    package static func setSize(_ fd: Int32, _ size: Size) throws(SyscallError) {
        _ = try check("ioctl", "TIOCSWINSZ") { box_set_window_size(fd, size.rows, size.columns) }
    }

    /// A new terminal pair from an open `/dev/ptmx` of the right devpts instance: unlocks it and opens the
    /// other side through the master, by no path (TIOCGPTPEER).
    package static func openPeer(of master: borrowing FileDescriptor) throws(SyscallError) -> FileDescriptor {
        let raw = master.raw
        _ = try check("ioctl", "TIOCSPTLCK") { box_unlock_pty(raw) }
        let peer = try check("ioctl", "TIOCGPTPEER") { box_pty_peer(raw, O_RDWR | O_NOCTTY | O_CLOEXEC) }
        return FileDescriptor(owning: peer)
    }

    /// The N of a master's `/dev/pts/N`.
    package static func number(of master: borrowing FileDescriptor) throws(SyscallError) -> Int32 {
        let raw = master.raw
        return try check("ioctl", "TIOCGPTN") { box_pty_number(raw) }
    }

    /// Makes the terminal the controlling one of the calling session leader.
    package static func makeControlling(_ fd: Int32) throws(SyscallError) {
        _ = try check("ioctl", "TIOCSCTTY") { box_set_controlling_terminal(fd) }
    }

    /// Bytes that could be read at once; nil when the descriptor does not tell.
    package static func readable(_ fd: Int32) -> Int? {
        let count = box_bytes_readable(fd)
        return count < 0 ? nil : Int(count)
    }

    /// Raw mode as `cfmakeraw(3)`; returns what to restore.
    package static func makeRaw(_ fd: Int32) throws(SyscallError) -> termios {
        var settings = termios()
        _ = try check("tcgetattr", "fd \(fd)") { tcgetattr(fd, &settings) }
        let saved = settings
        cfmakeraw(&settings)
        _ = try check("tcsetattr", "fd \(fd)") { tcsetattr(fd, TCSANOW, &settings) }
        return saved
    }
    package static func restore(_ fd: Int32, _ saved: termios) throws(SyscallError) {
        var saved = saved
        _ = try check("tcsetattr", "fd \(fd)") { tcsetattr(fd, TCSANOW, &saved) }
    }
}
