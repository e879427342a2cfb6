package import Basics
package import Database
import Glibc
import Kernel
import Netlink
import Synchronization

/// The networks of a daemon: what there is, who is in it, and what the kernel is told about it.
///
/// All calls block and may come from any thread of the network namespace in which it was made. The database is
/// the truth; `state` is a copy of it. What the kernel has can be made again from it at any time (`reconcile`).
package final class Networking: Sendable {
    package let options: NetworkingOptions
    let database: Database
    let log: Logger
    /// Sockets of the host's namespace.
    let route: NetlinkSocket
    let filter: NetlinkSocket
    let bridges: Bridge
    let addresses: AddressPool
    let namespaces: NamespacePool
    let sweeper: AddressSweeper
    let reaper: LinkReaper
    let holder: PortHolder
    private let watcher: ChangeWatcher

    struct State: Sendable {
        var networks: [String: StoredNetwork] = [:]
        var endpoints: [String: Endpoint] = [:]
    }
    /// A few words at a time.
    let state = Mutex(State())

    struct Rules: Sendable {
        var ruleset: Ruleset
        /// The last port that was chosen.
        var lastPort: UInt16 = 0
        /// Ports of the host that lead elsewhere than into a container.
        var held: [HeldPort] = []
    }
    /// Held while networks or published ports change, in the database and in the kernel: the rules are rebuilt from
    /// the database, which must not be ahead of them or behind. Netlink calls do not wait.
    let rules: Mutex<Rules>
    /// Held while a file of names is written, so that the last one written is the last one made.
    let names = Mutex<Void>(())

    private let claim = Mutex<SharedDescriptor?>(nil)

    /// Reads the database. The kernel is not touched before `start`.
    package init(_ options: NetworkingOptions, database: Database, log: Logger) throws {
        guard Link.isName(options.bridgeName) else {
            throw NetworkingError.invalid(
                "\"\(options.bridgeName)\" is no name for a bridge: it has at most 15 characters")
        }
        self.options = options
        self.database = database
        self.log = log
        let route = try NetlinkSocket(.route)
        let filter = try NetlinkSocket(.netfilter)
        self.route = route
        self.filter = filter
        bridges = Bridge(route: route)
        addresses = AddressPool { address, link in
            try route.link(link) == nil && filter.connections(of: address).isEmpty
        }
        // Both have sockets of their own: nobody shall wait for them.
        namespaces = NamespacePool(route: try NetlinkSocket(.route), options: options, log: log)
        let sweeper = AddressSweeper(
            addresses, database, route: try NetlinkSocket(.route), filter: try NetlinkSocket(.netfilter), log)
        self.sweeper = sweeper
        reaper = LinkReaper(
            route: try NetlinkSocket(.route), filter: try NetlinkSocket(.netfilter), group: options.deletionGroup,
            log: log, afterwards: { sweeper.released($0) })
        holder = PortHolder(keeps: options.holdsPublishedPorts)
        watcher = try ChangeWatcher(table: options.tableName, ownPort: filter.port, links: true)
        rules = Mutex(Rules(ruleset: Ruleset(table: options.tableName, guardsForwarding: false)))
        try NetworkRows.prepare(database)
        let (networks, endpoints) = try database.read { db in
            (try NetworkRows.all(db, log), try EndpointRows.all(db, log))
        }
        state.withLock {
            for network in networks { $0.networks[network.id] = network }
            for endpoint in endpoints { $0.endpoints[endpoint.id] = endpoint }
        }
        try makePredefined()
    }

    /// Takes the bridge's name for this daemon. Two that used the same would undo each other's rules.
    package func claimBridge() throws {
        do throws(SyscallError) {
            let name = SharedDescriptor(try Sys.holdName("box-bridge/\(options.bridgeName)"))
            claim.withLock { $0 = name }
        } catch {
            guard error.errno == EADDRINUSE else { throw error }
            throw NetworkingError.conflict(
                "the bridge \"\(options.bridgeName)\" is in use by another boxd: give this one another with --bridge")
        }
    }

    /// Brings the kernel in line with the database, and begins to prepare and to watch.
    ///
    /// `running`: the containers that run, with the process whose network namespace is theirs.
    package func start(running: [String: Int32]) throws {
        try reconcile(running: running, isStart: true)
        try reaper.start()
        try namespaces.start()
        try watcher.start(name: "box-network", log: log) { [weak self] changes in
            try self?.repair(changes)
            return true
        }
    }

    /// Ends the threads. Containers keep their network; sockets on published ports are closed.
    package func close() {
        watcher.close()
        let unused = namespaces.close()
        reaper.close()
        // The namespaces end with their descriptors, some time later; this is at once.
        reaper.delete(unused)
        namespaces.drop()
        holder.releaseAll()
    }

    /// Removes bridges and rules. For the day when the daemon goes for good.
    package func tearDown() throws {
        close()
        try rules.withLock { try filter.commit($0.ruleset.remove()) }
        for network in networks() where network.driver == .bridge { try bridges.remove(network) }
    }

    // MARK: - Reading

    /// By name.
    package func networks() -> [StoredNetwork] {
        state.withLock { $0.networks.values.sorted { $0.name < $1.name } }
    }

    /// By name, by identifier, or by the beginning of an identifier that only one has.
    package func network(_ key: String) throws(NetworkingError) -> StoredNetwork {
        let all = networks()
        if let found = all.first(where: { $0.name == key }) ?? all.first(where: { $0.id == key }) { return found }
        let matches = key.isEmpty ? [] : all.filter { $0.id.hasPrefix(key) }
        guard let found = matches.first else { throw .notFound("network \(key) not found") }
        guard matches.count == 1 else {
            throw .invalid("network \(key) is ambiguous (\(matches.count) matches found based on ID prefix)")
        }
        return found
    }

    /// By the containers' names.
    package func endpoints(of network: StoredNetwork) -> [Endpoint] {
        state.withLock { state in
            state.endpoints.values.filter { $0.network == network.id }.sorted { $0.containerName < $1.containerName }
        }
    }

    /// By interface: `eth0` first.
    package func endpoints(ofContainer id: String) -> [Endpoint] {
        state.withLock { state in
            state.endpoints.values.filter { $0.container == id }
                .sorted { ($0.interface.utf8.count, $0.interface) < ($1.interface.utf8.count, $1.interface) }
        }
    }

    package func ports(ofContainer id: String) throws -> [PublishedPort] {
        try database.read { try PortRows.ofContainer(id, $0) }
    }

    /// The host as containers of the default network see it: `host-gateway`. nil when there is no default network.
    package var hostGateway: IPAddress? {
        state.withLock { state in state.networks.values.first { $0.name == "bridge" }?.v4?.gateway }
    }

    /// Whether a container has a place in a network.
    package var isUsed: Bool { state.withLock { !$0.endpoints.isEmpty } }

    /// Namespaces that are ready to be taken; for measurements and tests.
    package var preparedNamespaces: Int { namespaces.count }

    /// Waits until what was released is gone from the kernel; for tests and shutdown.
    package func drain() { reaper.drain() }
}
