package import APIModel
package import Basics
package import Networking

/// A network that a container is to be in whenever it runs, and what it wants there. Kept with the container.
package struct NetworkWish: Codable, Hashable, Sendable {
    /// Its identifier. In a request, before it is looked up: its name, or its identifier or the beginning of it.
    package var network: String
    package var name: String
    package var v4: IPAddress?
    package var v6: IPAddress?
    package var mac: MACAddress?
    /// As the user gave them, without those that every container has.
    package var aliases: [String]

    package init(
        network: String, name: String, v4: IPAddress? = nil, v6: IPAddress? = nil, mac: MACAddress? = nil,
        aliases: [String] = []
    ) {
        self.network = network
        self.name = name
        self.v4 = v4
        self.v6 = v6
        self.mac = mac
        self.aliases = aliases
    }
}

/// The networks and ports that a request asks for; pure.
package enum NetworkPlan {
    /// The default bridge network, which clients call `default` when the user named none.
    package static let defaultNetwork = "bridge"

    /// The networks of a new container: that of its network mode first, which its interfaces are counted from, then
    /// the others by name.
    package static func wishes(_ request: ContainerCreateRequest, _ modes: NamespaceModes) throws(SpecError)
        -> [NetworkWish]
    {
        let (config, host) = (request.config, request.hostConfig)
        let given = request.networkingConfig.endpointsConfig ?? [:]
        let own = mainNetwork(modes)
        var main = EndpointSettings()
        var others: [NetworkWish] = []
        for (name, settings) in given.sorted(by: { $0.key < $1.key }) {
            let settings = settings ?? EndpointSettings()
            if isMain(name, of: host, own) {
                main = settings
                continue
            }
            switch modes.network {
            case .network: others.append(try wish(name, settings))
            case .none:
                throw .invalid(
                    "container cannot be connected to multiple networks with one of the networks in private (none) mode"
                )
            case .host, .container:
                throw .invalid(
                    "container sharing network namespace with another container or host cannot be connected to any "
                        + "other network")
            }
        }
        let mac = config.macAddress ?? ""
        if !mac.isEmpty {
            if !main.macAddress.isEmpty, main.macAddress != mac {
                throw .invalid(
                    "the container-wide MAC address must match the endpoint-specific MAC address for the main network, "
                        + "or be left empty")
            }
            main.macAddress = mac
        }
        guard case .network(let name) = modes.network else {
            if main != EndpointSettings(), try wish(own, main) != NetworkWish(network: own, name: own) {
                throw .invalid("conflicting options: addresses and aliases need a network, not --network \(own)")
            }
            return []
        }
        // The API's way to say: none at all.
        if config.networkDisabled == true { return [] }
        return [try wish(name, main)] + others
    }

    private static func mainNetwork(_ modes: NamespaceModes) -> String {
        switch modes.network {
        case .network(let name): name
        case .none: "none"
        case .host: "host"
        case .container(let name): "container:\(name)"
        }
    }

    /// Clients name the network of `NetworkMode` once more among the endpoints, where they say what they want of it.
    private static func isMain(_ name: String, of host: HostConfig, _ own: String) -> Bool {
        if name == own || name == host.networkMode { return true }
        return name == "default" && ["", "default", own].contains(host.networkMode)
            && ["bridge", "none"].contains(own)
    }

    /// What is wanted of one network. Throws for wishes that Box cannot fulfil.
    package static func wish(_ network: String, _ settings: EndpointSettings) throws(SpecError) -> NetworkWish {
        let fields: [(Bool, String, String)] = [
            (!(settings.ipamConfig?.linkLocalIPs ?? []).isEmpty, "--link-local-ip", "use an address of the network's"),
            (!(settings.links ?? []).isEmpty, "--link", "containers of a network find each other by name"),
            (!(settings.driverOptions ?? [:]).isEmpty, "--driver-opt", "endpoints have no options"),
            (settings.gatewayPriority != 0, "gw-priority", "the first network that leads out is the gateway"),
        ]
        if let field = fields.first(where: \.0) { throw .unsupported(field.1, field.2) }
        var wish = NetworkWish(network: network, name: network, aliases: [])
        wish.v4 = try address(settings.ipamConfig?.ipv4Address, .v4)
        wish.v6 = try address(settings.ipamConfig?.ipv6Address, .v6)
        if !settings.macAddress.isEmpty {
            guard let mac = MACAddress(settings.macAddress) else {
                throw .invalid("invalid MAC address: \(settings.macAddress.quoted): it must be like 02:42:ac:11:00:02")
            }
            wish.mac = mac
        }
        for alias in settings.aliases ?? [] {
            guard isName(alias) else { throw .invalid("--network-alias: \(alias.quoted) is no name") }
            if !wish.aliases.contains(alias) { wish.aliases.append(alias) }
        }
        if !wish.aliases.isEmpty, network == defaultNetwork || network == "default" {
            throw .invalid("network-scoped aliases are only supported for user-defined networks")
        }
        return wish
    }

    private static func address(_ text: String?, _ family: IPAddress.Family) throws(SpecError) -> IPAddress? {
        guard let text, !text.isEmpty else { return nil }
        guard let address = IPAddress(text), address.family == family, !address.isAny else {
            throw .invalid("invalid IPv\(family.rawValue) address: \(text.quoted)")
        }
        return address
    }

    private static func isName(_ text: String) -> Bool {
        (1...255).contains(text.utf8.count) && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x23 }
    }

    // MARK: - Ports

    /// A container's ports that its image or its user named, published or not.
    package static func exposed(_ config: ContainerConfig, _ host: HostConfig) throws(SpecError) -> Set<ExposedPort> {
        var ports: Set<ExposedPort> = []
        for text in (config.exposedPorts ?? [:]).keys { ports.formUnion(try ExposedPort.range(text)) }
        for text in (host.portBindings ?? [:]).keys { ports.formUnion(try ExposedPort.range(text)) }
        return ports
    }

    /// What is to be published: the bindings, and with `--publish-all` a free port for each that is exposed and has
    /// none.
    package static func published(_ config: ContainerConfig, _ host: HostConfig) throws(SpecError) -> [PortRequest] {
        var requests: [PortRequest] = []
        var bound: Set<ExposedPort> = []
        for (key, bindings) in (host.portBindings ?? [:]).sorted(by: { $0.key < $1.key }) {
            let range = try ExposedPort.range(key)
            guard let port = range.first, range.count == 1 else {
                throw .invalid("invalid port specification: \(key.quoted): one port is wanted here, not a range")
            }
            for binding in bindings ?? [] {
                bound.insert(port)
                do throws(NetworkingError) {
                    requests.append(
                        try PortRequest(port.description, hostIP: binding.hostIP, hostPort: binding.hostPort))
                } catch {
                    throw .invalid(error.description)
                }
            }
        }
        if host.publishAllPorts {
            for port in try exposed(config, host).subtracting(bound).sorted() {
                requests.append(PortRequest(port: port.number, transport: port.transport))
            }
        }
        return requests
    }
}

/// A port of a container: `80/tcp`.
package struct ExposedPort: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let number: UInt16
    package let transport: Transport

    package var description: String { "\(number)/\(transport)" }

    /// `80`, `80/tcp`, `8000-8010/udp`: each port of it.
    package static func range(_ text: String) throws(SpecError) -> [ExposedPort] {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        let ends = (parts.first ?? "").split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0) }
        guard parts.count <= 2, let transport = Transport(parts.count == 2 ? String(parts[1]) : "tcp"),
            (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1], first > 0,
            first <= last
        else { throw .invalid("invalid port specification: \(text.quoted)") }
        return (first...last).map { ExposedPort(number: $0, transport: transport) }
    }

    package static func < (a: ExposedPort, b: ExposedPort) -> Bool {
        (a.number, a.transport.rawValue) < (b.number, b.transport.rawValue)
    }
}
