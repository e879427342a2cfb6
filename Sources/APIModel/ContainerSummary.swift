/// One entry of `GET /containers/json`.
package struct ContainerSummary: Codable, Hashable, Sendable {
    /// 64 hexadecimal digits.
    package var id: String
    /// Each with a leading slash.
    package var names: [String]
    /// As the user gave it; the image's id once nothing is tagged so.
    package var image: String
    package var imageID: String
    package var command: String
    /// Seconds since 1970.
    package var created: Int64
    package var ports: [PortSummary]
    /// Bytes in the container's own layer; only when asked for (`size=1`).
    package var sizeRw: Int64?
    /// Bytes of the image's layers and the container's; only when asked for.
    package var sizeRootFs: Int64?
    package var labels: [String: String]
    /// `created`, `running`, `paused`, `restarting`, `exited`, `removing` or `dead`.
    package var state: String
    /// For people: `Up 5 seconds (healthy)`, `Exited (0) 2 hours ago`.
    package var status: String
    package var hostConfig: HostConfigSummary
    package var networkSettings: NetworkSettingsSummary
    package var mounts: [MountPoint]

    package init(
        id: String, names: [String], image: String, imageID: String, command: String, created: Int64,
        ports: [PortSummary] = [], sizeRw: Int64? = nil, sizeRootFs: Int64? = nil, labels: [String: String] = [:],
        state: String, status: String, hostConfig: HostConfigSummary,
        networkSettings: NetworkSettingsSummary = .init(networks: [:]), mounts: [MountPoint] = []
    ) {
        self.id = id
        self.names = names
        self.image = image
        self.imageID = imageID
        self.command = command
        self.created = created
        self.ports = ports
        self.sizeRw = sizeRw
        self.sizeRootFs = sizeRootFs
        self.labels = labels
        self.state = state
        self.status = status
        self.hostConfig = hostConfig
        self.networkSettings = networkSettings
        self.mounts = mounts
    }

    private enum CodingKeys: String, CodingKey {
        case id = "Id"
        case names = "Names"
        case image = "Image"
        case imageID = "ImageID"
        case command = "Command"
        case created = "Created"
        case ports = "Ports"
        case sizeRw = "SizeRw"
        case sizeRootFs = "SizeRootFs"
        case labels = "Labels"
        case state = "State"
        case status = "Status"
        case hostConfig = "HostConfig"
        case networkSettings = "NetworkSettings"
        case mounts = "Mounts"
    }
}

/// What `GET /containers/json` tells of a container's host configuration.
package struct HostConfigSummary: Codable, Hashable, Sendable {
    package var networkMode: String
    package var annotations: [String: String]?

    package init(networkMode: String, annotations: [String: String]? = nil) {
        self.networkMode = networkMode
        self.annotations = annotations
    }

    private enum CodingKeys: String, CodingKey {
        case networkMode = "NetworkMode"
        case annotations = "Annotations"
    }
}

/// What `GET /containers/json` tells of a container's networks.
package struct NetworkSettingsSummary: Codable, Hashable, Sendable {
    package var networks: [String: EndpointSettings]

    package init(networks: [String: EndpointSettings]) {
        self.networks = networks
    }

    private enum CodingKeys: String, CodingKey {
        case networks = "Networks"
    }
}

/// A port of a container: exposed, or published when it has a public one.
package struct PortSummary: Codable, Hashable, Sendable {
    /// The host's address that it is published on.
    package var ip: String?
    package var privatePort: UInt16
    package var publicPort: UInt16?
    /// `tcp`, `udp` or `sctp`.
    package var type: String

    package init(ip: String? = nil, privatePort: UInt16, publicPort: UInt16? = nil, type: String) {
        self.ip = ip
        self.privatePort = privatePort
        self.publicPort = publicPort
        self.type = type
    }

    private enum CodingKeys: String, CodingKey {
        case ip = "IP"
        case privatePort = "PrivatePort"
        case publicPort = "PublicPort"
        case type = "Type"
    }
}

/// A mount that a container uses.
package struct MountPoint: Codable, Hashable, Sendable {
    /// `bind`, `volume` or `tmpfs`.
    package var type: String
    /// Of a volume.
    package var name: String?
    /// A path of the host; empty for a tmpfs.
    package var source: String
    /// A path in the container.
    package var destination: String
    /// Of a volume.
    package var driver: String?
    /// The options as the user gave them.
    package var mode: String
    package var writable: Bool
    package var propagation: String

    package init(
        type: String, name: String? = nil, source: String, destination: String, driver: String? = nil,
        mode: String = "", writable: Bool, propagation: String = ""
    ) {
        self.type = type
        self.name = name
        self.source = source
        self.destination = destination
        self.driver = driver
        self.mode = mode
        self.writable = writable
        self.propagation = propagation
    }

    private enum CodingKeys: String, CodingKey {
        case type = "Type"
        case name = "Name"
        case source = "Source"
        case destination = "Destination"
        case driver = "Driver"
        case mode = "Mode"
        case writable = "RW"
        case propagation = "Propagation"
    }
}
