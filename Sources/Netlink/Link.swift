package import Basics
import Kernel

/// A network interface.
package struct Link: Sendable, Hashable {
    package let index: Int32
    package let name: String
    /// `bridge`, `veth`; empty for hardware and `lo`.
    package let kind: String
    package let isUp: Bool
    package let mtu: UInt32
    package let hardwareAddress: MACAddress?
    /// Index of the bridge it is a port of.
    package let master: Int32?
    /// Index of the other end of a pair, maybe in another namespace.
    package let peer: Int32?
    /// It is up, has a carrier, and the kernel has noticed: packets flow (`IF_OPER_UP`).
    package let isRunning: Bool

    /// struct ifinfomsg: u8 family, u8 padding, u16 type, s32 index, u32 flags, u32 change.
    init?(_ message: NetlinkMessage) {
        guard message.type == Link.newType, let index: Int32 = message.body.host(at: 4),
            let flags: UInt32 = message.body.host(at: 8)
        else { return nil }
        let attributes = message.attributes(after: 16)
        self.index = index
        name = attributes.text(Attribute.name) ?? ""
        kind = attributes.nested(Attribute.info)?.text(1) ?? ""
        isUp = flags & 1 != 0
        mtu = attributes.host(Attribute.mtu) ?? 0
        hardwareAddress = attributes[Attribute.address].flatMap { MACAddress(bytes: $0) }
        master = attributes.host(Attribute.master)
        peer = attributes.host(Attribute.link)
        isRunning = attributes.host(Attribute.state) == UInt8(6)
    }

    package static let newType: UInt16 = 16
    package static let deletedType: UInt16 = 17
    static let getType: UInt16 = 18
    static let setType: UInt16 = 19

    /// `enum` of if_link.h.
    enum Attribute {
        static let address: UInt16 = 1
        static let name: UInt16 = 3
        static let mtu: UInt16 = 4
        static let link: UInt16 = 5
        static let master: UInt16 = 10
        static let portInfo: UInt16 = 12
        static let state: UInt16 = 16
        static let info: UInt16 = 18
        static let families: UInt16 = 26
        static let group: UInt16 = 27
        static let namespace: UInt16 = 28
        static let extraMask: UInt16 = 29
    }

    /// The longest name an interface can have, in bytes.
    package static let longestName = 15

    /// Not empty, at most 15 bytes, printable, without `/`, `:`, `%` and blanks; not `.` or `..`.
    package static func isName(_ name: String) -> Bool {
        (1...longestName).contains(name.utf8.count) && name != "." && name != ".."
            && name.utf8.allSatisfy { (0x21...0x7e).contains($0) && !"/:%".utf8.contains($0) }
    }

    /// The interface that a notification says is gone; nil for other notifications.
    package static func deleted(_ message: NetlinkMessage) -> (index: Int32, name: String)? {
        guard message.type == deletedType, let family: UInt8 = message.body.host(at: 0), family == 0,
            let index: Int32 = message.body.host(at: 4)
        else { return nil }
        return (index, message.attributes(after: 16).text(Attribute.name) ?? "")
    }
}

// MARK: - Requests

/// What to change about an interface; nil leaves it.
package struct LinkChange: Sendable, Hashable {
    package var name: String?
    package var isUp: Bool?
    package var mtu: UInt32?
    package var hardwareAddress: MACAddress?
    /// The bridge to be a port of; 0 to be none's.
    package var master: Int32?
    /// A number that several interfaces may share, to be deleted together.
    package var group: UInt32?
    /// Moves it to another network namespace.
    package var namespace: Int32?
    /// Whether it gives itself an address of IPv6 when it comes up.
    package var makesLinkLocal: Bool?

    package init(
        name: String? = nil, isUp: Bool? = nil, mtu: UInt32? = nil, hardwareAddress: MACAddress? = nil,
        master: Int32? = nil, group: UInt32? = nil, namespace: Int32? = nil, makesLinkLocal: Bool? = nil
    ) {
        self.name = name
        self.isUp = isUp
        self.mtu = mtu
        self.hardwareAddress = hardwareAddress
        self.master = master
        self.group = group
        self.namespace = namespace
        self.makesLinkLocal = makesLinkLocal
    }

    func encode(into buffer: inout NetlinkBuffer) {
        if let hardwareAddress { buffer.bytes(Link.Attribute.address, hardwareAddress.bytes) }
        if let name { buffer.text(Link.Attribute.name, name) }
        if let mtu { buffer.host(Link.Attribute.mtu, mtu) }
        if let master { buffer.host(Link.Attribute.master, master) }
        if let group { buffer.host(Link.Attribute.group, group) }
        if let namespace { buffer.host(Link.Attribute.namespace, namespace) }
        if let makesLinkLocal {
            // IFLA_AF_SPEC { AF_INET6 { IFLA_INET6_ADDR_GEN_MODE: EUI-64 or none } }
            buffer.nested(Link.Attribute.families) {
                $0.nested(10) { $0.host(8, UInt8(makesLinkLocal ? 0 : 1)) }
            }
        }
    }
}

extension NetlinkBuffer {
    fileprivate mutating func linkHeader(family: UInt8 = 0, index: Int32 = 0, isUp: Bool? = nil) {
        host(family)
        host(UInt8(0))
        host(UInt16(0))
        host(index)
        host(UInt32(isUp == true ? 1 : 0))
        host(UInt32(isUp == nil ? 0 : 1))
    }
}

