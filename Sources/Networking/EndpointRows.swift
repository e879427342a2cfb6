import Basics
import Database

/// Rows of endpoints and of published ports.
enum EndpointRows {
    static func insert(_ endpoint: Endpoint, _ db: Connection) throws {
        try db.run(
            "INSERT INTO network_endpoints (id, container, network, record) VALUES (?, ?, ?, ?)",
            [
                .text(endpoint.id), .text(endpoint.container), .text(endpoint.network),
                .blob(try NetworkRows.encode(endpoint)),
            ])
    }

    static func update(_ endpoint: Endpoint, _ db: Connection) throws {
        try db.run(
            "UPDATE network_endpoints SET record = ? WHERE id = ?",
            [.blob(try NetworkRows.encode(endpoint)), .text(endpoint.id)])
    }

    static func delete(_ id: String, _ db: Connection) throws {
        try db.run("DELETE FROM network_endpoints WHERE id = ?", [.text(id)])
    }

    /// Those that can be read; the others are said.
    static func all(_ db: Connection, _ log: Logger) throws -> [Endpoint] {
        try db.query("SELECT record FROM network_endpoints ORDER BY id") { $0.blob(0) }
            .compactMap { NetworkRows.readable(Endpoint.self, $0, log) }
    }
}

enum PortRows {
    /// Throws `isDuplicate` when the very same is taken.
    static func insert(_ port: PublishedPort, _ db: Connection) throws {
        try db.run(
            """
            INSERT INTO published_ports (transport, host_address, host_port, target, port, container, container_name)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """,
            [
                .integer(Int64(port.transport.rawValue)), .text(port.hostAddress.description),
                .integer(Int64(port.hostPort)),
                .text(port.target.description), .integer(Int64(port.port)), .text(port.container),
                .text(port.containerName),
            ])
    }

    private static let columns =
        "SELECT transport, host_address, host_port, target, port, container, container_name FROM published_ports "

    private static func query(_ rest: String, _ values: [SQLValue], _ db: Connection) throws -> [PublishedPort] {
        try db.query(columns + rest, values) { row -> PublishedPort? in
            guard let transport = Transport(rawValue: UInt8(truncatingIfNeeded: row.integer(0))),
                let host = IPAddress(row.text(1)), let target = IPAddress(row.text(3))
            else { return nil }
            return PublishedPort(
                transport: transport, hostAddress: host, hostPort: UInt16(truncatingIfNeeded: row.integer(2)),
                target: target,
                port: UInt16(truncatingIfNeeded: row.integer(4)), container: row.text(5), containerName: row.text(6))
        }.compactMap { $0 }
    }

    static func all(_ db: Connection) throws -> [PublishedPort] { try query("ORDER BY host_port", [], db) }
    static func ofContainer(_ id: String, _ db: Connection) throws -> [PublishedPort] {
        try query("WHERE container = ? ORDER BY port, transport, host_port", [.text(id)], db)
    }

    /// The one that stands in the way of another: on the same port, at the same address or everywhere.
    static func holder(_ transport: Transport, _ address: IPAddress, _ port: UInt16, _ db: Connection) throws
        -> PublishedPort?
    {
        try query(
            "WHERE transport = ? AND host_port = ?", [.integer(Int64(transport.rawValue)), .integer(Int64(port))], db
        ).first {
            $0.hostAddress.family == address.family
                && ($0.hostAddress == address || $0.hostAddress.isAny || address.isAny)
        }
    }

    static func delete(container: String, _ db: Connection) throws {
        try db.run("DELETE FROM published_ports WHERE container = ?", [.text(container)])
    }

    static func rename(container: String, to name: String, _ db: Connection) throws {
        try db.run(
            "UPDATE published_ports SET container_name = ? WHERE container = ?", [.text(name), .text(container)])
    }
}
