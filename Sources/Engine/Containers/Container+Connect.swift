import Basics
import Glibc
import Kernel
import Networking
import Reactor
import Storage
import Supervision

/// A container comes to a network or leaves it, whether it runs or not. Inside the gate.
extension Container {
    func connect(_ found: StoredNetwork, _ wish: NetworkWish) async throws {
        try checkCanChange(found)
        guard !(record.networks ?? []).contains(where: { $0.network == found.id || $0.name == found.name }) else {
            throw NetworkingError.forbidden(
                "endpoint with name \(record.name) already exists in network \(found.name)")
        }
        if found.isPredefined, !wish.aliases.isEmpty {
            throw EngineError(.invalid, "network-scoped aliases are only supported for user-defined networks")
        }
        if state.isUp {
            let request = EndpointRequest(
                network: found.id, v4: wish.v4, v6: wish.v6, mac: wish.mac, aliases: wish.aliases)
            let ports = try NetworkPlan.published(record.config, record.hostConfig)
            try await changeNetworks { networking, identity, namespace in
                _ = try networking.connect(identity, request, namespace: namespace, ports: ports)
            }
        }
        try remember((record.networks ?? []) + [wish])
        if let endpoint = network.endpoints.first(where: { $0.network == found.id }) {
            engine.publish("connect", endpoint)
        }
    }

    func disconnect(_ found: StoredNetwork) async throws {
        try checkCanChange(found)
        let wishes = record.networks ?? []
        guard wishes.contains(where: { $0.network == found.id || $0.name == found.name }) else {
            throw NetworkingError.notFound("container \(record.name) is not connected to network \(found.name)")
        }
        let endpoint = network.endpoints.first { $0.network == found.id }
        if state.isUp, endpoint != nil {
            try await changeNetworks { networking, identity, namespace in
                try networking.disconnect(identity, network: found.id, namespace: namespace)
            }
        }
        try remember(wishes.filter { $0.network != found.id && $0.name != found.name })
        if let endpoint { engine.publish("disconnect", endpoint) }
    }

    private func checkCanChange(_ network: StoredNetwork) throws {
        if state.status == .removing || state.status == .dead {
            throw EngineError(
                .conflict, "container \(record.name) is marked for removal and cannot be connected or disconnected")
        }
        switch try NamespaceModes(record.hostConfig).network {
        case .network: break
        case .none:
            throw EngineError(
                .forbidden,
                "container cannot be connected to multiple networks with one of the networks in private (none) mode")
        case .host, .container:
            throw EngineError(
                .forbidden,
                "container sharing network namespace with another container or host cannot be connected to any other "
                    + "network")
        }
        guard network.driver == .bridge else {
            throw EngineError(
                .forbidden, "container cannot be connected to the network \(network.name), nor disconnected from it")
        }
    }

    /// Changes the networks of a container that runs, and tells it: in its files, and its name server.
    private func changeNetworks(
        _ body: @escaping @Sendable (Networking, ContainerIdentity, SharedDescriptor) throws -> Void
    ) async throws {
        let before = network.endpoints
        let (engine, identity, path) = (
            engine, ContainerIdentity(id: id, name: record.name), "/proc/\(state.pid)/ns/net"
        )
        let namespace = SharedDescriptor(try Sys.open(path, O_RDONLY))
        // The process that had this number was still ours when its namespace was opened.
        guard let pidfd, try Processes.signal(pidfd.descriptor, 0) else { throw EngineError.notRunning(id) }
        try await engine.pool.run { try body(engine.networking, identity, namespace) }
        await findNetworks()
        // It may have ended meanwhile, and given its networks back before this came.
        guard state.isUp, !isEnding else {
            await engine.releaseNetworks(id)
            throw EngineError.notRunning(id)
        }
        let (record, after) = (record, network.endpoints)
        do {
            try await engine.pool.run { try engine.rewriteFiles(record, from: before, to: after) }
            if engine.usesNameServer(record, after) { try await link?.startResolver(runFiles.resolver) }
        } catch {
            logger.warn("it is on other networks now, and was not told: \(error)")
        }
    }

    private func remember(_ networks: [NetworkWish]) throws {
        var changed = record
        changed.networks = networks
        try engine.table.update(id: id, record: changed.encoded())
        record = changed
    }
}

extension Engine {
    /// Makes the files of a running container fit the networks that it is on now. What its own programs made of them
    /// stays: lines are added and taken away, and resolv.conf is left alone when it is no longer ours. The files keep their
    /// inodes, which the container has mounted. Blocks.
    func rewriteFiles(_ record: ContainerRecord, from before: [Endpoint], to after: [Endpoint]) throws {
        try writeResolver(record, after)
        let paths = hostFiles(record)
        let (old, new) = (try files(record, before), try files(record, after))
        if let path = paths.hosts {
            let lost = Set(lines(old.hosts)).subtracting(lines(new.hosts))
            let gained = lines(new.hosts).filter { !lines(old.hosts).contains($0) }
            let kept = lines(try Sys.readText(path)).filter { !lost.contains($0) }
            try Sys.writeFile(path, (kept + gained).map { $0 + "\n" }.joined().utf8)
        }
        if let path = paths.resolver, old.resolver != new.resolver, try Sys.readText(path) == old.resolver {
            try Sys.writeFile(path, new.resolver.utf8)
        }
    }

    private func lines(_ text: String) -> [Substring] { text.split(separator: "\n") }
}
