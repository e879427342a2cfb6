package import Basics
package import Deployment
import Kernel
import Netlink
package import Networking
import Synchronization

/// Services by nftables, in the network namespace where it was made.
///
/// Destinations are rewritten for the first packet of a connection; the others follow it by what the kernel remembers
/// of the connection. So nothing flows through the daemon or depends on it, and a change meets new connections only.
/// That packets rewritten so may enter the containers' networks, and that answers to 127.0.0.1 and to neighbours come
/// back the same way, is in the table of `Networking`.
package final class NFTRouter: Router {
    let tables: RouterTables
    let filter: NetlinkSocket
    private let log: Logger
    private let ports: Networking?
    private let watcher: ChangeWatcher
    private let state = Mutex(State())

    /// What the kernel was told last. A service that is not here may be there all the same: from an earlier run.
    private struct State {
        var known: [String: Known] = [:]
        var report: (@Sendable (RouterEvent) -> Void)?
        var isDown = false
    }
    private struct Known {
        var route: ServiceRoute
        var rules: ServiceRules
        /// The kernel was seen to do something else.
        var isDoubtful = false
    }

    /// `table`: the router's own of the family `inet`, apart from that of the containers' networks. `ports`: keeps
    /// published ports from other programs and from containers; nil: nobody does.
    package init(table: String, ports: Networking?, log: Logger) throws {
        tables = RouterTables(table: table)
        filter = try NetlinkSocket(.netfilter)
        self.ports = ports
        self.log = log
        watcher = try ChangeWatcher(table: table, ownPort: filter.port)
    }

    package func limits(_ route: ServiceRoute) -> [String] { route.limits }

    // MARK: - Changes

    package func apply(_ route: ServiceRoute) throws {
        let limits = route.limits
        guard limits.isEmpty else { throw RouterError.unsupported(service: route.service, limits) }
        let isMoved = try state.withLock { state in
            let old = state.known[route.service]?.route.ports ?? []
            let isMoved = state.known[route.service]?.route.ports != route.ports
            if isMoved { try hold(route, instead: old, state) }
            var rules = ServiceRules(route)
            do { try tell(&rules, &state) } catch {
                if isMoved { restore(old, from: route.ports, route.service) }
                throw error
            }
            state.known[route.service] = Known(route: route, rules: rules)
            return isMoved
        }
        // A flow that began before its port led anywhere would never look at the map again.
        if isMoved { try forgetUntranslated(route.ports) }
    }

    /// Takes the shortest way that the kernel agrees to.
    private func tell(_ rules: inout ServiceRules, _ state: inout State) throws {
        let known = state.known[rules.service]
        let present = known == nil ? adopted(rules.service) : known?.isDoubtful == true ? nil : known?.rules
        if let present {
            var change = NFTTransaction(table: tables.table)
            rules.keepCounting(present)
            tables.change(from: present, to: rules, &change)
            if change.isEmpty { return }
            if try filter.commit(change, unless: { _ in true }) { return }
        }
        var change = NFTTransaction(table: tables.table)
        tables.base(&change)
        tables.install(rules, stale: try sharedElements(rules.service), &change)
        if try filter.commit(change, unless: { _ in true }) { return }
        // What is there is not like ours. The others' routes, as far as they are still to be understood, stay.
        try rebuild(&state, with: rules)
    }

    /// What an earlier run of the daemon left, when it is in order: counters go on counting.
    private func adopted(_ service: String) -> ServiceRules? {
        guard (try? checkRules(service)) != nil, let read = try? rules(service),
            (try? read.route()) != nil
        else { return nil }
        return read
    }

    /// The table is another one afterwards, in one transaction.
    private func rebuild(_ state: inout State, with new: ServiceRules? = nil) throws {
        var all = state.known.mapValues(\.rules)
        for service in (try? services()) ?? [] where all[service] == nil {
            if let read = try? rules(service), (try? read.route()) != nil { all[service] = read }
        }
        if let new { all[new.service] = new }
        var change = NFTTransaction(table: tables.table)
        change.createTable()
        // Deleting fails when it is not there, making it first does not.
        change.deleteTable()
        tables.base(&change)
        for (_, rules) in all.sorted(by: { $0.key < $1.key }) { tables.install(rules, stale: [:], &change) }
        try filter.commit(change)
    }

    package func remove(_ service: String) throws {
        try state.withLock { state in
            let present = try services()
            if present.contains(service) {
                var change = NFTTransaction(table: tables.table)
                if present.count == 1 {
                    change.deleteTable()
                } else {
                    tables.remove(service, try sharedElements(service), &change)
                }
                try filter.commit(change)
            }
            if let known = state.known.removeValue(forKey: service) {
                release(known.route.ports, except: [], service)
            }
        }
    }

    // MARK: - Ports

    /// Takes the ports of a route in place of the service's old ones: all, or none.
    private func hold(_ route: ServiceRoute, instead old: [RoutedPort], _ state: State) throws {
        // After a restart of the daemon the rules are there and their ports work, whoever has taken them meanwhile.
        let isRunning = state.known[route.service] == nil && (try? services().contains(route.service)) == true
        // One that goes may stand in the way of one that comes: 80 at all addresses, and at one.
        release(old, except: route.ports, route.service)
        do {
            for port in route.ports where !old.contains(where: { $0.isAtSamePlace(port) }) {
                do { try hold(port, route.service) } catch {
                    guard isRunning else { throw error }
                    log.warn("service \(route.service): \(error)")
                }
            }
        } catch {
            restore(old, from: route.ports, route.service)
            throw error
        }
    }

    private static func owner(_ service: String) -> String { "service \"\(service)\"" }

    private func hold(_ port: RoutedPort, _ service: String) throws {
        for address in port.addresses {
            do {
                try ports?.hold(port.networkTransport, address, port.port, for: Self.owner(service))
            } catch let error as NetworkingError {
                throw RouterError.portTaken("\(error)")
            } catch let error as SyscallError {
                // The host has no IPv6, and nobody asked for it by name.
                guard port.address == nil, address.family == .v6 else { throw error }
            }
        }
    }

    private func release(_ gone: [RoutedPort], except kept: [RoutedPort], _ service: String) {
        for port in gone where !kept.contains(where: { $0.isAtSamePlace(port) }) {
            for address in port.addresses {
                ports?.release(port.networkTransport, address, port.port, for: Self.owner(service))
            }
        }
    }

    /// Back to the old ports; somebody may have been quicker, and the rules work all the same.
    private func restore(_ old: [RoutedPort], from new: [RoutedPort], _ service: String) {
        release(new, except: old, service)
        for port in old where !new.contains(where: { $0.isAtSamePlace(port) }) {
            do { try hold(port, service) } catch { log.warn("service \(service): \(error)") }
        }
    }

    package func conflicts(_ route: ServiceRoute) throws -> [String] {
        try state.withLock { state in
            let old = state.known[route.service]?.route.ports ?? []
            var result: [String] = []
            // Its own are its own, wherever they are now.
            for port in route.ports where !old.contains(where: { $0.overlaps(port) }) {
                defer { release([port], except: [], route.service) }
                do { try hold(port, route.service) } catch let error as RouterError { result.append("\(error)") }
            }
            return result
        }
    }

    // MARK: - Reading

    package func readBack(_ service: String) throws -> ServiceRoute? {
        do {
            guard
                try filter.nftRuleCount(table: tables.table, chain: "to/\(service)") > 0
                    || services().contains(service)
            else {
                state.withLock { $0.known[service]?.isDoubtful = true }
                return nil
            }
            try checkRules(service)
            let route = try rules(service).route()
            state.withLock { if $0.known[service]?.route != route { $0.known[service]?.isDoubtful = true } }
            return route
        } catch {
            // The next time the kernel is told everything.
            state.withLock { $0.known[service]?.isDoubtful = true }
            throw error
        }
    }

    private func checkRules(_ service: String) throws {
        for (chain, count) in RouterTables.ruleCounts(service) {
            let found = try filter.nftRuleCount(table: tables.table, chain: chain)
            guard found == count else {
                throw RouterError.inconsistent(
                    service: service, "chain \(chain) has \(found) rules instead of \(count)")
            }
        }
    }

    /// Those of the table; none when there is no table.
    private func chains() throws -> Set<String> { Set(try filter.nftChains(table: tables.table)) }

    package func services() throws -> Set<String> {
        Set(try chains().compactMap { RouterTables.service(ofChain: $0) })
    }

    private func elements(_ set: NFTSet) throws -> [NFTElement] {
        try filter.nftElements(table: tables.table, set: set)
    }

    /// What the kernel has of a service.
    private func rules(_ service: String) throws -> ServiceRules {
        var rules = ServiceRules(service: service)
        for family in IPAddress.Family.allCases {
            rules.pools[family] = try elements(RouterTables.pool(service, family))
            rules.previews[family] = try elements(RouterTables.preview(service, family))
            rules.counted[family] = Set(try elements(RouterTables.counts(service, family)))
        }
        rules.targets = Set(try elements(RouterTables.targets(service)))
        let chains = Set(RouterTables.chains(service))
        for family in IPAddress.Family.allCases {
            let any = RouterTables.map(.ports, family, isAny: true)
            // With hundreds of services there is much in these, and little of this one's.
            for target in rules.targets {
                guard let mine = try element(any, target), mine.leads(to: chains) else { continue }
                rules.dispatch[any.name, default: []].insert(mine)
                for other in Self.gates(family, isAny: true) {
                    if let found = try element(other, target) { rules.gates[other.name, default: []].insert(found) }
                }
            }
            let one = RouterTables.map(.ports, family, isAny: false)
            let mine = try elements(one).filter { $0.leads(to: chains) }
            guard !mine.isEmpty else { continue }
            rules.dispatch[one.name] = Set(mine)
            let keys = Set(mine.map(\.key))
            for other in Self.gates(family, isAny: false) {
                rules.gates[other.name] = Set(try elements(other).filter { keys.contains($0.key) })
            }
        }
        return rules
    }

    private static func gates(_ family: IPAddress.Family, isAny: Bool) -> [NFTSet] {
        [RouterTables.map(.gate, family, isAny: isAny), RouterTables.map(.answer, family, isAny: isAny)]
    }

    private func element(_ set: NFTSet, _ key: NFTElement) throws -> NFTElement? {
        try filter.nftElement(table: tables.table, set: set, key: key)
    }

    /// Of the maps that all services share: what leads to the service, and the gates before that.
    private func sharedElements(_ service: String) throws -> [String: Set<NFTElement>] {
        let chains = Set(RouterTables.chains(service))
        var result: [String: Set<NFTElement>] = [:]
        for family in IPAddress.Family.allCases {
            for isAny in [true, false] {
                let ports = RouterTables.map(.ports, family, isAny: isAny)
                do {
                    let mine = Set(try elements(ports).filter { $0.leads(to: chains) })
                    let keys = Set(mine.map(\.key))
                    result[ports.name] = mine
                    for other in Self.gates(family, isAny: isAny) {
                        result[other.name] = Set(try elements(other).filter { keys.contains($0.key) })
                    }
                } catch let error as NetlinkError where error.isMissing {}
            }
        }
        return result
    }

    package func connections(_ service: String) throws -> [String: UInt64] {
        var result: [String: UInt64] = [:]
        do {
            for family in IPAddress.Family.allCases {
                let counts = try filter.nftCounts(table: tables.table, set: RouterTables.counts(service, family))
                for element in try elements(RouterTables.pool(service, family)) {
                    guard let address = element.value, let instance = element.instance else { continue }
                    result[instance] = counts[address] ?? 0
                }
            }
        } catch let error as NetlinkError where error.isMissing {}
        return result
    }

    // MARK: - Connections

    package func letGo(_ member: RouterTable.Member, of service: String) throws -> Int {
        guard let address = IPAddress(member.address) else { return 0 }
        return try ConnectionTable(filter).forgetUnfinished(address)
    }

    /// The kernel hands connections on and keeps none.
    package func drainState(_ member: RouterTable.Member, of service: String) throws -> DrainState? { nil }

    /// Connections to ports that began while nothing led anywhere: the kernel looks at the rules for their first packet,
    /// and would go on sending the others to the host itself.
    private func forgetUntranslated(_ ports: [RoutedPort]) throws {
        let keys = Set(ports.map { PortKey(transport: $0.number, port: $0.port) })
        guard !keys.isEmpty else { return }
        // Each look walks the whole of the kernel's table.
        let found = try Set(ports.flatMap(\.places).map(\.family)).flatMap { family in
            keys.count <= 2
                ? try keys.flatMap { try filter.connections(family, transport: $0.transport, port: $0.port) }
                : try filter.connections(family)
        }
        try filter.delete(
            found.filter {
                $0.original.destination == $0.reply.source
                    && keys.contains(PortKey(transport: $0.original.transport, port: $0.original.destinationPort))
            })
    }

    private struct PortKey: Hashable {
        let transport: UInt8
        let port: UInt16
    }

    // MARK: - Looking after it

    package func start(report: @escaping @Sendable (RouterEvent) -> Void) throws {
        state.withLock { $0.report = report }
        try watcher.start(name: "box-router", log: log) { [weak self] _ in self?.repair() ?? true }
    }

    package func close() { watcher.close() }

    /// Somebody else changed the table. False: it has to be tried again.
    private func repair() -> Bool {
        let (event, report) = state.withLock { state -> (RouterEvent?, (@Sendable (RouterEvent) -> Void)?) in
            guard !state.known.isEmpty else { return (nil, nil) }
            do {
                try rebuild(&state)
                try forgetUntranslated(state.known.values.flatMap(\.route.ports))
                defer { state.isDown = false }
                return (state.isDown ? .up : .repaired("its rules were changed by somebody else"), state.report)
            } catch {
                log.error("services: \(error)")
                defer { state.isDown = true }
                return (state.isDown ? nil : .down("\(error)"), state.report)
            }
        }
        if let event { report?(event) }
        return state.withLock { !$0.isDown }
    }
}

extension NFTElement {
    fileprivate func leads(to chains: Set<String>) -> Bool {
        if case .goto(let chain) = verdict { chains.contains(chain) } else { false }
    }

    /// `<group> r<revision> <member> <instance>`
    fileprivate var instance: String? {
        let words = (comment ?? "").split(separator: " ")
        return words.count == 4 ? String(words[3]) : nil
    }
}

extension RoutedPort {
    var networkTransport: Transport { transport == .tcp ? .tcp : .udp }

    var addresses: [IPAddress] { address.map { [$0] } ?? [.anyV4, .anyV6] }

    func isAtSamePlace(_ other: RoutedPort) -> Bool {
        transport == other.transport && port == other.port && address == other.address
    }

    /// One program could not have both.
    func overlaps(_ other: RoutedPort) -> Bool {
        guard transport == other.transport, port == other.port else { return false }
        return addresses.contains { mine in
            other.addresses.contains {
                $0.family == mine.family && ($0 == mine || $0.isAny || mine.isAny)
            }
        }
    }
}
