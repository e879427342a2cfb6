package import APIModel
import Basics
package import Networking
import Reactor
package import Storage

/// `network create ls inspect rm prune`.
extension Engine {
    package func createNetwork(_ request: NetworkCreateRequest) async throws -> NetworkCreateResponse {
        let spec = try NetworkSpec(request)
        let network = try await pool.run { [networking] in try networking.create(spec) }
        publish("create", network)
        return NetworkCreateResponse(id: network.id)
    }

    package func listNetworks(_ filters: Filters) throws -> [Network] {
        try networking.list(filters.values).map { Network($0) }
    }

    /// By name, identifier, or the beginning of an identifier.
    package func network(_ key: String) throws -> Network {
        let found = try networking.network(key)
        var network = Network(found)
        for endpoint in networking.endpoints(of: found) {
            network.containers[endpoint.container] = NetworkContainer(endpoint)
        }
        return network
    }

    package func removeNetwork(_ key: String) async throws {
        let network = try networking.network(key)
        try await pool.run { [networking] in try networking.remove(network.id) }
        publish("destroy", network)
    }

    /// Removes the networks that no container wants, running or not.
    package func pruneNetworks(_ filters: Filters) async throws -> NetworksPruneResponse {
        var rest = filters.values
        let before = try rest.removeValue(forKey: "until")?.last.map { try Self.moment($0).nanosecondsSince1970 }
        var wanted: Set<String> = []
        for container in registry.all {
            for wish in await container.record.networks ?? [] {
                if let network = try? network(wish) { wanted.insert(network.id) }
            }
        }
        let known = Dictionary(networking.networks().map { ($0.name, $0) }) { $1 }
        let removed = try await pool.run { [networking, rest, wanted] in
            try networking.prune(rest, inUse: wanted, before: before)
        }
        for name in removed { if let network = known[name] { publish("destroy", network) } }
        events.publish(.network, "prune", "", ["reclaimed": "0"])
        return NetworksPruneResponse(networksDeleted: removed)
    }

    /// Takes a container to a network, at once if it runs, and whenever it will.
    package func connect(_ key: String, _ request: NetworkConnectRequest) async throws {
        let network = try networking.network(key)
        let container = try container(request.container)
        var wish = try NetworkPlan.wish(network.name, request.endpointConfig ?? EndpointSettings())
        wish.network = network.id
        try await container.gate.run { [wish] in try await container.connect(network, wish) }
    }

    /// - Parameter force: Docker's, for containers that are gone and endpoints that stayed; there are none here.
    package func disconnect(_ key: String, _ request: NetworkDisconnectRequest) async throws {
        let network = try networking.network(key)
        let container = try container(request.container)
        try await container.gate.run { try await container.disconnect(network) }
    }

    private func publish(_ action: String, _ network: StoredNetwork) {
        events.publish(.network, action, network.id, ["name": network.name, "type": network.driver.rawValue])
    }

    // MARK: - For a new container

    /// The networks that a new container asks for, looked up; nil when it has none by its mode.
    func networks(of request: ContainerCreateRequest, _ modes: NamespaceModes) throws -> [NetworkWish]? {
        let wishes = try NetworkPlan.wishes(request, modes)
        guard case .network = modes.network else { return nil }
        var found: [NetworkWish] = []
        for var wish in wishes {
            let network = try networking.network(wish.network)
            guard network.driver == .bridge else {
                throw EngineError(
                    .invalid, "containers have no place in the network \(network.name) beside others: it is alone")
            }
            guard !found.contains(where: { $0.network == network.id }) else {
                throw EngineError(.invalid, "the network \(network.name) is named twice")
            }
            if network.isPredefined, !wish.aliases.isEmpty {
                throw EngineError(.invalid, "network-scoped aliases are only supported for user-defined networks")
            }
            wish.network = network.id
            wish.name = network.name
            found.append(wish)
        }
        return found
    }

