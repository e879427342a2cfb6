import Synchronization

/// One SQLite file (write-ahead log), one connection, one user at a time.
///
/// All calls block; they are for threads that may. A change survives the death of the process as soon as the call
/// returns; it survives a power cut too when it was made `durably`, else after the next such change or checkpoint.
package final class Database: Sendable {
    private let connection: Mutex<Connection>
    package let path: String

    /// Opens or makes the file and brings its schema to `migrations.count`, which `user_version` counts.
    ///
    /// Refuses a file that a newer version wrote. Each migration is one transaction with the new `user_version`.
    package init(path: String, migrations: [String]) throws {
        self.path = path
        let connection = try Connection(path: path)
        try connection.script(
            """
            PRAGMA busy_timeout = 10000;
            PRAGMA journal_mode = WAL;
            PRAGMA synchronous = NORMAL;
            PRAGMA foreign_keys = ON;
            PRAGMA journal_size_limit = 4194304;
            """)
        try Self.migrate(connection, path: path, migrations)
        self.connection = Mutex(connection)
    }

    /// Version of the schema that a file holds.
    private static func version(_ connection: Connection) throws -> Int {
        Int(try connection.first("PRAGMA user_version") { $0.integer(0) } ?? 0)
    }

    private static func migrate(_ connection: Connection, path: String, _ migrations: [String]) throws {
        let found = try version(connection)
        guard found <= migrations.count else {
            throw DatabaseError(
                path,
                "has schema version \(found), this program knows up to \(migrations.count): start the newer version that wrote it"
            )
        }
        for number in found..<migrations.count {
            do {
                try connection.script(
                    "BEGIN IMMEDIATE; \(migrations[number]); PRAGMA user_version = \(number + 1); COMMIT;")
            } catch {
                try? connection.script("ROLLBACK")
                throw error
            }
        }
    }

    /// Runs `body` alone on the connection, each statement its own transaction.
    package func read<T: Sendable>(_ body: (Connection) throws -> T) throws -> T {
        try connection.withLock { try body($0) }
    }

    /// Runs `body` as one transaction: all of it, or nothing when it throws. The `Connection` must not leave it.
    ///
    /// `durably`: the change is on the disk when this returns (`synchronous = FULL`: the log is synced at commit).
    @discardableResult
    package func transaction<T: Sendable>(durably: Bool = false, _ body: (Connection) throws -> T) throws -> T {
        try connection.withLock { connection in
            // The pragma has no effect inside a transaction.
            if durably { try connection.run("PRAGMA synchronous = FULL") }
            defer { if durably { _ = try? connection.run("PRAGMA synchronous = NORMAL") } }
            try connection.run("BEGIN IMMEDIATE")
            do {
                let result = try body(connection)
                try connection.run("COMMIT")
                return result
            } catch {
                // Fails when SQLite has rolled back by itself; then there is nothing to undo.
                _ = try? connection.run("ROLLBACK")
                throw error
            }
        }
    }
}
