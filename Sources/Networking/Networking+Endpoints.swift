import Basics
import Database
import Glibc
package import Kernel
import Netlink
import Synchronization

/// Containers come to networks and leave them.
extension Networking {
    /// Gives a container that is about to start a network namespace, a place in each network, and its ports.
    /// All of it, or nothing when it throws.
    ///
    /// The default route goes by the first network that leads out; ports are published there.
    package func attach(_ container: ContainerIdentity, _ requests: [EndpointRequest], ports: [PortRequest] = []) throws
        -> NetworkAttachment
    {
        guard let first = requests.first else {
            throw NetworkingError.invalid("container \(container.name) is to be in no network")
        }
        guard endpoints(ofContainer: container.id).isEmpty else {
            throw NetworkingError.conflict("container \(container.name) is attached already")
        }
        let networks = try requests.map { try bridged($0.network) }
        guard Set(networks.map(\.id)).count == networks.count else {
            throw NetworkingError.invalid("container \(container.name) is to be in one network twice: \(first.network)")
        }
        let prepared = try namespaces.take()
        var cleanup = CleanupStack()
        cleanup.add { self.reaper.add(links: [prepared.hostLink], addresses: []) }
        let gateway = networks.firstIndex { !$0.isInternal }
        let endpoints = try database.transaction { db in
            var endpoints: [Endpoint] = []
            for (index, network) in networks.enumerated() {
                endpoints.append(
                    try self.makeEndpoint(
                        container, requests[index], network, interface: "eth\(index)",
                        link: index == 0 ? prepared.hostLink : self.options.newLinkName(), isGateway: index == gateway,
                        db))
            }
            return endpoints
        }
        state.withLock { for endpoint in endpoints { $0.endpoints[endpoint.id] = endpoint } }
        cleanup.add { self.undo(container) }
        for (index, endpoint) in endpoints.enumerated() {
            let network = networks[index]
            if index == 0 {
                try plug(endpoint, network, prepared)
            } else {
                try plug(endpoint, network, namespace: prepared.namespace)
            }
        }
        var published: [PublishedPort] = []
        if let gateway { published = try publish(ports, container, endpoints[gateway], networks[gateway]) }
        for network in networks { writeNames(network.id) }
        cleanup.disarm()
        return NetworkAttachment(namespace: prepared.namespace, endpoints: endpoints, ports: published)
    }

    private func undo(_ container: ContainerIdentity) {
        do { try release(container: container.id) } catch {
            log.error("container \(container.name): taking its network back: \(error)")
        }
    }

    /// Takes a running container into one more network. `namespace`: open on its network namespace.
    /// `ports`: published when this is the first network that leads out.
    package func connect(
        _ container: ContainerIdentity, _ request: EndpointRequest, namespace: SharedDescriptor,
        ports: [PortRequest] = []
    ) throws -> Endpoint {
        let network = try bridged(request.network)
        let present = endpoints(ofContainer: container.id)
        if present.contains(where: { $0.network == network.id }) {
            throw NetworkingError.forbidden(
                "endpoint with name \(container.name) already exists in network \(network.name)")
        }
        let used = Set(present.map(\.interface))
        let interface = (0...present.count).map { "eth\($0)" }.first { !used.contains($0) } ?? "eth\(present.count)"
        let isGateway = !network.isInternal && !present.contains(where: \.isGateway)
        let endpoint = try database.transaction { db in
            try self.makeEndpoint(
                container, request, network, interface: interface, link: self.options.newLinkName(),
                isGateway: isGateway, db)
        }
        state.withLock { $0.endpoints[endpoint.id] = endpoint }
        do {
            try plug(endpoint, network, namespace: namespace)
            if isGateway { _ = try publish(ports, container, endpoint, network) }
        } catch {
            try? remove([endpoint])
            throw error
        }
        writeNames(network.id)
        return endpoint
    }