extension NetlinkRequest {
    /// A bridge; with `up` it is brought up at once.
    package static func createBridge(_ name: String, _ change: LinkChange = LinkChange(isUp: true)) -> NetlinkRequest {
        NetlinkRequest(type: Link.newType, flags: [.create, .exclusive], subject: "create bridge \(name)") {
            $0.linkHeader(isUp: change.isUp)
            change.encode(into: &$0)
            $0.text(Link.Attribute.name, name)
            $0.nested(Link.Attribute.info) {
                $0.text(1, "bridge")
                // Packets flow at once: no waiting for loops that the ports cannot make (IFLA_BR_FORWARD_DELAY).
                $0.nested(2) { $0.host(1, UInt32(0)) }
            }
        }
    }

    /// A pair of interfaces: `name` here, `peerName` in the network namespace that `namespace` is open on. The peer comes
    /// first, so it cannot be up yet (`ENOTCONN`).
    package static func createPair(
        _ name: String, _ change: LinkChange = LinkChange(), peerName: String, peer: LinkChange = LinkChange(),
        namespace: Int32
    ) -> NetlinkRequest {
        NetlinkRequest(type: Link.newType, flags: [.create, .exclusive], subject: "create interface pair \(name)") {
            $0.linkHeader(isUp: change.isUp)
            change.encode(into: &$0)
            $0.text(Link.Attribute.name, name)
            $0.nested(Link.Attribute.info) {
                $0.text(1, "veth")
                $0.nested(2) {
                    // VETH_INFO_PEER
                    $0.nested(1) {
                        $0.linkHeader(isUp: peer.isUp)
                        peer.encode(into: &$0)
                        $0.text(Link.Attribute.name, peerName)
                        $0.host(Link.Attribute.namespace, namespace)
                    }
                }
            }
        }
    }

    package static func change(link index: Int32, _ change: LinkChange) -> NetlinkRequest {
        NetlinkRequest(type: Link.newType, subject: "change interface \(index)") {
            $0.linkHeader(index: index, isUp: change.isUp)
            change.encode(into: &$0)
        }
    }

    /// As `change(link:)`, of an interface found by its name (which then cannot be changed).
    package static func change(link name: String, _ change: LinkChange) -> NetlinkRequest {
        NetlinkRequest(type: Link.newType, subject: "change interface \(name)") {
            $0.linkHeader(isUp: change.isUp)
            change.encode(into: &$0)
            $0.text(Link.Attribute.name, name)
        }
    }

    /// Ports of a bridge that are isolated reach the bridge, and not each other. One that reflects gets packets that
    /// came from it, when their destination was rewritten to be behind it.
    package static func setPort(_ index: Int32, isolated: Bool, reflects: Bool) -> NetlinkRequest {
        NetlinkRequest(type: Link.setType, subject: "set bridge port \(index)") {
            // AF_BRIDGE
            $0.linkHeader(family: 7, index: index)
            $0.nested(Link.Attribute.portInfo) {
                $0.host(4, UInt8(reflects ? 1 : 0))
                $0.host(33, UInt8(isolated ? 1 : 0))
            }
        }
    }

    package static func delete(link index: Int32) -> NetlinkRequest {
        NetlinkRequest(type: Link.deletedType, subject: "delete interface \(index)") { $0.linkHeader(index: index) }
    }

    package static func delete(link name: String) -> NetlinkRequest {
        NetlinkRequest(type: Link.deletedType, subject: "delete interface \(name)") {
            $0.linkHeader()
            $0.text(Link.Attribute.name, name)
        }
    }

    /// All interfaces that have the number, in one go: the kernel waits once for all instead of for each.
    package static func deleteLinks(group: UInt32) -> NetlinkRequest {
        NetlinkRequest(type: Link.deletedType, subject: "delete interfaces of group \(group)") {
            $0.linkHeader()
            $0.host(Link.Attribute.group, group)
        }
    }
}

// MARK: - Questions

extension NetlinkSocket {
    package func links() throws(NetlinkError) -> [Link] {
        let request = NetlinkRequest(type: Link.getType, subject: "list interfaces") {
            $0.linkHeader()
            // RTEXT_FILTER_SKIP_STATS: counters make three quarters of the answer.
            $0.host(Link.Attribute.extraMask, UInt32(8))
        }
        return try dump(request) { Link($0) }
    }

    /// Waits until packets flow, which the kernel notices some time after an interface and its other end are up; a
    /// packet sent before is lost. No longer than the given time.
    package func awaitRunning(_ name: String, milliseconds: Int = 100) throws(NetlinkError) {
        for _ in 0..<milliseconds * 5 {
            guard let link = try link(name), !link.isRunning else { return }
            Clock.sleep(nanoseconds: 200_000)
        }
    }

    /// nil when there is none of that name.
    package func link(_ name: String) throws(NetlinkError) -> Link? {
        let request = NetlinkRequest(type: Link.getType, subject: "find interface \(name)") {
            $0.linkHeader()
            $0.host(Link.Attribute.extraMask, UInt32(8))
            $0.text(Link.Attribute.name, name)
        }
        do { return try get(request) { Link($0) } } catch let error where error.isMissing { return nil }
    }
}
