import CLinux
import Glibc

extension Sys {
    package enum UnixSocketKind: Sendable {
        case stream
        /// Keeps message boundaries; connection-oriented.
        case packet
        var raw: Int32 {
            switch self {
            case .stream: Int32(SOCK_STREAM.rawValue)
            case .packet: Int32(SOCK_SEQPACKET.rawValue)
            }
        }
    }
    private static let closeOnExec = Int32(SOCK_CLOEXEC.rawValue)
    private static let nonBlocking = Int32(SOCK_NONBLOCK.rawValue)

    package static func unixSocket(_ kind: UnixSocketKind, nonBlocking: Bool = false) throws(SyscallError)
        -> FileDescriptor
    {
        FileDescriptor(
            owning: try check("socket", "AF_UNIX") {
                socket(AF_UNIX, kind.raw | closeOnExec | (nonBlocking ? Self.nonBlocking : 0), 0)
            })
    }

    package static func socketPair(_ kind: UnixSocketKind) throws(SyscallError) -> DescriptorPair {
        var fds: (Int32, Int32) = (-1, -1)
        _ = try check("socketpair") {
            withUnsafeMutablePointer(to: &fds) {
                $0.withMemoryRebound(to: Int32.self, capacity: 2) { socketpair(AF_UNIX, kind.raw | closeOnExec, 0, $0) }
            }
        }
        return DescriptorPair(owning: fds.0, fds.1)
    }

    /// A listening unix socket at `directory`/`name`, replacing a stale one. Goes through the directory's
    /// descriptor, so that the length of its path does not matter (`sun_path` holds 107 bytes).
    package static func listenUnix(
        _ kind: UnixSocketKind, in directory: String, name: String, mode: UInt32 = 0o600, backlog: Int32 = 4096
    ) throws(SyscallError) -> FileDescriptor {
        let parent = try open(directory, O_DIRECTORY | openPath)
        do { try unlink(at: parent.raw, name) } catch let error where error.errno == ENOENT {}
        let listener = try unixSocket(kind, nonBlocking: true)
        let path = "\(parent.procPath)/\(name)"
        _ = try check("bind", "\(directory)/\(name)") { box_unix_bind(listener.raw, path) }
        try chmod(at: parent.raw, name, mode: mode)
        _ = try check("listen", "\(directory)/\(name)") { listen(listener.raw, backlog) }
        return listener
    }

    /// Takes a name that nobody else in this network namespace has: an abstract address of unix(7), at most 107 bytes.
    /// Given back when the descriptor is closed. `EADDRINUSE`: somebody has it.
    package static func holdName(_ name: String) throws(SyscallError) -> FileDescriptor {
        let holder = try unixSocket(.stream)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let length = withUnsafeMutableBytes(of: &address.sun_path) { path in
            // The first byte stays 0.
            let text = name.utf8.prefix(path.count - 1)
            path[1...].copyBytes(from: text)
            return text.count + 1
        }
        let size = socklen_t(MemoryLayout<sockaddr_un>.offset(of: \.sun_path).map { $0 + length } ?? 0)
        _ = try check("bind", "@\(name)") {
            withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.bind(holder.raw, $0, size) }
            }
        }
        return holder
    }

    /// Connects to a unix socket; blocking unless `nonBlocking`. `path` may be of any length.
    package static func connectUnix(_ kind: UnixSocketKind, _ path: String, nonBlocking: Bool = false)
        throws(SyscallError) -> FileDescriptor
    {
        let connection = try unixSocket(kind, nonBlocking: false)
        if path.utf8.count <= 107 {
            _ = try check("connect", path) { box_unix_connect(connection.raw, path) }
        } else {
            let slash = path.lastIndex(of: "/") ?? path.startIndex
            let parent = try open(String(path[..<slash]), O_DIRECTORY | openPath)
            let short = "\(parent.procPath)\(path[slash...])"
            _ = try check("connect", path) { box_unix_connect(connection.raw, short) }
        }
        if nonBlocking { try connection.setNonBlocking() }
        return connection
    }

    /// nil when no connection waits.
    package static func accept(_ listener: borrowing FileDescriptor) throws(SyscallError) -> FileDescriptor? {
        try accept(from: listener.raw)
    }

    /// As `accept(_:)`, of a listener that somebody else owns.
    package static func accept(from raw: Int32) throws(SyscallError) -> FileDescriptor? {
        do {
            return FileDescriptor(owning: try check("accept4") { box_accept4(raw, closeOnExec | nonBlocking) })
        } catch {
            if error.errno == EAGAIN || error.errno == ECONNABORTED { return nil }
            throw error
        }
    }

    /// One `sendmsg(2)` with descriptors: the number of bytes taken, nil when it would block. Never SIGPIPE.
    package static func send(_ socket: Int32, _ bytes: UnsafeRawBufferPointer, descriptors: [Int32] = [])
        throws(SyscallError) -> Int?
    {
        do {
            return try check("sendmsg", "fd \(socket)") {
                box_send_fds(socket, bytes.baseAddress, bytes.count, descriptors, Int32(descriptors.count), 0)
            }
        } catch {
            if error.errno == EAGAIN { return nil }
            throw error
        }
    }

    package static func send(_ socket: Int32, _ bytes: [UInt8], descriptors: [Int32] = []) throws(SyscallError) -> Int?
    {
        let outcome: Result<Int?, SyscallError> = bytes.withUnsafeBytes { buffer in
            Result { () throws(SyscallError) in try send(socket, buffer, descriptors: descriptors) }
        }
        return try outcome.get()
    }

    /// One `recvmsg(2)`: nil when it would block; no bytes and no descriptors at the end. At most 32 descriptors,
    /// raw: the caller owns them.
    package static func receive(_ socket: Int32, into buffer: UnsafeMutableRawBufferPointer)
        throws(SyscallError) -> (count: Int, descriptors: [Int32])?
    {
        var fds = [Int32](repeating: -1, count: 32)
        var count: Int32 = 32
        do {
            let bytes = try check("recvmsg", "fd \(socket)") {
                box_recv_fds(socket, buffer.baseAddress, buffer.count, &fds, &count, 0)
            }
            return (bytes, Array(fds[..<Int(count)]))
        } catch {
            if error.errno == EAGAIN { return nil }
            throw error
        }
    }

    package static func peer(of socket: Int32) throws(SyscallError) -> (pid: Int32, uid: UInt32, gid: UInt32) {
        var pid: Int32 = 0
        var uid: UInt32 = 0
        var gid: UInt32 = 0
        _ = try check("getsockopt", "SO_PEERCRED") { box_unix_peer(socket, &pid, &uid, &gid) }
        return (pid, uid, gid)
    }

    package static func shutdownWrite(_ socket: Int32) throws(SyscallError) {
        _ = try check("shutdown", "fd \(socket)") { shutdown(socket, Int32(SHUT_WR)) }
    }

    /// Brings a network interface of this thread's network namespace up.
    package static func interfaceUp(_ name: String) throws(SyscallError) {
        _ = try check("ioctl", "SIOCSIFFLAGS \(name)") { box_interface_up(name) }
    }
}
