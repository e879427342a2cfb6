package import Basics
import Glibc

/// A TCP socket of a network namespace, as sock_diag(7) shows it.
package struct ObservedSocket: Sendable, Hashable {
    /// The kernel's numbers (`TCP_*` of net/tcp_states.h).
    package enum State: UInt8, Sendable {
        case established = 1, synSent, synReceived, finWait1, finWait2, timeWait, closed, closeWait, lastAck
        case listening, closing, newSynReceived
    }
    package let state: State
    package let local: IPAddress
    package let localPort: UInt16
    package let remote: IPAddress
    package let remotePort: UInt16
    /// Bytes that arrived and were not read; of a listening socket connections that were not accepted.
    package let unread: UInt32
    /// Bytes written that the other end has not got yet.
    package let unsent: UInt32
    /// A process has it.
    package let isOwned: Bool
    /// Milliseconds since data last went either way; nil where that is not kept.
    package let idleMilliseconds: UInt32?
    /// `AF_*` and struct inet_diag_sockid: what names the socket to the kernel.
    fileprivate let family: UInt8
    fileprivate let identity: [UInt8]

    /// struct inet_diag_msg: u8 family, state, timer, retransmissions; 48 bytes identity; u32 expires, receive queue,
    /// send queue, uid, inode.
    init?(_ message: NetlinkMessage) {
        let body = message.body
        guard message.type == Self.byFamily, body.count >= 72, let family: UInt8 = body.host(at: 0),
            let rawState: UInt8 = body.host(at: 1), let state = State(rawValue: rawState),
            let unread: UInt32 = body.host(at: 56), let unsent: UInt32 = body.host(at: 60),
            let inode: UInt32 = body.host(at: 68)
        else { return nil }
        let identity = Array(body.dropFirst(4).prefix(48))
        guard let local = Self.address(identity[4..<20], family), let remote = Self.address(identity[20..<36], family)
        else { return nil }
        self.state = state
        self.local = local
        self.remote = remote
        localPort = UInt16(identity[0]) << 8 | UInt16(identity[1])
        remotePort = UInt16(identity[2]) << 8 | UInt16(identity[3])
        self.unread = unread
        self.unsent = unsent
        isOwned = inode != 0
        idleMilliseconds = message.attributes(after: 72)[2].flatMap(Self.idle)
        self.family = family
        self.identity = identity
    }

    /// IPv4 as IPv4, whichever kind of socket it is.
    private static func address(_ bytes: ArraySlice<UInt8>, _ family: UInt8) -> IPAddress? {
        if family == UInt8(AF_INET) { return IPAddress(bytes: bytes.prefix(4)) }
        let isMapped = bytes.prefix(12).elementsEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255])
        return IPAddress(bytes: isMapped ? bytes.suffix(4) : bytes)
    }

    /// struct tcp_info: at 44 tcpi_last_data_sent, at 52 tcpi_last_data_recv.
    private static func idle(_ info: ArraySlice<UInt8>) -> UInt32? {
        guard let sent: UInt32 = info.host(at: 44), let received: UInt32 = info.host(at: 52) else { return nil }
        return min(sent, received)
    }

    /// `SOCK_DIAG_BY_FAMILY`, `SOCK_DESTROY`
    static let byFamily: UInt16 = 20
    static let destroy: UInt16 = 21

    /// struct inet_diag_req_v2: u8 family, protocol, extensions, padding; u32 states; identity.
    static func request(
        _ type: UInt16, family: UInt8, states: UInt32, identity: [UInt8], subject: String
    ) -> NetlinkRequest {
        NetlinkRequest(type: type, subject: subject) {
            $0.host(family)
            $0.host(UInt8(IPPROTO_TCP))
            // INET_DIAG_INFO
            $0.host(UInt8(1 << 1))
            $0.host(UInt8(0))
            $0.host(states)
            $0.raw(identity)
        }
    }
}

extension NetlinkSocket {
    /// The TCP sockets of the namespace in some states, of both families; with `port` those at this port of theirs.
    /// Walks the whole of the kernel's table. For a socket of the family `sockets`.
    package func tcpSockets(_ states: Set<ObservedSocket.State>, port: UInt16 = 0) throws(NetlinkError)
        -> [ObservedSocket]
    {
        let mask = states.reduce(UInt32(0)) { $0 | 1 << UInt32($1.rawValue) }
        var identity = [UInt8](repeating: 0, count: 48)
        identity[0] = UInt8(port >> 8)
        identity[1] = UInt8(truncatingIfNeeded: port)
        var result: [ObservedSocket] = []
        // A socket of IPv6 may carry connections of IPv4.
        for family in [AF_INET, AF_INET6] {
            let request = ObservedSocket.request(
                ObservedSocket.byFamily, family: UInt8(family), states: mask, identity: identity,
                subject: "list TCP sockets")
            result += try dump(request) { ObservedSocket($0) }
        }
        return result
    }

    /// Closes the socket under its owner's feet (`SOCK_DESTROY`): the other end gets a reset. Returns false when it is
    /// gone already.
    package func destroy(_ socket: ObservedSocket) throws(NetlinkError) -> Bool {
        let request = ObservedSocket.request(
            ObservedSocket.destroy, family: socket.family, states: 0xffff_ffff, identity: socket.identity,
            subject: "close the connection from \(socket.remote) port \(socket.remotePort)")
        return try perform([request], unless: \.isMissing)
    }
}
