import CLinux
import Glibc

/// netlink(7). Glibc's module lacks `sockaddr_nl` and the options.
extension Sys {
    package static let netlinkRoute: Int32 = 0
    package static let netlinkNetfilter: Int32 = 12
    package static let netlinkSocketDiagnostics: Int32 = 4

    /// A socket in the network namespace of the calling thread; it stays there wherever it is used later.
    /// Answers say as text what was wrong (`NETLINK_EXT_ACK`), and do not repeat the request (`NETLINK_CAP_ACK`).
    package static func netlinkSocket(_ family: Int32) throws(SyscallError) -> FileDescriptor {
        let kind = Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let netlink = FileDescriptor(owning: try check("socket", "AF_NETLINK") { socket(AF_NETLINK, kind, family) })
        // struct sockaddr_nl: u16 family, u16 padding, u32 port, u32 groups. Port 0: the kernel chooses.
        var address: (UInt16, UInt16, UInt32, UInt32) = (UInt16(AF_NETLINK), 0, 0, 0)
        let raw = netlink.raw
        _ = try check("bind", "AF_NETLINK") {
            withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(raw, $0, 12) }
            }
        }
        for option in [netlinkExtendedAck, netlinkCapAck] { try set(raw, solNetlink, option, 1) }
        return netlink
    }

    /// The address that the kernel chose: in what the socket's requests cause, `nlmsg_pid` is this.
    package static func netlinkPort(_ socket: Int32) throws(SyscallError) -> UInt32 {
        var address: (UInt16, UInt16, UInt32, UInt32) = (0, 0, 0, 0)
        var length: socklen_t = 12
        _ = try check("getsockname", "AF_NETLINK") {
            withUnsafeMutablePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(socket, $0, &length) }
            }
        }
        return address.2
    }

    /// Room for large batches and dumps, past the limit of sysctl where that is allowed (bytes).
    package static func setBuffers(_ socket: Int32, send: Int32, receive: Int32) throws(SyscallError) {
        for (forced, plain, size) in [(soSendBufferForce, SO_SNDBUF, send), (soReceiveBufferForce, SO_RCVBUF, receive)]
        {
            do { try set(socket, SOL_SOCKET, forced, size) } catch let error where error.errno == EPERM {
                try set(socket, SOL_SOCKET, plain, size)
            }
        }
    }

    /// Joins a group of notifications, named by number.
    package static func joinNetlinkGroup(_ socket: Int32, _ group: UInt32) throws(SyscallError) {
        try set(socket, solNetlink, netlinkAddMembership, Int32(group))
    }

    /// Dumps heed what their request filters by, and refuse what they do not know.
    package static func setNetlinkStrictChecking(_ socket: Int32) throws(SyscallError) {
        try set(socket, solNetlink, netlinkStrictChecking, 1)
    }

    /// One whole message of a datagram socket; nil when none waits and `wait` is false. `EMSGSIZE` when it does not
    /// fit the buffer.
    package static func receiveDatagram(_ socket: Int32, into buffer: UnsafeMutableRawBufferPointer, wait: Bool)
        throws(SyscallError) -> Int?
    {
        let flags = Int32(MSG_TRUNC) | (wait ? 0 : Int32(MSG_DONTWAIT))
        do throws(SyscallError) {
            let count = try check("recv", "fd \(socket)") { recv(socket, buffer.baseAddress, buffer.count, flags) }
            guard count <= buffer.count else { throw SyscallError("recv", "fd \(socket)", errno: EMSGSIZE) }
            return count
        } catch {
            if error.errno == EAGAIN { return nil }
            throw error
        }
    }

    static func set(_ socket: Int32, _ level: Int32, _ option: Int32, _ value: Int32) throws(SyscallError) {
        var value = value
        _ = try check("setsockopt", "\(level), \(option)") { setsockopt(socket, level, option, &value, 4) }
    }

    private static let solNetlink: Int32 = 270
    private static let netlinkAddMembership: Int32 = 1
    private static let netlinkCapAck: Int32 = 10
    private static let netlinkExtendedAck: Int32 = 11
    private static let netlinkStrictChecking: Int32 = 12
    private static let soSendBufferForce: Int32 = 32
    private static let soReceiveBufferForce: Int32 = 33
}
