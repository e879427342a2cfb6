package import Basics
package import Database
package import Deployment
import FoundationEssentials
import Kernel

/// The journal in the daemon's database.
package final class DatabaseJournal: ServiceJournal {
    private let database: Database
    private let log: Logger
    /// Given up when the disk is full, so that the way back can still be written down.
    private let reserve: String?

    private static let tables = """
        CREATE TABLE IF NOT EXISTS services (
            name TEXT PRIMARY KEY,
            -- `ServiceEntry`: JSON.
            entry BLOB NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS service_rollouts (
            id TEXT PRIMARY KEY,
            service TEXT NOT NULL,
            ended INTEGER NOT NULL,
            -- The result object: JSON.
            result BLOB NOT NULL
        ) WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS service_rollouts_service ON service_rollouts(service, ended);
        CREATE TABLE IF NOT EXISTS service_news (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            service TEXT NOT NULL,
            rollout TEXT,
            -- `ServiceNews` without its number: JSON.
            news BLOB NOT NULL
        );
        CREATE INDEX IF NOT EXISTS service_news_service ON service_news(service, seq);
        CREATE TABLE IF NOT EXISTS service_hooks (
            key TEXT PRIMARY KEY,
            service TEXT NOT NULL,
            -- `HookRun`: JSON.
            run BLOB NOT NULL
        ) WITHOUT ROWID
        """
    /// So many news are kept of all services together, and so many results of each.
    private static let newsKept: Int64 = 20_000
    private static let resultsKept = 200
    private static let reserveSize = 16 << 20

    /// - Parameter reserve: a path beside the database, for a file that is given up when the disk is full.
    package init(_ database: Database, log: Logger, reserve: String? = nil) throws {
        self.database = database
        self.log = log
        self.reserve = reserve
        try database.transaction { db in
            for statement in Self.tables.split(separator: ";\n") { try db.run(String(statement)) }
        }
        keepReserve()
    }

    private func keepReserve() {
        guard let reserve, (try? Sys.status(reserve).size) != UInt64(Self.reserveSize) else { return }
        do {
            // Written, not only promised: a hole would need blocks of its own when it is needed.
            try Sys.replaceFile(reserve, [UInt8](repeating: 0, count: Self.reserveSize), sync: false)
        } catch {
            log.warn("no room can be kept for the journal: \(error)")
        }
    }

    package func save(_ entry: ServiceEntry, news: [ServiceNews], finished: [FinishedRollout], durably: Bool) throws
        -> [ServiceNews]
    {
        let bytes = try Self.encode(entry)
        do {
            return try write(entry.service.name, bytes, news, finished, durably)
        } catch let error as DatabaseError {
            guard error.isFull, let reserve, Sys.exists(reserve) else { throw error }
            log.error("the disk is full: the journal uses what was kept for it")
            try Sys.unlink(reserve)
            return try write(entry.service.name, bytes, news, finished, durably)
        }
    }

    private func write(
        _ name: String, _ entry: [UInt8], _ news: [ServiceNews], _ finished: [FinishedRollout], _ durably: Bool
    ) throws -> [ServiceNews] {
        try database.transaction(durably: durably) { db in
            try db.run("INSERT OR REPLACE INTO services (name, entry) VALUES (?, ?)", [.text(name), .blob(entry)])
            for one in finished {
                try db.run(
                    "INSERT OR REPLACE INTO service_rollouts (id, service, ended, result) VALUES (?, ?, ?, ?)",
                    [
                        .text(one.id), .text(one.service), .integer(one.ended.nanosecondsSince1970),
                        .blob(try Self.encode(one.result)),
                    ])
            }
            if !finished.isEmpty {
                try db.run(
                    "DELETE FROM service_rollouts WHERE service = ?1 AND id NOT IN "
                        + "(SELECT id FROM service_rollouts WHERE service = ?1 ORDER BY ended DESC LIMIT ?2)",
                    [.text(name), .integer(Int64(Self.resultsKept))])
                try db.run(
                    "DELETE FROM service_news WHERE seq <= (SELECT max(seq) FROM service_news) - ?",
                    [.integer(Self.newsKept)])
            }
            var numbered = news
            for index in numbered.indices {
                try db.run(
                    "INSERT INTO service_news (service, rollout, news) VALUES (?, ?, ?)",
                    [.text(name), SQLValue(numbered[index].rollout), .blob(try Self.encode(numbered[index]))])
                numbered[index].seq = try db.first("SELECT last_insert_rowid()") { $0.integer(0) } ?? 0
            }
            return numbered
        }
    }

    package func entries() throws -> [ServiceEntry] {
        let rows = try database.read { db in
            try db.query("SELECT name, entry FROM services ORDER BY name") { ($0.text(0), $0.blob(1)) }
        }
        return rows.compactMap { name, bytes in
            do {
                let entry = try Self.decode(ServiceEntry.self, bytes)
                if entry.service.name == name { return entry }
                setAside(name, bytes, "it is of \(entry.service.name)")
            } catch {
                setAside(name, bytes, "\(error)")
            }
            return nil
        }
    }

    private func setAside(_ name: String, _ bytes: [UInt8], _ reason: String) {
        log.error("the journal of service \(name) cannot be read and is set aside: \(reason)")
        do {
            try database.transaction(durably: true) { db in
                try db.run(
                    "INSERT INTO quarantine (kind, key, reason, content, time) VALUES (?, ?, ?, ?, ?)",
                    ["service", .text(name), .text(reason), .blob(bytes), .integer(Clock.realtime())])
                try db.run("DELETE FROM services WHERE name = ?", [.text(name)])
            }
        } catch {
            log.error("cannot set it aside: \(error)")
        }
    }

    package func remove(service: String) throws {
        try database.transaction(durably: true) { db in
            for table in ["service_news", "service_rollouts", "service_hooks"] {
                try db.run("DELETE FROM \(table) WHERE service = ?", [.text(service)])
            }
            try db.run("DELETE FROM services WHERE name = ?", [.text(service)])
        }
    }

    package func result(of rollout: String) throws -> JSONValue? {
        let bytes = try database.read { db in
            try db.first("SELECT result FROM service_rollouts WHERE id = ?", [.text(rollout)]) { $0.blob(0) }
        }
        return try bytes.map { try Self.decode(JSONValue.self, $0) }
    }

    package func results(of service: String, limit: Int) throws -> [JSONValue] {
        let sql = "SELECT result FROM service_rollouts WHERE service = ? ORDER BY ended DESC, id DESC LIMIT ?"
        let rows = try database.read { db in
            try db.query(sql, [.text(service), .integer(Int64(limit))]) { $0.blob(0) }
        }
        return try rows.map { try Self.decode(JSONValue.self, $0) }
    }

    package func news(service: String, rollout: String?, after seq: Int64, limit: Int) throws -> [ServiceNews] {
        let sql =
            "SELECT seq, news FROM service_news WHERE service = ?1 AND seq > ?2 AND (?3 IS NULL OR rollout = ?3) "
            + "ORDER BY seq LIMIT ?4"
        let rows = try database.read { db in
            try db.query(sql, [.text(service), .integer(seq), SQLValue(rollout), .integer(Int64(limit))]) {
                ($0.integer(0), $0.blob(1))
            }
        }
        return try rows.map { seq, bytes in
            var news = try Self.decode(ServiceNews.self, bytes)
            news.seq = seq
            return news
        }
    }

    package func hook(_ key: String) throws -> HookRun? {
        let bytes = try database.read { db in
            try db.first("SELECT run FROM service_hooks WHERE key = ?", [.text(key)]) { $0.blob(0) }
        }
        return try bytes.map { try Self.decode(HookRun.self, $0) }
    }

    package func save(_ run: HookRun, key: String, service: String) throws {
        let bytes = try Self.encode(run)
        try database.transaction(durably: true) { db in
            try db.run(
                "INSERT OR REPLACE INTO service_hooks (key, service, run) VALUES (?, ?, ?)",
                [.text(key), .text(service), .blob(bytes)])
        }
    }

    private static func encode(_ value: some Encodable) throws -> [UInt8] { Array(try JSONEncoder().encode(value)) }
    private static func decode<Value: Decodable>(_ type: Value.Type, _ bytes: [UInt8]) throws -> Value {
        try JSONDecoder().decode(type, from: Data(bytes))
    }
}
