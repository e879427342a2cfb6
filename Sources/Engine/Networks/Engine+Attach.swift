import APIModel
import Basics
import Kernel
import Networking
import Reactor
import Supervision

/// Containers on their networks: when they start, while they run, and when they end. What takes no `async` here blocks.
extension Engine {
    /// A network namespace with a place in each of the container's networks, and its ports; nil when it has none.
    func attach(_ record: ContainerRecord) throws -> NetworkAttachment? {
        guard let wishes = record.networks, !wishes.isEmpty else { return nil }
        let ports = try NetworkPlan.published(record.config, record.hostConfig)
        try checkClaims(ports)
        return try networking.attach(
            ContainerIdentity(id: record.id, name: record.name), try wishes.map(request),
            ports: ports)
    }

    private func checkClaims(_ ports: [PortRequest]) throws(EngineError) {
        guard let claims else { return }
        for port in ports {
            guard let range = port.hostPorts, range.count == 1,
                let owner = claims.owner(ofPort: range.lowerBound, port.transport)
            else { continue }
            throw EngineError(
                .conflict,
                "port \(range.lowerBound)/\(port.transport) belongs to \(owner): publish another one, or deploy the "
                    + "service without it")
        }
    }

    /// What `Networking` is asked for. A network that was made anew has another identifier, and its old name.
    func request(_ wish: NetworkWish) throws -> EndpointRequest {
        EndpointRequest(
            network: try network(wish).id, v4: wish.v4, v6: wish.v6, mac: wish.mac, aliases: wish.aliases)
    }

    func network(_ wish: NetworkWish) throws -> StoredNetwork {
        try (try? networking.network(wish.network)) ?? networking.network(wish.name)
    }

    func release(_ container: String) {
        do { try networking.release(container: container) } catch {
            logger.error("container \(container.prefix(12)): cannot take back its networks: \(error)")
        }
    }

    /// Takes back what a container has of the networks; nothing when it has nothing.
    func releaseNetworks(_ container: String) async {
        await pool.run { [self] in release(container) }
    }

    /// Whether one of the networks has a name server.
    func hasNames(_ endpoints: [Endpoint]) -> Bool {
        endpoints.contains { (try? networking.network($0.network))?.hasNames ?? false }
    }

    /// Whether its programs ask the container's own name server: to find the others of a network, or because those of
    /// the host's can only be asked from the host.
    func usesNameServer(_ record: ContainerRecord, _ endpoints: [Endpoint]) -> Bool {
        guard !endpoints.isEmpty else { return false }
        return hasNames(endpoints)
            || (record.hostConfig.dns ?? []).isEmpty && HostFiles.needsHost(hostResolver: Self.hostResolver())
    }

    /// Tells the container's name server, if it has or needs one, where it looks and whom it asks.
    func writeResolver(_ record: ContainerRecord, _ endpoints: [Endpoint]) throws {
        let path = RunFiles(directory: options.containerRunDirectory(record.id)).resolver
        let networks = endpoints.compactMap { try? networking.network($0.network) }
        let named = networks.filter(\.hasNames)
        guard usesNameServer(record, endpoints) || Sys.exists(path) else { return }
        let upstreams = HostFiles.upstreams(record.hostConfig, hostResolver: Self.hostResolver())
        let file = ResolverFile(
            networks: named.map { NameTable.path(runDirectory: options.runDirectory, network: $0.id) },
            upstreams: upstreams.map { ResolverFile.Upstream($0) },
            isInternal: !networks.isEmpty && networks.allSatisfy(\.isInternal))
        try file.write(path)
    }

    /// The host's resolv.conf; where a name server of the host's own stands for others, theirs.
    static func hostResolver() -> String {
        let text = (try? Sys.readText("/etc/resolv.conf")) ?? ""
        let servers = text.split(separator: "\n").filter { $0.hasPrefix("nameserver") }
        guard servers.count == 1, servers[0].split(separator: " ").last == "127.0.0.53" else { return text }
        return (try? Sys.readText("/run/systemd/resolve/resolv.conf")) ?? text
    }

    func publish(_ action: String, _ endpoint: Endpoint) {
        events.publish(
            .network, action, endpoint.network,
            ["container": endpoint.container, "name": endpoint.networkName, "type": "bridge"])
    }
}

extension Container {
    /// Gives back what it has of the networks.
    func leaveNetworks() async {
        guard !(record.networks ?? []).isEmpty || !network.endpoints.isEmpty else { return }
        await engine.releaseNetworks(id)
    }

    /// Finds its place again, when the daemon starts or something of it has changed.
    func findNetworks() async {
        do {
            network = try await engine.pool.run { [engine, id] in
                Place(engine.networking.endpoints(ofContainer: id), try engine.networking.ports(ofContainer: id))
            }
        } catch {
            logger.error("cannot read its published ports: \(error)")
        }
    }
}
