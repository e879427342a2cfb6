import Basics
import Database
import Netlink
import Synchronization

/// Frees addresses that were given back once the kernel has forgotten them, many at once: each look at its table of
/// connections walks all of it.
final class AddressSweeper: Sendable {
    private let addresses: AddressPool
    private let database: Database
    private let route: NetlinkSocket
    private let filter: NetlinkSocket
    private let log: Logger
    /// Given back since the last sweep.
    private let released = Mutex(0)
    private static let batch = 128

    init(_ addresses: AddressPool, _ database: Database, route: NetlinkSocket, filter: NetlinkSocket, _ log: Logger) {
        self.addresses = addresses
        self.database = database
        self.route = route
        self.filter = filter
        self.log = log
    }

    func released(_ count: Int) {
        let isDue = released.withLock {
            $0 += count
            return $0 >= Self.batch
        }
        if isDue { sweep() }
    }

    /// An address that stays is tried again when it is wanted, or in the next sweep.
    func sweep() {
        released.withLock { $0 = 0 }
        do {
            let waiting = try database.read { try addresses.waiting($0) }
            guard waiting.count > 0 else { return }
            var known: Set<IPAddress> = []
            for family in IPAddress.Family.allCases {
                for connection in try filter.connections(family) {
                    known.insert(connection.original.source)
                    known.insert(connection.reply.source)
                }
            }
            let links = Set(try route.links().map(\.name))
            let connections = known
            try database.transaction { try addresses.free(waiting, connections: connections, links: links, $0) }
        } catch {
            log.error("freeing addresses: \(error)")
        }
    }
}
