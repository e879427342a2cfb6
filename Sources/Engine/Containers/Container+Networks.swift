import APIModel
import Basics
import Networking

/// What `inspect` and `ps` tell of a container's networks and ports.
extension Container {
    var networkSettings: NetworkSettings {
        var settings = NetworkSettings(
            sandboxID: network.endpoints.isEmpty ? "" : id, sandboxKey: state.isUp ? "/proc/\(state.pid)/ns/net" : "",
            ports: portMap, networks: endpointSettings)
        // On the outer level: the place on the default bridge, from the time when there was no other.
        if let main = settings.networks[NetworkPlan.defaultNetwork] {
            settings.endpointID = main.endpointID
            settings.gateway = main.gateway
            settings.globalIPv6Address = main.globalIPv6Address
            settings.globalIPv6PrefixLength = main.globalIPv6PrefixLength
            settings.ipAddress = main.ipAddress
            settings.ipPrefixLength = main.ipPrefixLength
            settings.ipv6Gateway = main.ipv6Gateway
            settings.macAddress = main.macAddress
        }
        return settings
    }

    /// By the names of the networks.
    var endpointSettings: [String: EndpointSettings] {
        let mode = record.hostConfig.networkMode
        if mode == "host" || mode == "none" {
            let id = (try? engine.networking.network(mode))?.id ?? ""
            return [mode: EndpointSettings(networkID: id)]
        }
        var result: [String: EndpointSettings] = [:]
        for wish in record.networks ?? [] {
            // Made anew under its old name, it has another identifier by now.
            let endpoint = network.endpoints.first { $0.network == wish.network || $0.networkName == wish.name }
            result[wish.name] = EndpointSettings(wish, endpoint, id: id, name: record.name)
        }
        return result
    }

    /// What the filter `network` finds it by.
    var networkKeys: Set<String> {
        var keys: Set<String> = [record.hostConfig.networkMode]
        for (name, settings) in endpointSettings {
            keys.insert(name)
            if !settings.networkID.isEmpty { keys.insert(settings.networkID) }
        }
        return keys
    }

    /// Each port of the container and where it is on the host; null for one that is exposed and no more. Empty while
    /// it does not run.
    private var portMap: [String: [PortBinding]?] {
        guard state.isUp else { return [:] }
        var map: [String: [PortBinding]?] = [:]
        for port in exposed { map.updateValue(nil, forKey: port.description) }
        for port in network.ports {
            let key = "\(port.port)/\(port.transport)"
            let binding = PortBinding(hostIP: port.hostAddress.description, hostPort: "\(port.hostPort)")
            map[key] = ((map[key] ?? nil) ?? []) + [binding]
        }
        return map
    }

    var portSummaries: [PortSummary] {
        guard state.isUp else { return [] }
        let published = network.ports.map {
            PortSummary(
                ip: $0.hostAddress.description, privatePort: $0.port, publicPort: $0.hostPort,
                type: $0.transport.description)
        }
        let bound = Set(published.map { "\($0.privatePort)/\($0.type)" })
        let exposed = exposed.filter { !bound.contains($0.description) }
            .map { PortSummary(privatePort: $0.number, type: $0.transport.description) }
        return (published + exposed).sorted {
            ($0.privatePort, $0.type, $0.ip ?? "", $0.publicPort ?? 0)
                < ($1.privatePort, $1.type, $1.ip ?? "", $1.publicPort ?? 0)
        }
    }

    private var exposed: [ExposedPort] {
        ((try? NetworkPlan.exposed(record.config, record.hostConfig)) ?? []).sorted()
    }
}

extension EndpointSettings {
    /// What a container wants of a network, and what it has there while it runs.
    init(_ wish: NetworkWish, _ endpoint: Endpoint?, id: String, name: String) {
        self.init()
        if wish.v4 != nil || wish.v6 != nil {
            ipamConfig = EndpointIPAMConfig(ipv4Address: wish.v4?.description, ipv6Address: wish.v6?.description)
        }
        aliases = wish.aliases.isEmpty ? nil : wish.aliases
        macAddress = (endpoint?.mac ?? wish.mac)?.description ?? ""
        networkID = endpoint?.network ?? wish.network
        if wish.name != NetworkPlan.defaultNetwork {
            dnsNames = [name] + wish.aliases.filter { $0 != name } + [String(id.prefix(12))]
        }
        guard let endpoint else { return }
        endpointID = endpoint.id
        gateway = endpoint.gateway?.description ?? ""
        ipAddress = endpoint.v4?.description ?? ""
        ipPrefixLength = endpoint.v4 == nil ? 0 : endpoint.v4Prefix
        ipv6Gateway = endpoint.gateway6?.description ?? ""
        globalIPv6Address = endpoint.v6?.description ?? ""
        globalIPv6PrefixLength = endpoint.v6 == nil ? 0 : endpoint.v6Prefix
    }
}
