import Basics
import Database
import Glibc
import Kernel
import Netlink
import Synchronization
import Supervision

/// What the kernel must have, made again from what the database has.
extension Networking {
    /// Rebuilds the table in one transaction. `new`: a network that is not in the list yet.
    func rebuild(_ rules: inout Rules, with new: StoredNetwork? = nil) throws {
        let ports = try database.read { try PortRows.all($0) }
        let all = networks().filter { $0.id != new?.id } + (new.map { [$0] } ?? [])
        if try !filter.commit(rules.ruleset.rebuild(all, ports), unless: { _ in true }) {
            try filter.commit(rules.ruleset.rebuild(all, ports, replacing: true))
        }
    }

    /// Lets the host route for the networks. Returns whether the chains changed by that.
    func enableForwarding(_ networks: [StoredNetwork], _ rules: inout Rules) throws -> Bool {
        let before = rules.ruleset.guardsForwarding
        if networks.contains(where: { $0.v6 != nil }) { _ = try Sysctl.enableForwarding(.v6) }
        guard networks.contains(where: { $0.v4 != nil }) else { return false }
        // The setting is forgotten when the host starts anew, and so is who made it.
        let boot = (try? Sys.readText("/proc/sys/kernel/random/boot_id")) ?? ""
        if try Sysctl.enableForwarding(.v4) {
            try database.transaction { try NetworkRows.set("forwarding_since_boot", boot, $0) }
        }
        let isOurs = try database.read { try NetworkRows.setting("forwarding_since_boot", $0) } == boot
        let guards = options.guardsForwarding && isOurs
        rules.ruleset = Ruleset(table: options.tableName, guardsForwarding: guards)
        return guards != before
    }

    /// Makes the kernel have what the database says, and the database what the containers are: what a crash left
    /// half-done goes away. As often as need be with the same result.
    ///
    /// `running`: the containers that run, with the process whose network namespace is theirs.
    ///
    /// `isStart`: nothing is being prepared or attached yet, so interfaces of ours that no endpoint has are deleted.
    func reconcile(running: [String: Int32], isStart: Bool) throws {
        let stale = state.withLock { state in state.endpoints.values.filter { running[$0.container] == nil } }
        let ports = try database.read { try PortRows.all($0) }
        for container in Set(stale.map(\.container) + ports.map(\.container)) where running[container] == nil {
            try release(container: container)
        }
        try rules.withLock { rules in
            let bridged = networks().filter { $0.driver == .bridge }
            for network in bridged {
                // One network that cannot be set up must not keep the others from working.
                do { try bridges.ensure(network) } catch { log.error("network \(network.name): \(error)") }
            }
            _ = try enableForwarding(bridged, &rules)
            try rebuild(&rules)
        }
        try reattach(running: running, deletingOrphans: isStart)
        for port in try database.read({ try PortRows.all($0) }) {
            // The container runs, and its port works whoever else has it.
            do { try holder.hold(port.transport, port.hostAddress, port.hostPort) } catch {
                log.warn("container \(port.containerName): \(error)")
            }
        }
        sweeper.sweep()
        for network in networks() where network.hasNames { writeNames(network.id) }
    }

    /// Puts the host's ends of the endpoints back on their bridges, makes those anew that are missing, and deletes
    /// those that belong to nobody.
    private func reattach(running: [String: Int32], deletingOrphans: Bool) throws {
        let links = try route.links()
        let byName = Dictionary(links.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let endpoints = state.withLock { Array($0.endpoints.values) }
        for endpoint in endpoints {
            guard let network = state.withLock({ $0.networks[endpoint.network] }), let bridge = byName[network.bridge]
            else { continue }
            do {
                if let link = byName[endpoint.hostLink] {
                    if link.master != bridge.index || !link.isUp {
                        try route.perform(Bridge.join(link.index, bridge.index, network))
                    }
                } else if let pid = running[endpoint.container] {
                    log.warn(
                        "container \(endpoint.containerName): its interface in \(network.name) is gone, making it anew")
                    try plug(endpoint, network, namespace: try Self.namespace(ofProcess: pid))
                }
            } catch {
                log.error("container \(endpoint.containerName): interface in network \(network.name): \(error)")
            }
        }
        guard deletingOrphans else { return }
        let known = Set(endpoints.map(\.hostLink))
        let orphans = links.map(\.name).filter { $0.hasPrefix(options.linkPrefix) && !known.contains($0) }
        reaper.delete(orphans)
    }

    /// Something of ours is gone that nobody asked us to remove.
    func repair(_ losses: [ChangeWatcher.Change]) throws {
        let bridged = networks().filter { $0.driver == .bridge }
        let names = Set(bridged.map(\.bridge))
        let lostBridge = losses.contains {
            if case .link(let name) = $0 { names.contains(name) } else { $0 == .unknown }
        }
        guard lostBridge || losses.contains(.rules) || losses.contains(.unknown) else { return }
        log.warn("rules or bridges of the networks were changed by somebody else: making them anew")
        try rules.withLock { rules in
            if lostBridge { for network in bridged { try bridges.ensure(network) } }
            try rebuild(&rules)
        }
        try forgetUntranslated()
        if lostBridge { try rejoin() }
    }

    /// Connections to published ports that began while there were no rules: the kernel looks at the rules for the first
    /// packet of a connection, and would go on sending the others to the host itself.
    private func forgetUntranslated() throws {
        let ports = try database.read { try PortRows.all($0) }
        let keys = Set(ports.map { UInt32($0.transport.rawValue) << 16 | UInt32($0.hostPort) })
        guard !keys.isEmpty else { return }
        for family in IPAddress.Family.allCases {
            let lost = try filter.connections(family).filter {
                keys.contains(UInt32($0.original.transport) << 16 | UInt32($0.original.destinationPort))
                    && $0.original.destination == $0.reply.source
            }
            try filter.delete(lost)
        }
    }

    /// As `reattach`, while pool and endpoints are in use: nothing is deleted.
    private func rejoin() throws {
        let byName = Dictionary(try route.links().map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let (networks, endpoints) = state.withLock { ($0.networks, Array($0.endpoints.values)) }
        let requests = endpoints.flatMap { endpoint -> [NetlinkRequest] in
            guard let link = byName[endpoint.hostLink], let network = networks[endpoint.network],
                let bridge = byName[network.bridge], link.master != bridge.index
            else { return [] }
            return Bridge.join(link.index, bridge.index, network)
        }
        try route.perform(requests, unless: \.isMissing)
    }

    // MARK: - Names

    /// The file that the name servers of a network's containers read.
    func writeNames(_ id: String) {
        names.withLock { _ in
            guard let network = state.withLock({ $0.networks[id] }), network.hasNames else { return }
            var table = NameTable()
            for endpoint in endpoints(of: network) {
                for name in endpoint.names {
                    table.add(name, endpoint.addresses)
                    table.add("\(name).\(network.name)", endpoint.addresses)
                }
                for address in endpoint.addresses {
                    table.setHost(address, "\(endpoint.containerName).\(network.name)")
                }
            }
            let path = NameTable.path(runDirectory: options.runDirectory, network: id)
            do {
                do { try table.write(path) } catch let error as SyscallError where error.isNotFound {
                    try Sys.makeDirectories("\(options.runDirectory)/networks/\(id)", mode: 0o700)
                    try table.write(path)
                }
            } catch {
                log.error("names of network \(network.name): \(error)")
            }
        }
    }
}
