import Basics
import Database
import Synchronization

/// Gives out the addresses of networks.
///
/// An address is in the database before anybody uses it, so that a crash cannot make it look free. One that is given
/// back stays there until the kernel neither has its interface nor remembers a connection of it; and the search
/// goes on from the last one given out, so that most are only used again after a long while.
final class AddressPool: Sendable {
    /// Whether nothing in the kernel is left of an address that was given back, and of its interface.
    private let isForgotten: @Sendable (IPAddress, _ link: String) throws -> Bool
    private struct Key: Hashable {
        let network: String
        let family: IPAddress.Family
    }
    private let last = Mutex<[Key: IPAddress]>([:])

    init(isForgotten: @escaping @Sendable (IPAddress, _ link: String) throws -> Bool) { self.isForgotten = isForgotten }

    /// Inside the transaction that makes the endpoint.
    func allocate(
        _ family: IPAddress.Family, of network: StoredNetwork, endpoint: String, link: String, asked: IPAddress?,
        _ db: Connection
    ) throws -> IPAddress {
        guard let pool = network.pool(family) else {
            throw NetworkingError.invalid(
                "invalid endpoint settings: no configured subnet contains IP address \(asked?.description ?? "")")
        }
        if let asked {
            try check(asked, pool, network)
            guard try take(asked, network, endpoint, link, db, isAsked: true) else {
                throw NetworkingError.forbidden("Address already in use: \(asked) in network \(network.name)")
            }
            return asked
        }
        let range = pool.range ?? pool.subnet
        let key = Key(network: network.id, family: family)
        let before = try last.withLock { $0[key] } ?? highest(family, network, db)
        let start = before.flatMap { range.contains($0) ? $0.advanced(by: 1) : nil }
        var candidate = start.flatMap { range.contains($0) ? $0 : nil } ?? range.first
        let first = candidate
        repeat {
            if !Self.isReserved(candidate, pool), try take(candidate, network, endpoint, link, db, isAsked: false) {
                let found = candidate
                last.withLock { $0[key] = found }
                return candidate
            }
            candidate = candidate.advanced(by: 1).flatMap { range.contains($0) ? $0 : nil } ?? range.first
        } while candidate != first
        throw NetworkingError.forbidden(
            "no available IPv\(family.rawValue) addresses on this network's address pools: \(network.name) (\(network.id))"
        )
    }

    /// After a start of the daemon the search goes on behind all that are known: what has just been given back is not
    /// the first to be used again.
    private func highest(_ family: IPAddress.Family, _ network: StoredNetwork, _ db: Connection) throws -> IPAddress? {
        try db.query("SELECT address FROM network_addresses WHERE network = ?", [.text(network.id)]) {
            IPAddress($0.text(0))
        }.compactMap { $0 }.filter { $0.family == family }.max { $0.number < $1.number }
    }

    /// The network's own addresses, the gateway's, and those set aside.
    static func isReserved(_ address: IPAddress, _ pool: StoredNetwork.Pool) -> Bool {
        address == pool.subnet.first || address.family == .v4 && address == pool.subnet.last || address == pool.gateway
            || pool.auxiliary.values.contains(address)
    }

    private func check(_ asked: IPAddress, _ pool: StoredNetwork.Pool, _ network: StoredNetwork) throws(NetworkingError)
    {
        guard pool.isConfigured else {
            throw .invalid(
                network.isPredefined
                    ? "user specified IP address is supported on user defined networks only"
                    : "user specified IP address is supported only when connecting to networks with user configured subnets"
            )
        }
        guard pool.subnet.contains(asked) else {
            throw .invalid("invalid endpoint settings: no configured subnet contains IP address \(asked)")
        }
        if Self.isReserved(asked, pool) {
            throw .forbidden("Address already in use: \(asked) is reserved in network \(network.name)")
        }
    }

    private func take(
        _ address: IPAddress, _ network: StoredNetwork, _ endpoint: String, _ link: String, _ db: Connection,
        isAsked: Bool
    ) throws -> Bool {
        let key: [SQLValue] = [.text(network.id), .text(address.description)]
        let row = try db.first("SELECT endpoint, link FROM network_addresses WHERE network = ? AND address = ?", key) {
            (isUsed: !$0.isNull(0), link: $0.text(1))
        }
        if let row {
            // Who asks for an address by its number has it from before, and knows.
            guard !row.isUsed, try isAsked || isForgotten(address, row.link) else { return false }
        }
        try db.run(
            "INSERT OR REPLACE INTO network_addresses (network, address, endpoint, link) VALUES (?, ?, ?, ?)",
            key + [.text(endpoint), .text(link)])
        return true
    }

    /// Inside the transaction that removes the endpoint: nobody has them, and nobody gets them yet.
    func release(endpoint: String, _ db: Connection) throws {
        try db.run("UPDATE network_addresses SET endpoint = NULL WHERE endpoint = ?", [.text(endpoint)])
    }

    /// Addresses that were given back, with the interfaces they had.
    struct Waiting: Sendable {
        fileprivate var rows: [(network: String, address: String, link: String)] = []
        var count: Int { rows.count }
    }

    func waiting(_ db: Connection) throws -> Waiting {
        Waiting(
            rows: try db.query("SELECT network, address, link FROM network_addresses WHERE endpoint IS NULL") {
                ($0.text(0), $0.text(1), $0.text(2))
            })
    }

    /// Frees those of `waiting` that the kernel has forgotten. What it remembers was asked after `waiting` was read:
    /// what has been given back since may have connections that nobody looked for.
    func free(_ waiting: Waiting, connections: Set<IPAddress>, links: Set<String>, _ db: Connection) throws {
        for row in waiting.rows where !links.contains(row.link) {
            if let address = IPAddress(row.address), connections.contains(address) { continue }
            try db.run(
                "DELETE FROM network_addresses WHERE network = ? AND address = ? AND endpoint IS NULL",
                [.text(row.network), .text(row.address)])
        }
    }

    func forget(network: String) {
        last.withLock { for family in IPAddress.Family.allCases { $0[Key(network: network, family: family)] = nil } }
    }
}
