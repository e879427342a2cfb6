import Basics

/// Chooses and checks the addresses of a new network; pure.
struct PoolPlan {
    /// Subnets of the other networks.
    let networks: [Subnet]
    /// What the host reaches by itself: its routes and addresses.
    let host: [Subnet]
    let pools: [NetworkingOptions.Pool]

    func v4(_ spec: NetworkSpec) throws(NetworkingError) -> StoredNetwork.Pool? {
        guard spec.enableIPv4 else { return nil }
        if let given = try given(spec, .v4) { return given }
        for pool in pools where pool.base.family == .v4 {
            let count = pool.size - pool.base.prefix
            guard (0...20).contains(count) else { continue }
            for index in 0..<(1 << count) {
                guard let subnet = pool.base.part(UInt128(index), prefix: pool.size) else { continue }
                if isFree(subnet) { return try chosen(subnet, spec, .v4) }
            }
        }
        throw .forbidden(
            "all predefined address pools have been fully subnetted: remove a network, or give one with --subnet")
    }

    /// `id`: what the subnet is made from when none is given.
    func v6(_ spec: NetworkSpec, id: String) throws(NetworkingError) -> StoredNetwork.Pool? {
        if let given = try given(spec, .v6) { return given }
        guard spec.enableIPv6 else { return nil }
        for attempt in 0..<16 as Range<UInt128> {
            let random = UInt128(id.prefix(14), radix: 16) ?? 0
            let base = IPAddress(.v6, UInt128(0xfd) << 120 | ((random &+ attempt) & ((1 << 56) - 1)) << 64)
            guard let subnet = Subnet(base, prefix: 64) else { continue }
            if isFree(subnet) { return try chosen(subnet, spec, .v6) }
        }
        throw .forbidden("no free range of unique local addresses was found: give one with --subnet")
    }

    private func isFree(_ subnet: Subnet) -> Bool {
        !networks.contains { $0.overlaps(subnet) } && !host.contains { $0.overlaps(subnet) }
    }

    /// A pool without a subnet may still say something about IPv4.
    private func chosen(_ subnet: Subnet, _ spec: NetworkSpec, _ family: IPAddress.Family) throws(NetworkingError)
        -> StoredNetwork.Pool
    {
        if family == .v4, let loose = spec.pools.first(where: { ($0.subnet ?? "").isEmpty }),
            loose.range ?? "" != "" || loose.gateway ?? "" != "" || !loose.auxiliary.isEmpty
        {
            throw .invalid("invalid network config: an address range or a gateway needs a --subnet that it lies in")
        }
        guard let gateway = subnet.first.advanced(by: 1) else { throw .invalid("the subnet \(subnet) is too small") }
        return StoredNetwork.Pool(subnet: subnet, gateway: gateway)
    }

    private func given(_ spec: NetworkSpec, _ family: IPAddress.Family) throws(NetworkingError) -> StoredNetwork.Pool? {
        var found: [(Subnet, NetworkSpec.Pool)] = []
        for pool in spec.pools {
            guard let text = pool.subnet, !text.isEmpty else { continue }
            guard let subnet = Subnet(text) else {
                throw .invalid("invalid network config: invalid subnet \(text): it must be like 172.28.0.0/16")
            }
            if subnet.family == family { found.append((subnet, pool)) }
        }
        guard let (subnet, pool) = found.first else { return nil }
        guard found.count == 1 else {
            throw .unsupported("several subnets of IPv\(family.rawValue) in one network are not supported")
        }
        try check(subnet)
        let range = try range(pool, subnet)
        let gateway = try gateway(pool, subnet, range)
        var auxiliary: [String: IPAddress] = [:]
        for (name, text) in pool.auxiliary {
            auxiliary[name] = try address(text, in: subnet, "auxiliary address \(name)")
        }
        return StoredNetwork.Pool(
            subnet: subnet, range: range, gateway: gateway, auxiliary: auxiliary, isConfigured: true)
    }

    private func check(_ subnet: Subnet) throws(NetworkingError) {
        guard subnet.prefix <= (subnet.family == .v4 ? 30 : 126) else {
            throw .invalid("invalid network config: the subnet \(subnet) is too small for a gateway and a container")
        }
        if subnet.base.isLoopback || subnet.base.isMulticast || subnet.base.number == 0 {
            throw .invalid("invalid network config: the subnet \(subnet) is not for networks of containers")
        }
        if networks.contains(where: { $0.overlaps(subnet) }) {
            throw .forbidden("invalid pool request: Pool overlaps with other one on this address space")
        }
    }

    private func range(_ pool: NetworkSpec.Pool, _ subnet: Subnet) throws(NetworkingError) -> Subnet? {
        guard let text = pool.range, !text.isEmpty else { return nil }
        guard let range = Subnet(text), subnet.contains(range) else {
            throw .invalid("invalid network config: the range \(text) does not lie in the subnet \(subnet)")
        }
        return range
    }

    private func gateway(_ pool: NetworkSpec.Pool, _ subnet: Subnet, _ range: Subnet?) throws(NetworkingError)
        -> IPAddress
    {
        if let text = pool.gateway, !text.isEmpty { return try address(text, in: subnet, "gateway") }
        guard let first = subnet.first.advanced(by: 1) else { throw .invalid("the subnet \(subnet) is too small") }
        return first
    }

    private func address(_ text: String, in subnet: Subnet, _ what: String) throws(NetworkingError) -> IPAddress {
        guard let address = IPAddress(text), subnet.contains(address) else {
            throw .invalid("invalid network config: the \(what) \(text) does not lie in the subnet \(subnet)")
        }
        guard address != subnet.first, address.family == .v6 || address != subnet.last else {
            throw .invalid("invalid network config: the \(what) \(text) stands for the whole subnet")
        }
        return address
    }
}
