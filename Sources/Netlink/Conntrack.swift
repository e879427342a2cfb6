package import Basics

/// A connection that the kernel keeps track of.
package struct TrackedConnection: Sendable, Hashable {
    package struct Tuple: Sendable, Hashable {
        package let source: IPAddress
        package let destination: IPAddress
        /// `IPPROTO_*`
        package let transport: UInt8
        /// 0 where the transport has no ports.
        package let sourcePort: UInt16
        package let destinationPort: UInt16
    }
    /// As its first packet came.
    package let original: Tuple
    /// As answers come: with the addresses that were put in place of others.
    package let reply: Tuple
    /// A packet came back (`IPS_SEEN_REPLY`).
    package let isAnswered: Bool
    /// Tells it from a later one between the same ends.
    let id: UInt32?

    init?(_ message: NetlinkMessage) {
        // CTA_TUPLE_ORIG, CTA_TUPLE_REPLY
        let attributes = message.attributes(after: 4)
        guard message.type == Conntrack.type(.new), let original = attributes.nested(1).flatMap(Tuple.init),
            let reply = attributes.nested(2).flatMap(Tuple.init)
        else { return nil }
        self.original = original
        self.reply = reply
        // CTA_STATUS, CTA_ID
        isAnswered = (attributes.network(3) ?? UInt32(0)) & 2 != 0
        id = attributes.network(12)
    }
}

extension TrackedConnection.Tuple {
    fileprivate init?(_ attributes: NetlinkAttributes) {
        // CTA_TUPLE_IP { CTA_IP_V4_SRC 1, _DST 2, CTA_IP_V6_SRC 3, _DST 4 }, CTA_TUPLE_PROTO { NUM, SRC_PORT, DST_PORT }
        guard let addresses = attributes.nested(1), let ports = attributes.nested(2),
            let source = (addresses[1] ?? addresses[3]).flatMap({ IPAddress(bytes: $0) }),
            let destination = (addresses[2] ?? addresses[4]).flatMap({ IPAddress(bytes: $0) }),
            let transport: UInt8 = ports.host(1)
        else { return nil }
        self.init(
            source: source, destination: destination, transport: transport, sourcePort: ports.network(2) ?? 0,
            destinationPort: ports.network(3) ?? 0)
    }
}

enum Conntrack {
    enum Message: UInt16 { case new = 0, get, delete }
    /// `NFNL_SUBSYS_CTNETLINK` and the type of message.
    static func type(_ message: Message) -> UInt16 { 1 << 8 | message.rawValue }

    /// The two places where a container's address stands: it asked, or it was asked and answers.
    enum Side: CaseIterable {
        case asks, answers
    }

    /// Connections with the address as the source of the original direction, or of the replies. The kernel
    /// compares (`CTA_FILTER`, since 5.8).
    static func filter(_ address: IPAddress, _ side: Side, into buffer: inout NetlinkBuffer) {
        buffer.netfilterHeader(family: address.family.raw)
        buffer.nested(side == .asks ? 1 : 2) {
            $0.nested(1) { $0.bytes(address.family == .v4 ? 1 : 3, address.bytes) }
        }
        // CTA_FILTER_ORIG_FLAGS, CTA_FILTER_REPLY_FLAGS; bit 0: the source's address.
        buffer.nested(25) {
            $0.host(1, UInt32(side == .asks ? 1 : 0))
            $0.host(2, UInt32(side == .answers ? 1 : 0))
        }
    }
}

extension NetlinkSocket {
    /// All connections of a family.
    package func connections(_ family: IPAddress.Family) throws(NetlinkError) -> [TrackedConnection] {
        let request = NetlinkRequest(type: Conntrack.type(.get), subject: "list connections") {
            $0.netfilterHeader(family: family.raw)
        }
        return try dump(request) { TrackedConnection($0) }
    }

    /// The connections that an address is an end of.
    package func connections(of address: IPAddress) throws(NetlinkError) -> [TrackedConnection] {
        var result: [TrackedConnection] = []
        for side in Conntrack.Side.allCases {
            let request = NetlinkRequest(type: Conntrack.type(.get), subject: "list connections of \(address)") {
                Conntrack.filter(address, side, into: &$0)
            }
            result += try dump(request) { TrackedConnection($0) }
        }
        return result
    }

    /// The connections whose answers come from the address.
    package func connections(answeredBy address: IPAddress) throws(NetlinkError) -> [TrackedConnection] {
        let request = NetlinkRequest(type: Conntrack.type(.get), subject: "list connections to \(address)") {
            Conntrack.filter(address, .answers, into: &$0)
        }
        return try dump(request) { TrackedConnection($0) }
    }

    /// The connections that were asked for at a port. `transport`: `IPPROTO_*`.
    package func connections(_ family: IPAddress.Family, transport: UInt8, port: UInt16) throws(NetlinkError)
        -> [TrackedConnection]
    {
        let request = NetlinkRequest(type: Conntrack.type(.get), subject: "list connections to port \(port)") {
            $0.netfilterHeader(family: family.raw)
            // CTA_TUPLE_ORIG { CTA_TUPLE_PROTO { CTA_PROTO_NUM, CTA_PROTO_DST_PORT } }
            $0.nested(1) {
                $0.nested(2) {
                    $0.host(1, transport)
                    $0.network(3, port)
                }
            }
            // CTA_FILTER_ORIG_FLAGS; bit 3: the transport, bit 5: the port.
            $0.nested(25) {
                $0.host(1, UInt32(1 << 3 | 1 << 5))
                $0.host(2, UInt32(0))
            }
        }
        return try dump(request) { TrackedConnection($0) }
    }

    /// Forgets these; fine when they are forgotten already.
    package func delete(_ connections: [TrackedConnection]) throws(NetlinkError) {
        for connection in connections {
            let tuple = connection.original
            let request = NetlinkRequest(type: Conntrack.type(.delete), subject: "delete a connection") {
                $0.netfilterHeader(family: tuple.source.family.raw)
                $0.nested(1) {
                    let isV4 = tuple.source.family == .v4
                    $0.nested(1) {
                        $0.bytes(isV4 ? 1 : 3, tuple.source.bytes)
                        $0.bytes(isV4 ? 2 : 4, tuple.destination.bytes)
                    }
                    $0.nested(2) {
                        $0.host(1, tuple.transport)
                        $0.network(2, tuple.sourcePort)
                        $0.network(3, tuple.destinationPort)
                    }
                }
                if let id = connection.id { $0.network(12, id) }
            }
            try perform([request], unless: \.isMissing)
        }
    }

    /// Forgets every connection that one of the addresses is an end of.
    package func deleteConnections(of addresses: [IPAddress]) throws(NetlinkError) {
        for address in addresses {
            for side in Conntrack.Side.allCases {
                let request = NetlinkRequest(type: Conntrack.type(.delete), subject: "delete connections of \(address)")
                {
                    Conntrack.filter(address, side, into: &$0)
                }
                do { try perform(request) } catch let error where error.isMissing {}
            }
        }
    }
}
