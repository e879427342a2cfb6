import CLinux
import Glibc

extension Sys {
    /// A socket bound to a port of this thread's network namespace, which throws away whatever comes: with TCP it
    /// listens, so that nobody else can. `address`: 4 or 16 bytes in network order.
    package static func holdPort(_ address: [UInt8], _ port: UInt16, isStream: Bool) throws(SyscallError)
        -> FileDescriptor
    {
        let family = address.count == 4 ? AF_INET : AF_INET6
        let kind = Int32((isStream ? SOCK_STREAM : SOCK_DGRAM).rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let held = FileDescriptor(owning: try check("socket", "port \(port)") { socket(family, kind, 0) })
        // Connections that ended a moment ago do not count as users of the port.
        if isStream { try set(held.raw, SOL_SOCKET, SO_REUSEADDR, 1) }
        // The other family's port is somebody else's (IPPROTO_IPV6, IPV6_V6ONLY).
        if family == AF_INET6 { try set(held.raw, 41, 26, 1) }
        try discardEverything(held.raw)
        try bindAddress(held.raw, address, port)
        if isStream { _ = try check("listen", "port \(port)") { listen(held.raw, 0) } }
        return held
    }

    static func bindAddress(_ socket: Int32, _ address: [UInt8], _ port: UInt16) throws(SyscallError) {
        if address.count == 4 {
            var name = sockaddr_in()
            name.sin_family = sa_family_t(AF_INET)
            name.sin_port = port.bigEndian
            withUnsafeMutableBytes(of: &name.sin_addr) { $0.copyBytes(from: address) }
            _ = try check("bind", "port \(port)") {
                withUnsafePointer(to: &name) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        Glibc.bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                    }
                }
            }
        } else {
            var name = sockaddr_in6()
            name.sin6_family = sa_family_t(AF_INET6)
            name.sin6_port = port.bigEndian
            withUnsafeMutableBytes(of: &name.sin6_addr) { $0.copyBytes(from: address) }
            _ = try check("bind", "port \(port)") {
                withUnsafePointer(to: &name) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        Glibc.bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in6>.size))
                    }
                }
            }
        }
    }

    /// A filter (`SO_ATTACH_FILTER`) of one instruction, which lets no byte through.
    private static func discardEverything(_ socket: Int32) throws(SyscallError) {
        // struct sock_filter: u16 code (BPF_RET | BPF_K), u8, u8, u32 k.
        var instruction: (UInt16, UInt8, UInt8, UInt32) = (0x06, 0, 0, 0)
        // struct sock_fprog: u16 length, then the pointer at its own alignment.
        _ = try check("setsockopt", "SO_ATTACH_FILTER") {
            withUnsafeMutablePointer(to: &instruction) { filter in
                var program: (UInt16, UnsafeMutableRawPointer) = (1, UnsafeMutableRawPointer(filter))
                return setsockopt(socket, SOL_SOCKET, 26, &program, 16)
            }
        }
    }
}
