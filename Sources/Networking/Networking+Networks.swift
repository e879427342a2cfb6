import Basics
import Database
import Glibc
import Kernel
import Netlink
import Synchronization

/// `network create ls rm prune`.
extension Networking {
    /// Makes a network with its bridge and its rules.
    package func create(_ spec: NetworkSpec) throws -> StoredNetwork {
        try Self.check(spec)
        return try rules.withLock { rules in
            if networks().contains(where: { $0.name == spec.name }) {
                throw NetworkingError.conflict("network with name \(spec.name) already exists")
            }
            let id = Identifier()
            let name = spec.options[NetworkOption.bridgeName.rawValue] ?? "br-\(id.short)"
            if networks().contains(where: { $0.bridge == name }) {
                throw NetworkingError.conflict("a network with the bridge \(name) already exists")
            }
            let plan = try poolPlan()
            var network = StoredNetwork(
                id: id.hex, name: spec.name, driver: .bridge,
                created: Timestamp(nanosecondsSince1970: Clock.realtime()), v4: try plan.v4(spec),
                v6: try plan.v6(spec, id: id.hex), isInternal: spec.isInternal, isAttachable: spec.isAttachable,
                labels: spec.labels, options: spec.options, bridge: name, keepsBridge: false,
                mtu: spec.options[NetworkOption.mtu.rawValue].flatMap { UInt32($0) } ?? options.mtu)
            guard !network.pools.isEmpty else {
                throw NetworkingError.invalid("a network needs a subnet of IPv4 or of IPv6")
            }
            network.keepsBridge = try route.link(name) != nil
            // The row comes first: a bridge without a row would be nobody's after a crash.
            let stored = network
            try database.transaction(durably: true) { try NetworkRows.insert(stored, $0) }
            do {
                try set(up: network, &rules)
            } catch {
                try? bridges.remove(network)
                try database.transaction { try NetworkRows.delete(stored.id, $0) }
                throw error
            }
            state.withLock { $0.networks[stored.id] = stored }
            return network
        }
    }

    /// Bridge, forwarding and rules of a new network.
    private func set(up network: StoredNetwork, _ rules: inout Rules) throws {
        try bridges.ensure(network)
        if try enableForwarding([network], &rules) {
            // The guard is part of the chains.
            try rebuild(&rules, with: network)
        } else if try !filter.commit(rules.ruleset.add(network), unless: { _ in true }) {
            try rebuild(&rules, with: network)
        }
    }

    package func remove(_ key: String) throws {
        let network = try network(key)
        if network.isPredefined {
            throw NetworkingError.forbidden("\(network.name) is a pre-defined network and cannot be removed")
        }
        try rules.withLock { rules in
            let users = endpoints(of: network)
            guard users.isEmpty else {
                let list = users.map { "name:\"\($0.containerName)\" id:\"\($0.id.prefix(12))\"" }
                throw NetworkingError.forbidden(
                    "error while removing network: network \(network.name) has active endpoints (\(list.joined(separator: ", ")))"
                )
            }
            try delete(network, &rules)
        }
    }

    private func delete(_ network: StoredNetwork, _ rules: inout Rules) throws {
        try database.transaction(durably: true) { try NetworkRows.delete(network.id, $0) }
        state.withLock { $0.networks[network.id] = nil }
        addresses.forget(network: network.id)
        if try !filter.commit(rules.ruleset.remove(network), unless: { _ in true }) { try rebuild(&rules) }
        try bridges.remove(network)
        let directory = "\(options.runDirectory)/networks/\(network.id)"
        if Sys.exists(directory) { try Sys.removeTree(directory) }
    }

    /// Removes the networks that nobody is in. `inUse`: identifiers of those that stopped containers want.
    /// Returns the names.
    package func prune(_ filters: [String: [String]] = [:], inUse: Set<String> = [], before: Int64? = nil) throws
        -> [String]
    {
        let filter = NetworkFilter(filters)
        try filter.check(allowed: ["label", "label!"])
        var removed: [String] = []
        for network in networks() where !network.isPredefined && !inUse.contains(network.id) {
            guard filter.matches(network, isUsed: false),
                before.map({ network.created.nanosecondsSince1970 < $0 }) ?? true
            else { continue }
            try rules.withLock { rules in
                if endpoints(of: network).isEmpty {
                    try delete(network, &rules)
                    removed.append(network.name)
                }
            }
        }
        return removed
    }

    /// Filters as `GET /networks` has them: driver, id, label, name, scope, type, dangling.
    package func list(_ filters: [String: [String]] = [:]) throws -> [StoredNetwork] {
        let filter = NetworkFilter(filters)
        try filter.check(allowed: ["driver", "id", "label", "name", "scope", "type", "dangling"])
        let used = state.withLock { Set($0.endpoints.values.map(\.network)) }
        return networks().filter { filter.matches($0, isUsed: used.contains($0.id)) }
    }

