package import Basics
package import Deployment

/// A port that a service is reached at.
package struct RoutedPort: Hashable, Sendable {
    package enum Pool: String, Hashable, Sendable {
        /// The table's groups.
        case service
        /// The table's `preview`.
        case preview
    }
    /// As in the service's file; with the service's name one of a kind.
    package var name: String
    package var transport: ServiceSpec.Port.Transport
    /// nil: every address of the host; `0.0.0.0`, `::`: every one of a family; otherwise one address.
    package var address: IPAddress?
    /// Of the host.
    package var port: UInt16
    /// Of the instances.
    package var target: UInt16
    /// A client's address decides which member it gets, as long as shares and members stay.
    package var sticksToAddress: Bool
    package var pool: Pool

    package init(
        name: String, transport: ServiceSpec.Port.Transport = .tcp, address: IPAddress? = nil, port: UInt16,
        target: UInt16, sticksToAddress: Bool = false, pool: Pool = .service
    ) {
        self.name = name
        self.transport = transport
        self.address = address
        self.port = port
        self.target = target
        self.sticksToAddress = sticksToAddress
        self.pool = pool
    }

    /// `0.0.0.0:80/tcp`, `[::1]:53/udp`, `80/tcp`
    package var description: String {
        let place = address.map { $0.family == .v4 ? "\($0):" : "[\($0)]:" } ?? ""
        return "\(place)\(port)/\(transport.rawValue)"
    }
}

/// What a router is told of a service, and tells of it: where it is reached, and who answers.
package struct ServiceRoute: Hashable, Sendable {
    package var ports: [RoutedPort]
    package var table: RouterTable
    package var service: String { table.service }

    package init(ports: [RoutedPort], table: RouterTable) {
        self.ports = ports
        self.table = table
    }
}
