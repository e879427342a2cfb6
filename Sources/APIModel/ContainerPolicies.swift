/// `LogConfig`: the driver and its options.
package struct LogConfig: Codable, Hashable, Sendable {
    @Always package var type: String
    @Always package var config: [String: String]

    package init(type: String = "", config: [String: String] = [:]) {
        self.type = type
        self.config = config
    }

    enum CodingKeys: String, CodingKey {
        case type = "Type"
        case config = "Config"
    }
}

/// When a container is started again.
package struct RestartPolicy: Codable, Hashable, Sendable {
    /// Empty or `no`, `always`, `unless-stopped`, `on-failure`.
    @Always package var name: String
    /// With `on-failure`; 0 means without end.
    @Always package var maximumRetryCount: Int

    package init(name: String = "", maximumRetryCount: Int = 0) {
        self.name = name
        self.maximumRetryCount = maximumRetryCount
    }

    enum CodingKeys: String, CodingKey {
        case name = "Name"
        case maximumRetryCount = "MaximumRetryCount"
    }
}

/// An address and port of the host.
package struct PortBinding: Codable, Hashable, Sendable {
    @Always package var hostIP: String
    @Always package var hostPort: String

    package init(hostIP: String = "", hostPort: String = "") {
        self.hostIP = hostIP
        self.hostPort = hostPort
    }

    enum CodingKeys: String, CodingKey {
        case hostIP = "HostIp"
        case hostPort = "HostPort"
    }
}