    /// Takes a running container out of a network. Its ports, if they were published there, and its default route
    /// move to another of its networks, if there is one that leads out.
    package func disconnect(_ container: ContainerIdentity, network key: String, namespace: SharedDescriptor) throws {
        let network = try bridged(key)
        var rest = endpoints(ofContainer: container.id)
        guard let index = rest.firstIndex(where: { $0.network == network.id }) else {
            throw NetworkingError.notFound("container \(container.name) is not connected to network \(network.name)")
        }
        let endpoint = rest.remove(at: index)
        let requests = endpoint.isGateway ? try ports(ofContainer: container.id).map(PortRequest.init(again:)) : []
        if endpoint.isGateway { try unpublish(container: container.id) }
        // Not off this path: the interface inside must be gone when this returns.
        reaper.delete([endpoint.hostLink])
        try remove([endpoint])
        writeNames(network.id)
        guard endpoint.isGateway else { return }
        for var next in rest {
            guard let network = state.withLock({ $0.networks[next.network] }), !network.isInternal else { continue }
            next.isGateway = true
            let chosen = next
            try database.transaction { try EndpointRows.update(chosen, $0) }
            state.withLock { $0.endpoints[chosen.id] = chosen }
            let inside = try NetlinkSocket.open(.route, inNamespace: namespace.raw)
            if let link = try inside.link(chosen.interface) {
                try inside.perform(Self.defaultRoutes(chosen, link.index))
            }
            _ = try publish(Array(Set(requests)), container, chosen, network)
            return
        }
    }

    /// Takes back everything a container has: for one that ended. Fine when it has nothing.
    package func release(container id: String) throws {
        try unpublish(container: id)
        let endpoints = endpoints(ofContainer: id)
        guard !endpoints.isEmpty else { return }
        try remove(endpoints)
        for network in Set(endpoints.map(\.network)) { writeNames(network) }
    }

    /// Rows and interfaces; the addresses wait until the kernel has forgotten them.
    private func remove(_ endpoints: [Endpoint]) throws {
        try database.transaction { db in
            for endpoint in endpoints {
                try EndpointRows.delete(endpoint.id, db)
                try self.addresses.release(endpoint: endpoint.id, db)
            }
        }
        state.withLock { for endpoint in endpoints { $0.endpoints[endpoint.id] = nil } }
        reaper.add(links: endpoints.map(\.hostLink), addresses: endpoints.flatMap(\.addresses))
    }

    package func rename(container id: String, to name: String) throws {
        var endpoints = endpoints(ofContainer: id)
        for index in endpoints.indices { endpoints[index].containerName = name }
        let renamed = endpoints
        try database.transaction { db in
            for endpoint in renamed { try EndpointRows.update(endpoint, db) }
            try PortRows.rename(container: id, to: name, db)
        }
        state.withLock { for endpoint in renamed { $0.endpoints[endpoint.id] = endpoint } }
        for endpoint in renamed { writeNames(endpoint.network) }
    }

    // MARK: - Making

    private func bridged(_ key: String) throws(NetworkingError) -> StoredNetwork {
        let network = try network(key)
        guard network.driver == .bridge else {
            throw .forbidden("containers have no endpoint in the network \(network.name): it cannot be one of several")
        }
        return network
    }

    private func makeEndpoint(
        _ container: ContainerIdentity, _ request: EndpointRequest, _ network: StoredNetwork, interface: String,
        link: String, isGateway: Bool, _ db: Connection
    ) throws -> Endpoint {
        if request.v6 != nil, network.v6 == nil {
            throw NetworkingError.invalid("network \(network.name) has no addresses of IPv6")
        }
        if request.v4 != nil, network.v4 == nil {
            throw NetworkingError.invalid("network \(network.name) has no addresses of IPv4")
        }
        let id = Identifier().hex
        func address(_ family: IPAddress.Family, _ asked: IPAddress?) throws -> IPAddress? {
            guard network.pool(family) != nil else { return nil }
            return try addresses.allocate(family, of: network, endpoint: id, link: link, asked: asked, db)
        }
        let v4 = try address(.v4, request.v4)
        let v6 = try address(.v6, request.v6)
        guard let main = v4 ?? v6 else { throw NetworkingError.failed("network \(network.name) has no addresses") }
        let endpoint = Endpoint(
            id: id, network: network.id, networkName: network.name, container: container.id,
            containerName: container.name,
            interface: interface, hostLink: link, v4: v4, v4Prefix: network.v4?.subnet.prefix ?? 0, v6: v6,
            v6Prefix: network.v6?.subnet.prefix ?? 0, mac: request.mac ?? MACAddress(for: main),
            gateway: network.isInternal ? nil : network.v4?.gateway,
            gateway6: network.isInternal ? nil : network.v6?.gateway,
            isGateway: isGateway, aliases: request.aliases)
        try EndpointRows.insert(endpoint, db)
        return endpoint
    }

