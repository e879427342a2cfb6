/// A volume, as `GET /volumes/{name}` tells.
package struct Volume: Codable, Hashable, Sendable {
    package var name: String
    package var driver: String
    /// A path of the host.
    package var mountpoint: String
    /// RFC 3339.
    package var createdAt: String?
    package var labels: [String: String]?
    package var scope: String
    package var options: [String: String]?
    /// Only in `GET /system/df`.
    package var usageData: VolumeUsage?

    package init(
        name: String, driver: String = "local", mountpoint: String, createdAt: String? = nil,
        labels: [String: String]? = nil, scope: String = "local", options: [String: String]? = nil,
        usageData: VolumeUsage? = nil
    ) {
        self.name = name
        self.driver = driver
        self.mountpoint = mountpoint
        self.createdAt = createdAt
        self.labels = labels
        self.scope = scope
        self.options = options
        self.usageData = usageData
    }

    private enum CodingKeys: String, CodingKey {
        case name = "Name"
        case driver = "Driver"
        case mountpoint = "Mountpoint"
        case createdAt = "CreatedAt"
        case labels = "Labels"
        case scope = "Scope"
        case options = "Options"
        case usageData = "UsageData"
    }
}

/// How much a volume holds, and who has it.
package struct VolumeUsage: Codable, Hashable, Sendable {
    /// Bytes; -1 when not known.
    package var size: Int64
    /// Containers; -1 when not known.
    package var referenceCount: Int64

    package init(size: Int64, referenceCount: Int64) {
        self.size = size
        self.referenceCount = referenceCount
    }

    private enum CodingKeys: String, CodingKey {
        case size = "Size"
        case referenceCount = "RefCount"
    }
}

/// `POST /volumes/create`.
package struct VolumeCreateRequest: Codable, Hashable, Sendable {
    /// Empty: one is made up.
    package var name: String
    package var driver: String
    package var driverOptions: [String: String]
    package var labels: [String: String]

    package init(
        name: String = "", driver: String = "local", driverOptions: [String: String] = [:],
        labels: [String: String] = [:]
    ) {
        self.name = name
        self.driver = driver
        self.driverOptions = driverOptions
        self.labels = labels
    }

    /// A field that a client leaves out, or gives as null, has its default.
    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        name = try values.decodeIfPresent(String.self, forKey: .name) ?? ""
        driver = try values.decodeIfPresent(String.self, forKey: .driver) ?? "local"
        driverOptions = try values.decodeIfPresent([String: String].self, forKey: .driverOptions) ?? [:]
        labels = try values.decodeIfPresent([String: String].self, forKey: .labels) ?? [:]
    }

    private enum CodingKeys: String, CodingKey {
        case name = "Name"
        case driver = "Driver"
        case driverOptions = "DriverOpts"
        case labels = "Labels"
    }
}

/// `GET /volumes`.
package struct VolumeListResponse: Codable, Hashable, Sendable {
    package var volumes: [Volume]
    package var warnings: [String]?

    package init(volumes: [Volume], warnings: [String]? = nil) {
        self.volumes = volumes
        self.warnings = warnings
    }

    private enum CodingKeys: String, CodingKey {
        case volumes = "Volumes"
        case warnings = "Warnings"
    }
}

/// `POST /volumes/prune`.
package struct VolumesPruneResponse: Codable, Hashable, Sendable {
    package var volumesDeleted: [String]?
    package var spaceReclaimed: Int64

    package init(volumesDeleted: [String]? = nil, spaceReclaimed: Int64) {
        self.volumesDeleted = volumesDeleted
        self.spaceReclaimed = spaceReclaimed
    }

    private enum CodingKeys: String, CodingKey {
        case volumesDeleted = "VolumesDeleted"
        case spaceReclaimed = "SpaceReclaimed"
    }
}
