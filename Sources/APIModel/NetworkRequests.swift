/// `POST /networks/create`.
package struct NetworkCreateRequest: Codable, Hashable, Sendable {
    @Always package var name: String
    @Always package var driver: String
    @Always package var scope: String
    /// nil: the daemon decides, and that is yes.
    package var enableIPv4: Bool?
    /// nil: the daemon decides, and that is no.
    package var enableIPv6: Bool?
    package var ipam: IPAM?
    @Always package var isInternal: Bool
    @Always package var attachable: Bool
    @Always package var ingress: Bool
    @Always package var configOnly: Bool
    package var configFrom: ConfigReference?
    @Always package var options: [String: String]?
    @Always package var labels: [String: String]?

    package init(
        name: String = "", driver: String = "", scope: String = "", enableIPv4: Bool? = nil, enableIPv6: Bool? = nil,
        ipam: IPAM? = nil, isInternal: Bool = false, attachable: Bool = false, ingress: Bool = false,
        configOnly: Bool = false, configFrom: ConfigReference? = nil, options: [String: String]? = nil,
        labels: [String: String]? = nil
    ) {
        self.name = name
        self.driver = driver
        self.scope = scope
        self.enableIPv4 = enableIPv4
        self.enableIPv6 = enableIPv6
        self.ipam = ipam
        self.isInternal = isInternal
        self.attachable = attachable
        self.ingress = ingress
        self.configOnly = configOnly
        self.configFrom = configFrom
        self.options = options
        self.labels = labels
    }

    enum CodingKeys: String, CodingKey {
        case name = "Name"
        case driver = "Driver"
        case scope = "Scope"
        case enableIPv4 = "EnableIPv4"
        case enableIPv6 = "EnableIPv6"
        case ipam = "IPAM"
        case isInternal = "Internal"
        case attachable = "Attachable"
        case ingress = "Ingress"
        case configOnly = "ConfigOnly"
        case configFrom = "ConfigFrom"
        case options = "Options"
        case labels = "Labels"
    }
}

/// The answer to `POST /networks/create`.
package struct NetworkCreateResponse: Codable, Hashable, Sendable {
    package var id: String
    package var warning: String

    package init(id: String, warning: String = "") {
        self.id = id
        self.warning = warning
    }

    private enum CodingKeys: String, CodingKey {
        case id = "Id"
        case warning = "Warning"
    }
}

/// `POST /networks/{id}/connect`.
package struct NetworkConnectRequest: Codable, Hashable, Sendable {
    @Always package var container: String
    package var endpointConfig: EndpointSettings?

    package init(container: String, endpointConfig: EndpointSettings? = nil) {
        self.container = container
        self.endpointConfig = endpointConfig
    }

    enum CodingKeys: String, CodingKey {
        case container = "Container"
        case endpointConfig = "EndpointConfig"
    }
}

/// `POST /networks/{id}/disconnect`.
package struct NetworkDisconnectRequest: Codable, Hashable, Sendable {
    @Always package var container: String
    /// Even when the container cannot be found.
    @Always package var force: Bool

    package init(container: String, force: Bool = false) {
        self.container = container
        self.force = force
    }

    enum CodingKeys: String, CodingKey {
        case container = "Container"
        case force = "Force"
    }
}
