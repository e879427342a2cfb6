import Database
import Kernel

/// Where rows go that cannot be read, so that one bad record does not keep the daemon from serving the others.
enum Quarantine {
    /// Keeps `content`; the caller deletes the row itself in the same transaction.
    static func put(_ db: Connection, kind: String, key: String, reason: String, content: [UInt8]) throws {
        try db.run(
            "INSERT INTO quarantine (kind, key, reason, content, time) VALUES (?, ?, ?, ?, ?)",
            [.text(kind), .text(key), .text(reason), .blob(content), .integer(Clock.realtime())])
    }
}
