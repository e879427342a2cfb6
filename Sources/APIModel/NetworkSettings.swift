/// The networks of a container, as `GET /containers/{id}/json` tells. The addresses on the outer level are those on
/// the default bridge.
package struct NetworkSettings: Codable, Hashable, Sendable {
    package var bridge: String
    package var sandboxID: String
    package var sandboxKey: String
    /// `80/tcp` to its bindings on the host; null for one that is only exposed.
    package var ports: [String: [PortBinding]?]
    package var hairpinMode: Bool
    package var linkLocalIPv6Address: String
    package var linkLocalIPv6PrefixLength: Int
    package var endpointID: String
    package var gateway: String
    package var globalIPv6Address: String
    package var globalIPv6PrefixLength: Int
    package var ipAddress: String
    package var ipPrefixLength: Int
    package var ipv6Gateway: String
    package var macAddress: String
    package var networks: [String: EndpointSettings]

    package init(
        bridge: String = "", sandboxID: String = "", sandboxKey: String = "",
        ports: [String: [PortBinding]?] = [:], hairpinMode: Bool = false, linkLocalIPv6Address: String = "",
        linkLocalIPv6PrefixLength: Int = 0, endpointID: String = "", gateway: String = "",
        globalIPv6Address: String = "", globalIPv6PrefixLength: Int = 0, ipAddress: String = "",
        ipPrefixLength: Int = 0, ipv6Gateway: String = "", macAddress: String = "",
        networks: [String: EndpointSettings] = [:]
    ) {
        self.bridge = bridge
        self.sandboxID = sandboxID
        self.sandboxKey = sandboxKey
        self.ports = ports
        self.hairpinMode = hairpinMode
        self.linkLocalIPv6Address = linkLocalIPv6Address
        self.linkLocalIPv6PrefixLength = linkLocalIPv6PrefixLength
        self.endpointID = endpointID
        self.gateway = gateway
        self.globalIPv6Address = globalIPv6Address
        self.globalIPv6PrefixLength = globalIPv6PrefixLength
        self.ipAddress = ipAddress
        self.ipPrefixLength = ipPrefixLength
        self.ipv6Gateway = ipv6Gateway
        self.macAddress = macAddress
        self.networks = networks
    }

    private enum CodingKeys: String, CodingKey {
        case bridge = "Bridge"
        case sandboxID = "SandboxID"
        case sandboxKey = "SandboxKey"
        case ports = "Ports"
        case hairpinMode = "HairpinMode"
        case linkLocalIPv6Address = "LinkLocalIPv6Address"
        case linkLocalIPv6PrefixLength = "LinkLocalIPv6PrefixLen"
        case endpointID = "EndpointID"
        case gateway = "Gateway"
        case globalIPv6Address = "GlobalIPv6Address"
        case globalIPv6PrefixLength = "GlobalIPv6PrefixLen"
        case ipAddress = "IPAddress"
        case ipPrefixLength = "IPPrefixLen"
        case ipv6Gateway = "IPv6Gateway"
        case macAddress = "MacAddress"
        case networks = "Networks"
    }
}
