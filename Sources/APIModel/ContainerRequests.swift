/// `POST /containers/create`: the fields of a `ContainerConfig`, and these two beside them.
package struct ContainerCreateRequest: Codable, Hashable, Sendable {
    package var config: ContainerConfig
    package var hostConfig: HostConfig
    package var networkingConfig: NetworkingConfig

    package init(
        config: ContainerConfig = ContainerConfig(), hostConfig: HostConfig = HostConfig(),
        networkingConfig: NetworkingConfig = NetworkingConfig()
    ) {
        self.config = config
        self.hostConfig = hostConfig
        self.networkingConfig = networkingConfig
    }
}

extension ContainerCreateRequest {
    private enum CodingKeys: String, CodingKey {
        case hostConfig = "HostConfig"
        case networkingConfig = "NetworkingConfig"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            config: try ContainerConfig(from: decoder),
            hostConfig: try container.decodeIfPresent(HostConfig.self, forKey: .hostConfig) ?? HostConfig(),
            networkingConfig: try container.decodeIfPresent(NetworkingConfig.self, forKey: .networkingConfig)
                ?? NetworkingConfig())
    }

    package func encode(to encoder: any Encoder) throws {
        try config.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(hostConfig, forKey: .hostConfig)
        try container.encode(networkingConfig, forKey: .networkingConfig)
    }
}

/// `POST /containers/{id}/update`: the fields of `ContainerResources`, and the restart policy. What is not set
/// stays as it is.
package struct UpdateConfig: Codable, Hashable, Sendable {
    package var resources: ContainerResources
    package var restartPolicy: RestartPolicy

    package init(resources: ContainerResources = ContainerResources(), restartPolicy: RestartPolicy = RestartPolicy()) {
        self.resources = resources
        self.restartPolicy = restartPolicy
    }
}

extension UpdateConfig {
    private enum CodingKeys: String, CodingKey {
        case restartPolicy = "RestartPolicy"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            resources: try ContainerResources(from: decoder),
            restartPolicy: try container.decodeIfPresent(RestartPolicy.self, forKey: .restartPolicy)
                ?? RestartPolicy())
    }

    package func encode(to encoder: any Encoder) throws {
        try resources.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(restartPolicy, forKey: .restartPolicy)
    }
}

/// The networks that a new container joins, by name.
package struct NetworkingConfig: Codable, Hashable, Sendable {
    @Always package var endpointsConfig: [String: EndpointSettings?]?

    package init(endpointsConfig: [String: EndpointSettings?]? = nil) {
        self.endpointsConfig = endpointsConfig
    }

    enum CodingKeys: String, CodingKey {
        case endpointsConfig = "EndpointsConfig"
    }
}
