/// A container's place in a network: what was asked for, and what it got.
package struct EndpointSettings: Codable, Hashable, Sendable {
    package var ipamConfig: EndpointIPAMConfig?
    package var links: [String]?
    package var aliases: [String]?
    package var macAddress: String
    package var driverOptions: [String: String]?
    package var gatewayPriority: Int
    package var networkID: String
    package var endpointID: String
    package var gateway: String
    package var ipAddress: String
    package var ipPrefixLength: Int
    package var ipv6Gateway: String
    package var globalIPv6Address: String
    package var globalIPv6PrefixLength: Int
    package var dnsNames: [String]?

    package init(
        ipamConfig: EndpointIPAMConfig? = nil, links: [String]? = nil, aliases: [String]? = nil,
        macAddress: String = "", driverOptions: [String: String]? = nil, gatewayPriority: Int = 0,
        networkID: String = "", endpointID: String = "", gateway: String = "", ipAddress: String = "",
        ipPrefixLength: Int = 0, ipv6Gateway: String = "", globalIPv6Address: String = "",
        globalIPv6PrefixLength: Int = 0, dnsNames: [String]? = nil
    ) {
        self.ipamConfig = ipamConfig
        self.links = links
        self.aliases = aliases
        self.macAddress = macAddress
        self.driverOptions = driverOptions
        self.gatewayPriority = gatewayPriority
        self.networkID = networkID
        self.endpointID = endpointID
        self.gateway = gateway
        self.ipAddress = ipAddress
        self.ipPrefixLength = ipPrefixLength
        self.ipv6Gateway = ipv6Gateway
        self.globalIPv6Address = globalIPv6Address
        self.globalIPv6PrefixLength = globalIPv6PrefixLength
        self.dnsNames = dnsNames
    }

    /// A field that a client leaves out, or gives as null, has its default.
    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        ipamConfig = try values.decodeIfPresent(EndpointIPAMConfig.self, forKey: .ipamConfig)
        links = try values.decodeIfPresent([String].self, forKey: .links)
        aliases = try values.decodeIfPresent([String].self, forKey: .aliases)
        macAddress = try values.decodeIfPresent(String.self, forKey: .macAddress) ?? ""
        driverOptions = try values.decodeIfPresent([String: String].self, forKey: .driverOptions)
        gatewayPriority = try values.decodeIfPresent(Int.self, forKey: .gatewayPriority) ?? 0
        networkID = try values.decodeIfPresent(String.self, forKey: .networkID) ?? ""
        endpointID = try values.decodeIfPresent(String.self, forKey: .endpointID) ?? ""
        gateway = try values.decodeIfPresent(String.self, forKey: .gateway) ?? ""
        ipAddress = try values.decodeIfPresent(String.self, forKey: .ipAddress) ?? ""
        ipPrefixLength = try values.decodeIfPresent(Int.self, forKey: .ipPrefixLength) ?? 0
        ipv6Gateway = try values.decodeIfPresent(String.self, forKey: .ipv6Gateway) ?? ""
        globalIPv6Address = try values.decodeIfPresent(String.self, forKey: .globalIPv6Address) ?? ""
        globalIPv6PrefixLength = try values.decodeIfPresent(Int.self, forKey: .globalIPv6PrefixLength) ?? 0
        dnsNames = try values.decodeIfPresent([String].self, forKey: .dnsNames)
    }

    private enum CodingKeys: String, CodingKey {
        case ipamConfig = "IPAMConfig"
        case links = "Links"
        case aliases = "Aliases"
        case macAddress = "MacAddress"
        case driverOptions = "DriverOpts"
        case gatewayPriority = "GwPriority"
        case networkID = "NetworkID"
        case endpointID = "EndpointID"
        case gateway = "Gateway"
        case ipAddress = "IPAddress"
        case ipPrefixLength = "IPPrefixLen"
        case ipv6Gateway = "IPv6Gateway"
        case globalIPv6Address = "GlobalIPv6Address"
        case globalIPv6PrefixLength = "GlobalIPv6PrefixLen"
        case dnsNames = "DNSNames"
    }
}

/// Addresses that a container wants in a network.
package struct EndpointIPAMConfig: Codable, Hashable, Sendable {
    package var ipv4Address: String?
    package var ipv6Address: String?
    package var linkLocalIPs: [String]?

    package init(ipv4Address: String? = nil, ipv6Address: String? = nil, linkLocalIPs: [String]? = nil) {
        self.ipv4Address = ipv4Address
        self.ipv6Address = ipv6Address
        self.linkLocalIPs = linkLocalIPs
    }

    /// A field that a client leaves out, or gives as null, has its default.
    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        ipv4Address = try values.decodeIfPresent(String.self, forKey: .ipv4Address)
        ipv6Address = try values.decodeIfPresent(String.self, forKey: .ipv6Address)
        linkLocalIPs = try values.decodeIfPresent([String].self, forKey: .linkLocalIPs)
    }

    private enum CodingKeys: String, CodingKey {
        case ipv4Address = "IPv4Address"
        case ipv6Address = "IPv6Address"
        case linkLocalIPs = "LinkLocalIPs"
    }
}
