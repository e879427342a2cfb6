package import Basics

/// An address of an interface.
package struct InterfaceAddress: Sendable, Hashable {
    package let link: Int32
    package let address: IPAddress
    package let prefix: Int

    package init(link: Int32, address: IPAddress, prefix: Int) {
        self.link = link
        self.address = address
        self.prefix = prefix
    }

    /// struct ifaddrmsg: u8 family, u8 prefix length, u8 flags, u8 scope, u32 index.
    init?(_ message: NetlinkMessage) {
        guard message.type == 20, let prefix: UInt8 = message.body.host(at: 1),
            let link: Int32 = message.body.host(at: 4)
        else { return nil }
        let attributes = message.attributes(after: 8)
        // IFA_LOCAL, else IFA_ADDRESS, which is the other end's where there are two.
        guard let address = (attributes[2] ?? attributes[1]).flatMap({ IPAddress(bytes: $0) }) else { return nil }
        self.init(link: link, address: address, prefix: Int(prefix))
    }

    fileprivate func encode(into buffer: inout NetlinkBuffer) {
        buffer.host(address.family.raw)
        buffer.host(UInt8(prefix))
        // IFA_F_NODAD: nobody else can have an address of IPv6 that we give out, and asking takes a second.
        buffer.host(UInt8(address.family == .v6 ? 0x02 : 0))
        buffer.host(UInt8(0))
        buffer.host(link)
        buffer.bytes(2, address.bytes)
        buffer.bytes(1, address.bytes)
        if address.family == .v4, prefix < 31, let subnet = Subnet(address, prefix: prefix) {
            buffer.bytes(4, subnet.last.bytes)
        }
    }
}

extension IPAddress.Family {
    /// `AF_INET` or `AF_INET6`.
    package var raw: UInt8 { self == .v4 ? 2 : 10 }
    package init?(raw: UInt8) {
        switch raw {
        case 2: self = .v4
        case 10: self = .v6
        default: return nil
        }
    }
}

extension NetlinkRequest {
    package static func add(_ address: InterfaceAddress) -> NetlinkRequest {
        let subject = "add address \(address.address)/\(address.prefix) to interface \(address.link)"
        return NetlinkRequest(type: 20, flags: [.create, .exclusive], subject: subject) { address.encode(into: &$0) }
    }

    package static func remove(_ address: InterfaceAddress) -> NetlinkRequest {
        let subject = "remove address \(address.address)/\(address.prefix) from interface \(address.link)"
        return NetlinkRequest(type: 21, subject: subject) { address.encode(into: &$0) }
    }
}

extension NetlinkSocket {
    /// All addresses, or those of one interface.
    package func addresses(link: Int32? = nil) throws(NetlinkError) -> [InterfaceAddress] {
        let request = NetlinkRequest(type: 22, subject: "list addresses") {
            $0.raw([0, 0, 0, 0])
            $0.host(link ?? 0)
        }
        return try dump(request) { InterfaceAddress($0) }
    }
}
