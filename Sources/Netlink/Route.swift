package import Basics

/// Where packets for a range of addresses go.
package struct Route: Sendable, Hashable {
    /// `0.0.0.0/0` and `::/0` are the default routes.
    package var destination: Subnet
    package var gateway: IPAddress?
    package var link: Int32?
    /// The address that connections come from.
    package var source: IPAddress?
    package var metric: UInt32?
    /// `RT_TABLE_MAIN` and its like.
    package var table: UInt32

    package init(
        destination: Subnet, gateway: IPAddress? = nil, link: Int32? = nil, source: IPAddress? = nil,
        metric: UInt32? = nil, table: UInt32 = Route.mainTable
    ) {
        self.destination = destination
        self.gateway = gateway
        self.link = link
        self.source = source
        self.metric = metric
        self.table = table
    }

    /// The default route of a family.
    package static func standard(via gateway: IPAddress, link: Int32, metric: UInt32? = nil) -> Route? {
        let any: IPAddress = gateway.family == .v4 ? .anyV4 : .anyV6
        return Subnet(any, prefix: 0).map { Route(destination: $0, gateway: gateway, link: link, metric: metric) }
    }

    package static let mainTable: UInt32 = 254
    package static let localTable: UInt32 = 255

    /// struct rtmsg: u8 family, destination length, source length, tos, table, protocol, scope, type; u32 flags.
    init?(_ message: NetlinkMessage) {
        let body = message.body
        guard message.type == 24, let family = (body.host(at: 0) as UInt8?).flatMap({ IPAddress.Family(raw: $0) }),
            let length: UInt8 = body.host(at: 1), let table: UInt8 = body.host(at: 4)
        else { return nil }
        let attributes = message.attributes(after: 12)
        let base = attributes[1].flatMap { IPAddress(bytes: $0) } ?? (family == .v4 ? .anyV4 : .anyV6)
        guard let destination = Subnet(base, prefix: Int(length)) else { return nil }
        self.destination = destination
        gateway = attributes[5].flatMap { IPAddress(bytes: $0) }
        link = attributes.host(4)
        source = attributes[7].flatMap { IPAddress(bytes: $0) }
        metric = attributes.host(6)
        self.table = attributes.host(15) ?? UInt32(table)
    }

    fileprivate func encode(into buffer: inout NetlinkBuffer) {
        buffer.host(destination.family.raw)
        buffer.host(UInt8(destination.prefix))
        buffer.raw([0, 0])
        buffer.host(UInt8(truncatingIfNeeded: min(table, 255)))
        // RTPROT_STATIC; scope: RT_SCOPE_LINK for what is reached directly, RT_SCOPE_UNIVERSE through a gateway.
        buffer.host(UInt8(4))
        buffer.host(UInt8(gateway == nil && destination.family == .v4 ? 253 : 0))
        // RTN_UNICAST
        buffer.host(UInt8(1))
        buffer.host(UInt32(0))
        if destination.prefix > 0 { buffer.bytes(1, destination.base.bytes) }
        if let gateway { buffer.bytes(5, gateway.bytes) }
        if let link { buffer.host(4, link) }
        if let source { buffer.bytes(7, source.bytes) }
        if let metric { buffer.host(6, metric) }
        buffer.host(15, table)
    }
}

extension NetlinkRequest {
    package static func add(_ route: Route, replace: Bool = false) -> NetlinkRequest {
        let subject = "add route to \(route.destination)" + (route.gateway.map { " via \($0)" } ?? "")
        return NetlinkRequest(type: 24, flags: [.create, replace ? .replace : .exclusive], subject: subject) {
            route.encode(into: &$0)
        }
    }

    package static func remove(_ route: Route) -> NetlinkRequest {
        NetlinkRequest(type: 25, subject: "remove route to \(route.destination)") { route.encode(into: &$0) }
    }
}

extension NetlinkSocket {
    /// All routes of a family and every table.
    package func routes(_ family: IPAddress.Family) throws(NetlinkError) -> [Route] {
        let request = NetlinkRequest(type: 26, subject: "list routes") {
            $0.host(family.raw)
            $0.raw([UInt8](repeating: 0, count: 11))
        }
        return try dump(request) { Route($0) }
    }
}
