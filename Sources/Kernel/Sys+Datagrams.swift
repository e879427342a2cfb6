import Glibc

/// Sockets of a server and a client that never block. Addresses: 4 or 16 bytes in network order.
extension Sys {
    package enum InternetSocketKind: Sendable {
        case stream, datagram
        fileprivate var raw: Int32 {
            let kind = self == .stream ? SOCK_STREAM : SOCK_DGRAM
            return Int32(kind.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        }
    }

    /// A non-blocking socket bound to an address of this thread's network namespace; a stream listens. Port 0: the
    /// kernel chooses.
    package static func bindInternet(
        _ kind: InternetSocketKind, _ address: [UInt8], port: UInt16, backlog: Int32 = 16
    ) throws(SyscallError) -> FileDescriptor {
        let family = address.count == 4 ? AF_INET : AF_INET6
        let bound = FileDescriptor(owning: try check("socket", "port \(port)") { socket(family, kind.raw, 0) })
        if kind == .stream { try set(bound.raw, SOL_SOCKET, SO_REUSEADDR, 1) }
        try bindAddress(bound.raw, address, port)
        if kind == .stream { _ = try check("listen", "port \(port)") { listen(bound.raw, backlog) } }
        return bound
    }

    /// The port of an IPv4 or IPv6 socket's own address.
    package static func localPort(_ socket: Int32) throws(SyscallError) -> UInt16 {
        var name = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        _ = try check("getsockname", "fd \(socket)") {
            withUnsafeMutablePointer(to: &name) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(socket, $0, &length) }
            }
        }
        // At the same place in both families' addresses.
        return UInt16(bigEndian: name.sin6_port)
    }

    /// A non-blocking socket that hears nobody else. A stream may not be connected yet: writing to it tells.
    package static func connectInternet(_ kind: InternetSocketKind, _ address: [UInt8], port: UInt16)
        throws(SyscallError) -> FileDescriptor
    {
        let family = address.count == 4 ? AF_INET : AF_INET6
        let connection = FileDescriptor(owning: try check("socket", "port \(port)") { socket(family, kind.raw, 0) })
        do throws(SyscallError) {
            if address.count == 4 {
                var name = sockaddr_in()
                name.sin_family = sa_family_t(AF_INET)
                name.sin_port = port.bigEndian
                withUnsafeMutableBytes(of: &name.sin_addr) { $0.copyBytes(from: address) }
                try connect(connection.raw, &name, port)
            } else {
                var name = sockaddr_in6()
                name.sin6_family = sa_family_t(AF_INET6)
                name.sin6_port = port.bigEndian
                withUnsafeMutableBytes(of: &name.sin6_addr) { $0.copyBytes(from: address) }
                try connect(connection.raw, &name, port)
            }
        } catch {
            guard error.errno == EINPROGRESS else { throw error }
        }
        return connection
    }

    private static func connect<Address>(_ socket: Int32, _ name: inout Address, _ port: UInt16) throws(SyscallError) {
        _ = try check("connect", "port \(port)") {
            withUnsafePointer(to: &name) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.connect(socket, $0, socklen_t(MemoryLayout<Address>.size))
                }
            }
        }
    }

    /// Where a datagram came from, to answer there.
    package struct DatagramSource: Sendable, Equatable {
        /// Room for an address of either family, all of it zero but what the kernel wrote.
        fileprivate var name = sockaddr_in6()
        fileprivate var length = socklen_t(MemoryLayout<sockaddr_in6>.size)

        package static func == (a: DatagramSource, b: DatagramSource) -> Bool {
            let (one, other) = (a.name, b.name)
            return a.length == b.length
                && withUnsafeBytes(of: one) { one in withUnsafeBytes(of: other) { one.elementsEqual($0) } }
        }
    }

    /// One datagram; nil when none waits. What does not fit the buffer is cut off: `count` is its true size.
    package static func receiveDatagram(_ socket: Int32, into buffer: UnsafeMutableRawBufferPointer)
        throws(SyscallError) -> (count: Int, source: DatagramSource)?
    {
        var source = DatagramSource()
        var length = source.length
        do throws(SyscallError) {
            let count = try check("recvfrom", "fd \(socket)") {
                withUnsafeMutablePointer(to: &source.name) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        recvfrom(
                            socket, buffer.baseAddress, buffer.count, Int32(MSG_TRUNC) | Int32(MSG_DONTWAIT), $0,
                            &length)
                    }
                }
            }
            source.length = length
            return (count, source)
        } catch {
            if error.errno == EAGAIN { return nil }
            throw error
        }
    }

    /// False when it would block.
    package static func sendDatagram(_ socket: Int32, _ bytes: [UInt8], to target: DatagramSource)
        throws(SyscallError) -> Bool
    {
        var name = target.name
        do throws(SyscallError) {
            _ = try check("sendto", "fd \(socket)") {
                withUnsafePointer(to: &name) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        sendto(
                            socket, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT), $0, target.length)
                    }
                }
            }
            return true
        } catch {
            if error.errno == EAGAIN { return false }
            throw error
        }
    }
}
