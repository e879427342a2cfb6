package import Basics
package import Database
import Kernel

/// A container as the database has it. What `record` says is the engine's business.
package struct ContainerRow: Sendable, Equatable {
    package let id: String
    package var name: String
    /// The layers it stands on, kept as long as the row is there; nil when it stands on none.
    package var chain: Digest?
    package var record: [UInt8]
    /// How it is doing, as JSON.
    package var state: [UInt8]
    package var created: Timestamp

    package init(id: String, name: String, chain: Digest?, record: [UInt8], state: [UInt8], created: Timestamp) {
        self.id = id
        self.name = name
        self.chain = chain
        self.record = record
        self.state = state
        self.created = created
    }
}

/// Another container has the name.
package struct ContainerNameConflict: Error, Sendable, Equatable, CustomStringConvertible {
    package let name: String
    /// The identifier of the container that has it.
    package let holder: String

    package init(name: String, holder: String) {
        self.name = name
        self.holder = holder
    }

    package var description: String {
        "Conflict. The container name \"/\(name)\" is already in use by container \"\(holder)\". "
            + "You have to remove (or rename) that container to be able to reuse that name."
    }
}

/// The containers in the database: names are unique, and layers in use stay.
package final class ContainerTable: Sendable {
    private let database: Database
    private let log: Logger

    package init(database: Database, log: Logger) {
        self.database = database
        self.log = log
    }

    /// Throws `ContainerNameConflict`; `StorageError.notFound` when the layers are gone meanwhile.
    package func insert(_ row: ContainerRow) throws {
        try naming(row.name) { db in
            do {
                try db.run(
                    "INSERT INTO containers (id, name, chain_id, record, created) VALUES (?, ?, ?, ?, ?)",
                    [
                        .text(row.id), .text(row.name), SQLValue(row.chain?.hex), .blob(row.record),
                        .integer(row.created.nanosecondsSince1970),
                    ])
                try db.run(
                    "INSERT INTO container_states (id, state) VALUES (?, ?)", [.text(row.id), .blob(row.state)])
            } catch let error as DatabaseError where error.isForeignKeyViolation {
                throw StorageError.notFound("the image of container \(row.name) was removed meanwhile")
            }
        }
    }

    package func update(id: String, record: [UInt8], durably: Bool = false) throws {
        try database.transaction(durably: durably) { db in
            try Self.found(id, db.run("UPDATE containers SET record = ? WHERE id = ?", [.blob(record), .text(id)]))
        }
    }

    /// Replaces what changes with every start and end of the container.
    package func update(id: String, state: [UInt8]) throws {
        try database.transaction { db in
            try Self.found(id, db.run("UPDATE container_states SET state = ? WHERE id = ?", [.blob(state), .text(id)]))
        }
    }

    /// Renames and writes the record, which may hold the name too. Throws `ContainerNameConflict`.
    package func rename(id: String, to name: String, record: [UInt8]) throws {
        try naming(name) { db in
            try Self.found(
                id,
                db.run(
                    "UPDATE containers SET name = ?, record = ? WHERE id = ?", [.text(name), .blob(record), .text(id)]))
        }
    }

    /// Fine when it is not there. If its image was removed before, `ImageStore.sweep()` frees the layers.
    package func delete(id: String) throws {
        try database.transaction { try $0.run("DELETE FROM containers WHERE id = ?", [.text(id)]) }
    }

    /// The oldest first.
    package func all() throws -> [ContainerRow] {
        try database.read { db in
            // One without a state cannot be read, which is better than one that is not there.
            try db.query(
                "SELECT id, name, chain_id, record, state, created FROM containers LEFT JOIN container_states USING (id) "
                    + "ORDER BY created, id"
            ) { row in
                ContainerRow(
                    id: row.text(0), name: row.text(1), chain: row.optionalText(2).flatMap { Digest(hex: $0) },
                    record: row.blob(3), state: row.blob(4),
                    created: Timestamp(nanosecondsSince1970: row.integer(5)))
            }
        }
    }

    /// Takes a row whose record makes no sense out of the table, keeps it aside and says so in the log.
    package func quarantine(_ row: ContainerRow, reason: String) throws {
        try database.transaction(durably: true) { db in
            try Quarantine.put(db, kind: "container", key: row.id, reason: reason, content: row.record)
            try db.run("DELETE FROM containers WHERE id = ?", [.text(row.id)])
        }
        log.error("the record of container \(row.name) (\(row.id)) cannot be read and is set aside: \(reason)")
    }

    private func naming(_ name: String, _ body: (Connection) throws -> Void) throws {
        try database.transaction { db in
            do {
                try body(db)
            } catch let error as DatabaseError where error.isDuplicate {
                let holder = try db.first("SELECT id FROM containers WHERE name = ?", [.text(name)]) { $0.text(0) }
                guard let holder else { throw error }
                throw ContainerNameConflict(name: name, holder: holder)
            }
        }
    }

    private static func found(_ id: String, _ changes: Int) throws(StorageError) {
        if changes == 0 { throw .notFound("No such container: \(id)") }
    }
}
