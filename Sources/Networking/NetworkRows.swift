import Basics
import Database
import FoundationEssentials

/// The tables of the module, and the rows of networks. They live in the daemon's database beside the others and are
/// made here when they are missing, because its numbered migrations belong to a module that knows nothing of them.
enum NetworkRows {
    private static let tables = """
        CREATE TABLE IF NOT EXISTS network_settings (
            name TEXT PRIMARY KEY,
            value TEXT NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS networks (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            record BLOB NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS network_endpoints (
            id TEXT PRIMARY KEY,
            container TEXT NOT NULL,
            network TEXT NOT NULL REFERENCES networks(id),
            -- What there is to say of it: JSON.
            record BLOB NOT NULL,
            UNIQUE (container, network)
        ) WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS network_endpoints_network ON network_endpoints(network);
        -- Addresses that are not free.
        CREATE TABLE IF NOT EXISTS network_addresses (
            network TEXT NOT NULL REFERENCES networks(id) ON DELETE CASCADE,
            address TEXT NOT NULL,
            -- NULL: its endpoint is gone, and it is not known yet that nothing in the kernel remembers it.
            endpoint TEXT,
            -- The host's interface of the endpoint.
            link TEXT NOT NULL,
            PRIMARY KEY (network, address)
        ) WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS network_addresses_endpoint ON network_addresses(endpoint);
        CREATE TABLE IF NOT EXISTS published_ports (
            transport INTEGER NOT NULL,
            host_address TEXT NOT NULL,
            host_port INTEGER NOT NULL,
            target TEXT NOT NULL,
            port INTEGER NOT NULL,
            container TEXT NOT NULL,
            container_name TEXT NOT NULL,
            PRIMARY KEY (transport, host_port, host_address)
        ) WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS published_ports_container ON published_ports(container);
        """
    /// Of the tables above. A later one adds to them where it finds an earlier one.
    private static let version = "1"

    static func prepare(_ database: Database) throws {
        try database.transaction { db in
            for statement in tables.split(separator: ";\n") { try db.run(String(statement)) }
            if let found = try setting("version", db), found != version {
                throw NetworkingError.failed(
                    "\(database.path): the networks were written by another version (\(found), this is \(version)): start that"
                )
            }
            try set("version", version, db)
        }
    }

    static func setting(_ name: String, _ db: Connection) throws -> String? {
        try db.first("SELECT value FROM network_settings WHERE name = ?", [.text(name)]) { $0.text(0) }
    }
    static func set(_ name: String, _ value: String, _ db: Connection) throws {
        try db.run("INSERT OR REPLACE INTO network_settings (name, value) VALUES (?, ?)", [.text(name), .text(value)])
    }

    /// Those that can be read; the others are said.
    static func all(_ db: Connection, _ log: Logger) throws -> [StoredNetwork] {
        try db.query("SELECT record FROM networks ORDER BY name") { $0.blob(0) }
            .compactMap { readable(StoredNetwork.self, $0, log) }
    }

    static func readable<Value: Decodable>(_ type: Value.Type, _ bytes: [UInt8], _ log: Logger) -> Value? {
        do { return try decode(type, bytes) } catch {
            log.error("\(error); going on without it")
            return nil
        }
    }

    static func insert(_ network: StoredNetwork, _ db: Connection) throws {
        try db.run(
            "INSERT INTO networks (id, name, record) VALUES (?, ?, ?)",
            [.text(network.id), .text(network.name), .blob(try encode(network))])
    }

    static func update(_ network: StoredNetwork, _ db: Connection) throws {
        try db.run("UPDATE networks SET record = ? WHERE id = ?", [.blob(try encode(network)), .text(network.id)])
    }

    static func delete(_ id: String, _ db: Connection) throws {
        try db.run("DELETE FROM networks WHERE id = ?", [.text(id)])
    }

    // MARK: - JSON

    static func encode(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(value))
    }
    static func decode<Value: Decodable>(_ type: Value.Type, _ bytes: [UInt8]) throws -> Value {
        do { return try JSONDecoder().decode(type, from: Data(bytes)) } catch {
            throw NetworkingError.failed("a row of the networks' tables cannot be read: \(error)")
        }
    }
}