    private static func check(_ spec: NetworkSpec) throws(NetworkingError) {
        let name = spec.name
        if ["bridge", "host", "none", "default", "container"].contains(name) {
            throw .forbidden("operation is not permitted on predefined \(name) network")
        }
        let isFine = name.utf8.enumerated().allSatisfy { index, c in
            let alphanumeric = (0x30...0x39).contains(c) || (0x41...0x5a).contains(c) || (0x61...0x7a).contains(c)
            return alphanumeric || index > 0 && "_.-".utf8.contains(c)
        }
        guard !name.isEmpty, isFine, name.utf8.count <= 128 else {
            throw .invalid(
                "invalid network name \"\(name.prefix(140))\": up to 128 characters, only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
            )
        }
        guard spec.driver.isEmpty || spec.driver == "bridge" else {
            if ["host", "null"].contains(spec.driver) {
                throw .forbidden("only one instance of \"\(spec.driver)\" network is allowed")
            }
            throw .notFound(
                "could not find plugin \(spec.driver) in v1 plugin registry: plugin not found; the driver of networks is bridge"
            )
        }
        try NetworkOption.check(spec.options)
    }

    // MARK: - Choosing

    func poolPlan() throws -> PoolPlan {
        let all = networks()
        // What our own bridges have is in the list of networks.
        var host = try route.addresses().compactMap { Subnet($0.address, prefix: $0.prefix) }
        for family in IPAddress.Family.allCases {
            host += try route.routes(family).map(\.destination).filter {
                $0.prefix > 0 && !$0.base.isLinkLocal && !$0.base.isMulticast
            }
        }
        return PoolPlan(networks: all.flatMap(\.pools).map(\.subnet), host: host, pools: options.pools)
    }

    /// The networks `bridge`, `host` and `none`, of which there is one each.
    func makePredefined() throws {
        let known = Set(networks().map(\.name))
        func add(_ network: StoredNetwork) throws {
            try database.transaction { try NetworkRows.insert(network, $0) }
            state.withLock { $0.networks[network.id] = network }
        }
        func plain(_ name: String, _ driver: StoredNetwork.Driver) -> StoredNetwork {
            StoredNetwork(
                id: Identifier().hex, name: name, driver: driver,
                created: Timestamp(nanosecondsSince1970: Clock.realtime()), v4: nil, v6: nil, isInternal: false,
                isAttachable: false, labels: [:], options: [:], bridge: "", keepsBridge: false, mtu: options.mtu)
        }
        if !known.contains("host") { try add(plain("host", .host)) }
        if !known.contains("none") { try add(plain("none", .null)) }
        if !known.contains("bridge") {
            var network = plain("bridge", .bridge)
            network.bridge = options.bridgeName
            network.options = ["com.docker.network.bridge.default_bridge": "true"]
            do {
                network.v4 = try defaultPool()
                // Another program's, which was there before us, is used and left alone.
                network.keepsBridge = try route.link(network.bridge) != nil
                try add(network)
            } catch let error as NetworkingError {
                // The others work without it.
                log.error("the network bridge cannot be made: \(error)")
            }
        } else if let given = options.bridgeAddress, var network = networks().first(where: { $0.name == "bridge" }),
            network.v4?.gateway != given.gateway || network.v4?.subnet != given.subnet, endpoints(of: network).isEmpty
        {
            network.v4 = try defaultPool()
            let changed = network
            try database.transaction { try NetworkRows.update(changed, $0) }
            state.withLock { $0.networks[changed.id] = changed }
            // It is made again with the other address.
            try bridges.remove(changed)
        }
    }

    private func defaultPool() throws -> StoredNetwork.Pool? {
        if let given = options.bridgeAddress { return StoredNetwork.Pool(subnet: given.subnet, gateway: given.gateway) }
        return try poolPlan().v4(NetworkSpec(name: "bridge"))
    }
}

/// The filters of a list or a prune.
struct NetworkFilter {
    private let values: [String: [String]]
    init(_ values: [String: [String]]) { self.values = values }

    func check(allowed: Set<String>) throws(NetworkingError) {
        if let unknown = values.keys.sorted().first(where: { !allowed.contains($0) }) {
            throw .invalid("invalid filter '\(unknown)'")
        }
        for value in values["type"] ?? [] where !["custom", "builtin"].contains(value) {
            throw .invalid("invalid filter 'type=\(value)'")
        }
        for value in values["dangling"] ?? [] where Self.bool(value) == nil {
            throw .invalid("invalid filter 'dangling=\(value)'")
        }
    }

    private static func bool(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "1", "t", "true": true
        case "0", "f", "false": false
        default: nil
        }
    }

    /// Of each kind one value must match; of labels, all.
    func matches(_ network: StoredNetwork, isUsed: Bool) -> Bool {
        func any(_ key: String, _ test: (String) -> Bool) -> Bool {
            guard let wanted = values[key], !wanted.isEmpty else { return true }
            return wanted.contains(where: test)
        }
        func label(_ text: String) -> Bool {
            guard let equals = text.firstIndex(of: "=") else { return network.labels[text] != nil }
            return network.labels[String(text[..<equals])] == String(text[text.index(after: equals)...])
        }
        return any("driver") { $0 == network.driver.rawValue } && any("id") { network.id.hasPrefix($0) }
            && any("name") { network.name.contains($0) } && any("scope") { $0 == "local" }
            && any("type") { ($0 == "builtin") == network.isPredefined }
            && any("dangling") { Self.bool($0) == (!isUsed && !network.isPredefined) }
            && (values["label"] ?? []).allSatisfy(label) && !(values["label!"] ?? []).contains(where: label)
    }
}
