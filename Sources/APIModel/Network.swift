/// One entry of `GET /networks`, and `GET /networks/{id}`.
package struct Network: Codable, Hashable, Sendable {
    package var name: String
    package var id: String
    /// RFC 3339.
    package var created: String
    package var scope: String
    /// `bridge`, `host` or `null`.
    package var driver: String
    package var enableIPv4: Bool
    package var enableIPv6: Bool
    package var ipam: IPAM
    package var isInternal: Bool
    package var attachable: Bool
    package var ingress: Bool
    package var configFrom: ConfigReference
    package var configOnly: Bool
    /// By container id; empty in a list.
    package var containers: [String: NetworkContainer]
    package var options: [String: String]
    package var labels: [String: String]

    package init(
        name: String, id: String, created: String, scope: String = "local", driver: String,
        enableIPv4: Bool = true, enableIPv6: Bool = false, ipam: IPAM, isInternal: Bool = false,
        attachable: Bool = false, ingress: Bool = false, configFrom: ConfigReference = .init(network: ""),
        configOnly: Bool = false, containers: [String: NetworkContainer] = [:], options: [String: String] = [:],
        labels: [String: String] = [:]
    ) {
        self.name = name
        self.id = id
        self.created = created
        self.scope = scope
        self.driver = driver
        self.enableIPv4 = enableIPv4
        self.enableIPv6 = enableIPv6
        self.ipam = ipam
        self.isInternal = isInternal
        self.attachable = attachable
        self.ingress = ingress
        self.configFrom = configFrom
        self.configOnly = configOnly
        self.containers = containers
        self.options = options
        self.labels = labels
    }

    private enum CodingKeys: String, CodingKey {
        case name = "Name"
        case id = "Id"
        case created = "Created"
        case scope = "Scope"
        case driver = "Driver"
        case enableIPv4 = "EnableIPv4"
        case enableIPv6 = "EnableIPv6"
        case ipam = "IPAM"
        case isInternal = "Internal"
        case attachable = "Attachable"
        case ingress = "Ingress"
        case configFrom = "ConfigFrom"
        case configOnly = "ConfigOnly"
        case containers = "Containers"
        case options = "Options"
        case labels = "Labels"
    }
}

/// The network that holds another's configuration; never set here.
package struct ConfigReference: Codable, Hashable, Sendable {
    @Always package var network: String

    package init(network: String) {
        self.network = network
    }

    enum CodingKeys: String, CodingKey {
        case network = "Network"
    }
}

/// How a network gives addresses.
package struct IPAM: Codable, Hashable, Sendable {
    @Always package var driver: String
    package var options: [String: String]?
    package var config: [IPAMPool]?

    package init(driver: String = "default", options: [String: String]? = nil, config: [IPAMPool]? = nil) {
        self.driver = driver
        self.options = options
        self.config = config
    }

    enum CodingKeys: String, CodingKey {
        case driver = "Driver"
        case options = "Options"
        case config = "Config"
    }
}

/// A range of addresses of a network.
package struct IPAMPool: Codable, Hashable, Sendable {
    package var subnet: String?
    package var ipRange: String?
    package var gateway: String?
    package var auxiliaryAddresses: [String: String]?

    package init(
        subnet: String? = nil, ipRange: String? = nil, gateway: String? = nil,
        auxiliaryAddresses: [String: String]? = nil
    ) {
        self.subnet = subnet
        self.ipRange = ipRange
        self.gateway = gateway
        self.auxiliaryAddresses = auxiliaryAddresses
    }

    private enum CodingKeys: String, CodingKey {
        case subnet = "Subnet"
        case ipRange = "IPRange"
        case gateway = "Gateway"
        case auxiliaryAddresses = "AuxiliaryAddresses"
    }
}

/// A container's place in a network.
package struct NetworkContainer: Codable, Hashable, Sendable {
    package var name: String
    package var endpointID: String
    package var macAddress: String
    package var ipv4Address: String
    package var ipv6Address: String

    package init(name: String, endpointID: String, macAddress: String, ipv4Address: String, ipv6Address: String) {
        self.name = name
        self.endpointID = endpointID
        self.macAddress = macAddress
        self.ipv4Address = ipv4Address
        self.ipv6Address = ipv6Address
    }

    private enum CodingKeys: String, CodingKey {
        case name = "Name"
        case endpointID = "EndpointID"
        case macAddress = "MacAddress"
        case ipv4Address = "IPv4Address"
        case ipv6Address = "IPv6Address"
    }
}

/// `POST /networks/prune`.
package struct NetworksPruneResponse: Codable, Hashable, Sendable {
    package var networksDeleted: [String]?

    package init(networksDeleted: [String]? = nil) {
        self.networksDeleted = networksDeleted
    }

    private enum CodingKeys: String, CodingKey {
        case networksDeleted = "NetworksDeleted"
    }
}
