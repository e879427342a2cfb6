package import Basics

/// A container's place in a network.
package struct Endpoint: Sendable, Hashable, Codable {
    package let id: String
    package let network: String
    package let networkName: String
    package let container: String
    /// Changes when the container is renamed.
    package var containerName: String
    /// Inside: `eth0`.
    package var interface: String
    /// The host's end of the pair.
    package var hostLink: String
    package var v4: IPAddress?
    package var v4Prefix: Int
    package var v6: IPAddress?
    package var v6Prefix: Int
    package var mac: MACAddress
    /// Of the network; empty-handed on an internal one.
    package var gateway: IPAddress?
    package var gateway6: IPAddress?
    /// The container's default route goes this way, and its ports are published here.
    package var isGateway: Bool
    package var aliases: [String]

    package var addresses: [IPAddress] { [v4, v6].compactMap { $0 } }

    /// What it is called in its network: the container's name, its short id, and its aliases.
    package var names: [String] {
        var names = [containerName, String(container.prefix(12))]
        for alias in aliases where !names.contains(alias) { names.append(alias) }
        return names
    }
}

/// What a container wants of a network.
package struct EndpointRequest: Sendable, Hashable {
    /// Name or identifier.
    package var network: String
    package var v4: IPAddress?
    package var v6: IPAddress?
    package var mac: MACAddress?
    package var aliases: [String]

    package init(
        network: String, v4: IPAddress? = nil, v6: IPAddress? = nil, mac: MACAddress? = nil, aliases: [String] = []
    ) {
        self.network = network
        self.v4 = v4
        self.v6 = v6
        self.mac = mac
        self.aliases = aliases
    }
}

/// Who an endpoint belongs to.
package struct ContainerIdentity: Sendable, Hashable {
    package var id: String
    /// Without `/`.
    package var name: String
    package init(id: String, name: String) {
        self.id = id
        self.name = name
    }
}
