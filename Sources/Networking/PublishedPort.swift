package import Basics

/// A transport whose ports can be published.
package enum Transport: UInt8, Sendable, Hashable, Codable, CustomStringConvertible {
    case tcp = 6
    case udp = 17
    case sctp = 132

    package init?(_ name: String) {
        switch name.lowercased() {
        case "tcp": self = .tcp
        case "udp": self = .udp
        case "sctp": self = .sctp
        default: return nil
        }
    }

    package var description: String { "\(name)" }
    package var name: String {
        switch self {
        case .tcp: "tcp"
        case .udp: "udp"
        case .sctp: "sctp"
        }
    }
}

/// A port of a container to be had on the host: one binding of `PortBindings`.
package struct PortRequest: Sendable, Hashable {
    package var port: UInt16
    package var transport: Transport
    /// nil: everywhere.
    package var address: IPAddress?
    /// nil: any free one; several: the first of them that is free.
    package var hostPorts: ClosedRange<UInt16>?

    package init(port: UInt16, transport: Transport, address: IPAddress? = nil, hostPorts: ClosedRange<UInt16>? = nil) {
        self.port = port
        self.transport = transport
        self.address = address
        self.hostPorts = hostPorts
    }

    /// As the API writes it: `80/tcp`, an address or nothing, `8080`, `8000-8010` or nothing.
    package init(_ port: String, hostIP: String = "", hostPort: String = "") throws(NetworkingError) {
        let parts = port.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let number = UInt16(parts[0]), number > 0 else {
            throw .invalid("invalid port specification: \"\(port)\"")
        }
        guard let transport = Transport(parts.count == 2 ? String(parts[1]) : "tcp") else {
            throw .invalid("invalid port specification: \"\(port)\": unknown protocol")
        }
        var address: IPAddress?
        if !hostIP.isEmpty {
            let bare = hostIP.hasPrefix("[") && hostIP.hasSuffix("]") ? String(hostIP.dropFirst().dropLast()) : hostIP
            guard let parsed = IPAddress(bare) else { throw .invalid("invalid IP address: \"\(hostIP)\"") }
            address = parsed
        }
        var hostPorts: ClosedRange<UInt16>?
        if !hostPort.isEmpty, hostPort != "0" {
            let ends = hostPort.split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0) }
            guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1], first > 0,
                first <= last
            else { throw .invalid("invalid hostPort: \"\(hostPort)\"") }
            hostPorts = first...last
        }
        self.init(port: number, transport: transport, address: address, hostPorts: hostPorts)
    }
}

/// A port of the host that leads into a container.
package struct PublishedPort: Sendable, Hashable {
    package let transport: Transport
    /// `0.0.0.0` and `::` are all of the host's.
    package let hostAddress: IPAddress
    package let hostPort: UInt16
    /// The endpoint's.
    package let target: IPAddress
    package let port: UInt16
    package let container: String
    package let containerName: String

    /// For who wants it too.
    var owner: String { "container \"\(containerName)\"" }

    /// `0.0.0.0:8080`, `[::1]:8080`
    package var hostText: String {
        hostAddress.family == .v4 ? "\(hostAddress):\(hostPort)" : "[\(hostAddress)]:\(hostPort)"
    }
}

/// A port of the host that somebody has who is no container.
struct HeldPort: Sendable, Hashable {
    let transport: Transport
    let address: IPAddress
    let port: UInt16
    /// `service "web"`
    let owner: String

    /// Whether it stands in the way of another: on the same port, at the same address or everywhere.
    func blocks(_ transport: Transport, _ address: IPAddress, _ port: UInt16) -> Bool {
        self.transport == transport && self.port == port && self.address.family == address.family
            && (self.address == address || self.address.isAny || address.isAny)
    }
}
