import Basics
import Netlink

/// The daemon's table of nftables, `inet box-<bridge>`: what is in it, and how it changes. Pure.
///
/// Its chains accept or drop for this table alone. Whatever another table drops stays dropped: nothing here can
/// accept in its place, so the host's firewall keeps the last word on what comes in and what goes through.
///
/// Every rule looks something up in a set, so their number is fixed, and a network or a port is some elements.
struct Ruleset {
    let table: String
    /// What neither comes from a bridge nor goes to one is not forwarded: as it was before the daemon turned
    /// forwarding on.
    let guardsForwarding: Bool

    // MARK: - Sets

    static let bridges = NFTSet("bridges", key: [.interface])
    /// Bridges of networks that nothing leaves or enters.
    static let internals = NFTSet("internal_bridges", key: [.interface])
    /// From a bridge to itself, where containers may talk to each other.
    static let within = NFTSet("within", key: [.interface, .interface])
    /// Subnets with their own bridges.
    static let home4 = NFTSet("home4", key: [.ipv4, .interface], isInterval: true)
    static let home6 = NFTSet("home6", key: [.ipv6, .interface], isInterval: true)
    /// Subnets whose addresses mean nothing outside.
    static let private4 = NFTSet("private4", key: [.ipv4], isInterval: true)
    static let private6 = NFTSet("private6", key: [.ipv6], isInterval: true)
    /// Published ports: at all addresses of the host, and at one.
    static let any4 = NFTSet("ports4", key: [.transport, .port], value: .fields([.ipv4, .port]))
    static let any6 = NFTSet("ports6", key: [.transport, .port], value: .fields([.ipv6, .port]))
    static let one4 = NFTSet("bound_ports4", key: [.ipv4, .transport, .port], value: .fields([.ipv4, .port]))
    static let one6 = NFTSet("bound_ports6", key: [.ipv6, .transport, .port], value: .fields([.ipv6, .port]))

    private static let sets = [
        bridges, internals, within, home4, home6, private4, private6, any4, any6, one4, one6,
    ]

    // MARK: - Changes

    /// Everything anew, in one transaction. What is there is emptied and filled: a packet sees the old rules of a
    /// chain or the new ones. With `replacing` the table itself is another one, as it must be when a set or a chain of
    /// it is not like ours; then packets may pass between the old chain and the new.
    func rebuild(_ networks: [StoredNetwork], _ ports: [PublishedPort], replacing: Bool = false) -> NFTTransaction {
        var change = NFTTransaction(table: table)
        change.createTable()
        if replacing {
            // Deleting fails when it is not there, making it first does not.
            change.deleteTable()
            change.createTable()
        }
        for set in Self.sets {
            change.createSet(set)
            change.flush(set)
        }
        addChains(&change)
        for network in networks { Self.add(network, to: &change) }
        Self.apply(ports, &change) { $0.add($1, to: $2) }
        return change
    }

    func remove() -> NFTTransaction {
        var change = NFTTransaction(table: table)
        change.createTable()
        change.deleteTable()
        return change
    }

    func publish(_ ports: [PublishedPort]) -> NFTTransaction {
        var change = NFTTransaction(table: table)
        Self.apply(ports, &change) { $0.add($1, to: $2) }
        return change
    }

    func unpublish(_ ports: [PublishedPort]) -> NFTTransaction {
        var change = NFTTransaction(table: table)
        Self.apply(ports, &change) { $0.remove($1, from: $2) }
        return change
    }

    func add(_ network: StoredNetwork) -> NFTTransaction {
        var change = NFTTransaction(table: table)
        Self.add(network, to: &change)
        return change
    }

    func remove(_ network: StoredNetwork) -> NFTTransaction {
        var change = NFTTransaction(table: table)
        for (set, element) in Self.elements(network) { change.remove([element], from: set) }
        return change
    }

    private static func add(_ network: StoredNetwork, to change: inout NFTTransaction) {
        for (set, element) in elements(network) { change.add([element], to: set) }
    }

    private static func elements(_ network: StoredNetwork) -> [(NFTSet, NFTElement)] {
        guard network.driver == .bridge else { return [] }
        let bridge = NFTFieldValue.interface(network.bridge)
        var result = [(bridges, NFTElement([bridge]))]
        if network.isInternal { result.append((internals, NFTElement([bridge]))) }
        if network.letsContainersTalk { result.append((within, NFTElement([bridge, bridge]))) }
        for pool in network.pools {
            let first = NFTFieldValue.address(pool.subnet.first)
            let last = NFTFieldValue.address(pool.subnet.last)
            let isV4 = pool.subnet.family == .v4
            result.append((isV4 ? home4 : home6, NFTElement([first, bridge], last: [last, bridge])))
            if network.masquerades, !network.isInternal {
                result.append((isV4 ? private4 : private6, NFTElement([first], last: [last])))
            }
        }
        return result
    }

    private static func apply(
        _ ports: [PublishedPort], _ change: inout NFTTransaction,
        _ body: (inout NFTTransaction, [NFTElement], NFTSet) -> Void
    ) {
        var elements: [String: (set: NFTSet, elements: [NFTElement])] = [:]
        for port in ports {
            let isV4 = port.hostAddress.family == .v4
            let set = port.hostAddress.isAny ? (isV4 ? any4 : any6) : (isV4 ? one4 : one6)
            let key: [NFTFieldValue] =
                (port.hostAddress.isAny ? [] : [.address(port.hostAddress)])
                + [.transport(port.transport.rawValue), .port(port.hostPort)]
            elements[set.name, default: (set, [])].elements
                .append(NFTElement(key, value: [.address(port.target), .port(port.port)]))
        }
        for (_, entry) in elements.sorted(by: { $0.key < $1.key }) { body(&change, entry.elements, entry.set) }
    }
}
