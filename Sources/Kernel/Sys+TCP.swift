import CLinux
import Glibc

/// TCP over IPv4 and IPv6.
extension Sys {
    private static let streamFlags = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)

    /// A non-blocking listening socket on every address of this machine: both families, or IPv4 alone where there is
    /// no IPv6.
    package static func listenTCP(port: UInt16, backlog: Int32 = 4096) throws(SyscallError) -> FileDescriptor {
        do {
            return try listenTCP6(port: port, backlog: backlog)
        } catch let error where error.errno == EAFNOSUPPORT || error.errno == EADDRNOTAVAIL {
            return try listenTCP4(port: port, backlog: backlog)
        }
    }

    private static func listenTCP6(port: UInt16, backlog: Int32) throws(SyscallError) -> FileDescriptor {
        let listener = FileDescriptor(owning: try check("socket", "AF_INET6") { socket(AF_INET6, streamFlags, 0) })
        try setOption(listener, IPPROTO_IPV6, IPV6_V6ONLY, 0)
        try setOption(listener, SOL_SOCKET, SO_REUSEADDR, 1)
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = port.bigEndian
        try bind(listener, &address, "[::]:\(port)")
        _ = try check("listen", "[::]:\(port)") { listen(listener.raw, backlog) }
        return listener
    }

    private static func listenTCP4(port: UInt16, backlog: Int32) throws(SyscallError) -> FileDescriptor {
        let listener = FileDescriptor(owning: try check("socket", "AF_INET") { socket(AF_INET, streamFlags, 0) })
        try setOption(listener, SOL_SOCKET, SO_REUSEADDR, 1)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        try bind(listener, &address, "0.0.0.0:\(port)")
        _ = try check("listen", "0.0.0.0:\(port)") { listen(listener.raw, backlog) }
        return listener
    }

    /// A blocking connection to this machine's own `port` (127.0.0.1), whose reads and writes fail after `timeout`
    /// seconds with `EAGAIN`.
    package static func connectLoopback(port: UInt16, timeout: Int) throws(SyscallError) -> FileDescriptor {
        let connection = FileDescriptor(
            owning: try check("socket", "AF_INET") {
                socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            })
        let raw = connection.raw
        var limit = timeval(tv_sec: timeout, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            _ = try check("setsockopt", "SO_RCVTIMEO") {
                setsockopt(raw, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
            }
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        _ = try check("connect", "127.0.0.1:\(port)") {
            withSocketAddress(&address) { connect(raw, $0, $1) }
        }
        return connection
    }

    /// Small answers leave at once instead of waiting for more.
    package static func setNoDelay(_ connection: borrowing FileDescriptor) throws(SyscallError) {
        try setOption(connection, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
    }

    private static func bind<Address>(
        _ listener: borrowing FileDescriptor, _ address: inout Address, _ subject: String
    ) throws(SyscallError) {
        let raw = listener.raw
        _ = try check("bind", subject) { withSocketAddress(&address) { Glibc.bind(raw, $0, $1) } }
    }

    private static func setOption(
        _ target: borrowing FileDescriptor, _ level: some BinaryInteger, _ option: Int32, _ value: Int32
    ) throws(SyscallError) {
        let raw = target.raw
        var value = value
        _ = try check("setsockopt", "option \(option)") {
            setsockopt(raw, Int32(level), option, &value, socklen_t(MemoryLayout<Int32>.size))
        }
    }

    private static func withSocketAddress<Address>(
        _ address: inout Address, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<Address>.size)) }
        }
    }
}
