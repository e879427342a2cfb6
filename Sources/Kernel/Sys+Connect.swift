import Glibc

/// TCP connections that are begun without waiting for them.
extension Sys {
    /// Begins a connection; both addresses are 4 or 16 bytes in network order. It is there, or has failed, when the socket
    /// can be written to: `connectionError` tells which. `source` is bound without a port, which the kernel then
    /// chooses by both ends (`IP_BIND_ADDRESS_NO_PORT`, ip(7)): as many connections fit as there are pairs.
    package static func beginConnection(to address: [UInt8], port: UInt16, from source: [UInt8]? = nil)
        throws(SyscallError) -> FileDescriptor
    {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let connection = FileDescriptor(
            owning: try check("socket", "port \(port)") { socket(address.count == 4 ? AF_INET : AF_INET6, kind, 0) })
        let raw = connection.raw
        if let source {
            // SOL_IP, IP_BIND_ADDRESS_NO_PORT.
            try setSocketOption(raw, 0, 24, 1)
            try bindAddress(raw, source, 0)
        }
        try setSocketOption(raw, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        do throws(SyscallError) {
            // Never again after a signal: the connection goes on by itself.
            _ = try checkOnce("connect", "port \(port)") {
                withSocketName(address, port) { connect(raw, $0, $1) }
            }
        } catch {
            guard error.errno == EINPROGRESS || error.errno == EINTR else { throw error }
        }
        return connection
    }

    /// `SO_ERROR`: why a connection has failed, nil when it has not. Asking clears it.
    package static func connectionError(of socket: Int32) throws(SyscallError) -> SyscallError? {
        var value: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        _ = try check("getsockopt", "SO_ERROR") { getsockopt(socket, SOL_SOCKET, SO_ERROR, &value, &size) }
        return value == 0 ? nil : SyscallError("connect", "", errno: value)
    }

    private static func withSocketName(
        _ address: [UInt8], _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        func call<Name>(_ name: Name) -> Int32 {
            withUnsafePointer(to: name) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<Name>.size)) }
            }
        }
        if address.count == 4 {
            var name = sockaddr_in()
            name.sin_family = sa_family_t(AF_INET)
            name.sin_port = port.bigEndian
            withUnsafeMutableBytes(of: &name.sin_addr) { $0.copyBytes(from: address) }
            return call(name)
        }
        var name = sockaddr_in6()
        name.sin6_family = sa_family_t(AF_INET6)
        name.sin6_port = port.bigEndian
        withUnsafeMutableBytes(of: &name.sin6_addr) { $0.copyBytes(from: address.prefix(16)) }
        return call(name)
    }

    private static func setSocketOption(_ socket: Int32, _ level: Int32, _ option: Int32, _ value: Int32)
        throws(SyscallError)
    {
        var value = value
        _ = try check("setsockopt", "option \(option)") {
            setsockopt(socket, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
        }
    }
}