    /// What of a request will have no effect, as Docker has it.
    func warnings(_ record: ContainerRecord, _ modes: NamespaceModes) throws -> [String] {
        guard try !NetworkPlan.published(record.config, record.hostConfig).isEmpty else { return [] }
        switch modes.network {
        case .host: return ["Published ports are discarded when using host network mode"]
        case .none: return ["Published ports are discarded: the container has no network"]
        case .container: return []
        case .network:
            let networks = (record.networks ?? []).compactMap { try? network($0) }
            let leadsOut = networks.contains { !$0.isInternal }
            return leadsOut ? [] : ["Published ports are discarded while all networks of the container are internal"]
        }
    }

    // MARK: - For who runs containers

    /// Where a running container is to be reached.
    package struct RunningPlace: Sendable {
        /// Of its first process.
        package let pid: Int32
        /// By interface, `eth0` first; empty with `--network none` and the like.
        package let endpoints: [Endpoint]
        package let ports: [PublishedPort]
    }

    /// By id, name, or the beginning of an id. Throws when it does not run.
    package func place(of text: String) async throws -> RunningPlace {
        let container = try container(text)
        let (state, network) = await (container.state, container.network)
        guard state.isUp else { throw EngineError.notRunning(container.id) }
        return RunningPlace(pid: state.pid, endpoints: network.endpoints, ports: network.ports)
    }

    /// For the end of the daemon. While a container has a place in a network, everything stays for it; otherwise the
    /// bridges and rules go, and come back with the daemon.
    package func close() async {
        await pool.run { [networking, spares, logger] in
            spares.close()
            do { if networking.isUsed { networking.close() } else { try networking.tearDown() } } catch {
                logger.warn("cannot take away the networks: \(error)")
            }
        }
    }
}

extension NetworkSpec {
    /// Throws for what Box does not have.
    init(_ request: NetworkCreateRequest) throws {
        func unsupported(_ flag: String, _ reason: String) -> SpecError { .unsupported(flag, reason) }
        if request.configOnly { throw unsupported("--config-only", "a network has its own configuration") }
        if let from = request.configFrom, !from.network.isEmpty {
            throw unsupported("--config-from", "a network has its own configuration")
        }
        if request.ingress { throw unsupported("--ingress", "there is no swarm") }
        guard ["", "local"].contains(request.scope) else {
            throw unsupported("--scope \(request.scope.quoted)", "networks are of this host")
        }
        let ipam = request.ipam ?? IPAM()
        guard ["", "default"].contains(ipam.driver) else {
            throw unsupported("--ipam-driver \(ipam.driver.quoted)", "the only one is default")
        }
        guard (ipam.options ?? [:]).isEmpty else { throw unsupported("--ipam-opt", "there are no such options") }
        self.init(
            name: request.name, driver: request.driver,
            pools: (ipam.config ?? []).map {
                Pool(
                    subnet: $0.subnet, range: $0.ipRange, gateway: $0.gateway,
                    auxiliary: $0.auxiliaryAddresses ?? [:])
            },
            enableIPv4: request.enableIPv4 ?? true, enableIPv6: request.enableIPv6 ?? false,
            isInternal: request.isInternal, isAttachable: request.attachable, options: request.options ?? [:],
            labels: request.labels ?? [:])
    }
}

extension Network {
    init(_ network: StoredNetwork) {
        self.init(
            name: network.name, id: network.id, created: network.created.description, driver: network.driver.rawValue,
            enableIPv4: network.v4 != nil || network.driver != .bridge, enableIPv6: network.v6 != nil,
            ipam: IPAM(
                config: network.pools.map { pool in
                    IPAMPool(
                        subnet: pool.subnet.description, ipRange: pool.range?.description,
                        gateway: pool.gateway.description,
                        auxiliaryAddresses: pool.auxiliary.isEmpty ? nil : pool.auxiliary.mapValues(\.description))
                }),
            isInternal: network.isInternal, attachable: network.isAttachable, options: network.options,
            labels: network.labels)
    }
}

extension NetworkContainer {
    init(_ endpoint: Endpoint) {
        self.init(
            name: endpoint.containerName, endpointID: endpoint.id, macAddress: endpoint.mac.description,
            ipv4Address: endpoint.v4.map { "\($0)/\(endpoint.v4Prefix)" } ?? "",
            ipv6Address: endpoint.v6.map { "\($0)/\(endpoint.v6Prefix)" } ?? "")
    }
}