    // MARK: - Plugging in

    /// With the pair of interfaces that a prepared namespace has.
    private func plug(_ endpoint: Endpoint, _ network: StoredNetwork, _ prepared: PreparedNamespace) throws {
        try onBridge(network) { bridge in
            try self.route.perform(
                Bridge.join(
                    prepared.hostIndex, bridge, network, mtu: network.mtu == self.options.mtu ? nil : network.mtu))
        }
        try Self.configure(
            endpoint, prepared.interface, prepared.inside, prepared.namespace,
            mtu: network.mtu == options.mtu ? nil : network.mtu)
    }

    /// With a new pair of interfaces.
    func plug(_ endpoint: Endpoint, _ network: StoredNetwork, namespace: SharedDescriptor) throws {
        try onBridge(network) { bridge in
            try self.route.perform(
                .createPair(
                    endpoint.hostLink, LinkChange(mtu: network.mtu), peerName: endpoint.interface,
                    peer: LinkChange(mtu: network.mtu), namespace: namespace.raw))
            guard let host = try self.route.link(endpoint.hostLink) else {
                throw NetworkingError.failed("the interface \(endpoint.hostLink) disappeared while it was set up")
            }
            try self.route.perform(Bridge.join(host.index, bridge, network))
        }
        let inside = try NetlinkSocket.open(.route, inNamespace: namespace.raw)
        guard let link = try inside.link(endpoint.interface) else {
            throw NetworkingError.failed("the interface \(endpoint.interface) disappeared while it was set up")
        }
        try Self.configure(endpoint, link.index, inside, namespace, mtu: nil)
        try route.awaitRunning(endpoint.hostLink)
        try inside.awaitRunning(endpoint.interface)
    }

    /// Makes the bridge anew when somebody deleted it and it has not been repaired yet.
    private func onBridge(_ network: StoredNetwork, _ body: (Int32) throws -> Void) throws {
        let link = try route.link(network.bridge)
        let index = try link?.index ?? bridges.ensure(network).index
        try body(index)
        // Its first port brings it to life. That is soon, and a program takes a while to start.
        if link?.isRunning != true { try route.awaitRunning(network.bridge, milliseconds: 5) }
    }

    private static func configure(
        _ endpoint: Endpoint, _ link: Int32, _ inside: NetlinkSocket, _ namespace: SharedDescriptor, mtu: UInt32?
    ) throws {
        if endpoint.v6 != nil {
            // Namespaces are prepared without IPv6, and most stay so.
            try NamespaceThread.run {
                try Namespaces.enter(namespace.raw, .network)
                try Sysctl.set("ipv6/conf/\(endpoint.interface)/accept_ra", "0")
                try Sysctl.set("ipv6/conf/\(endpoint.interface)/disable_ipv6", "0")
            }
        }
        // The addresses come before it is up: going up tells the neighbours of them.
        var requests: [NetlinkRequest] = [.change(link: link, LinkChange(mtu: mtu, hardwareAddress: endpoint.mac))]
        if let v4 = endpoint.v4 {
            requests.append(.add(InterfaceAddress(link: link, address: v4, prefix: endpoint.v4Prefix)))
        }
        if let v6 = endpoint.v6 {
            requests.append(.add(InterfaceAddress(link: link, address: v6, prefix: endpoint.v6Prefix)))
        }
        requests.append(.change(link: link, LinkChange(isUp: true)))
        if endpoint.isGateway { requests += defaultRoutes(endpoint, link) }
        try inside.perform(requests)
    }

    private static func defaultRoutes(_ endpoint: Endpoint, _ link: Int32) -> [NetlinkRequest] {
        [endpoint.gateway, endpoint.gateway6].compactMap { gateway in
            gateway.flatMap { Route.standard(via: $0, link: link) }.map { .add($0, replace: true) }
        }
    }

    static func namespace(ofProcess pid: Int32) throws -> SharedDescriptor {
        SharedDescriptor(try Sys.open("/proc/\(pid)/ns/net", O_RDONLY))
    }
}
