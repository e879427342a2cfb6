import Database
import Kernel
import Testing

@Suite struct DatabaseTests {
    static let schema = [
        "CREATE TABLE t (id TEXT PRIMARY KEY, name TEXT UNIQUE, n INTEGER, b BLOB)",
        "ALTER TABLE t ADD COLUMN extra TEXT; CREATE TABLE u (t TEXT REFERENCES t(id))",
    ]

    @Test func valuesGoInAndOut() throws {
        let place = try TemporaryDirectory()
        let database = try Database(path: place.path + "/box.db", migrations: Self.schema)
        try database.transaction(durably: true) { db in
            try db.run(
                "INSERT INTO t (id, name, n, b) VALUES (?, ?, ?, ?)",
                ["a", .text("ä\0b"), .integer(.max), .blob([0, 255])])
            try db.run("INSERT INTO t (id, name, n, b) VALUES (?, ?, ?, ?)", ["b", nil, 0, .blob([])])
        }
        let rows = try database.read { db in
            try db.query("SELECT name, n, b FROM t ORDER BY id") {
                "\($0.optionalText(0) ?? "nil") \($0.integer(1)) \($0.blob(2))"
            }
        }
        #expect(rows == ["ä\0b 9223372036854775807 [0, 255]", "nil 0 []"])
    }

    @Test func aFailedTransactionChangesNothing() throws {
        let place = try TemporaryDirectory()
        let database = try Database(path: place.path + "/box.db", migrations: Self.schema)
        let error = #expect(throws: DatabaseError.self) {
            try database.transaction { db in
                try db.run("INSERT INTO t (id, name) VALUES ('a', 'n')")
                try db.run("INSERT INTO t (id, name) VALUES ('b', 'n')")
            }
        }
        #expect(error?.isDuplicate == true)
        #expect(error?.description == "database: INSERT INTO t (id, …: UNIQUE constraint failed: t.name")
        let count = try database.read { try $0.first("SELECT count(*) FROM t") { $0.integer(0) } }
        #expect(count == 0)
        let foreign = #expect(throws: DatabaseError.self) {
            try database.transaction { try $0.run("INSERT INTO u (t) VALUES ('missing')") }
        }
        #expect(foreign?.isForeignKeyViolation == true)
    }

    @Test func migratesAndRefusesTheFuture() throws {
        let place = try TemporaryDirectory()
        let path = place.path + "/box.db"
        do {
            let old = try Database(path: path, migrations: [Self.schema[0]])
            try old.transaction { try $0.run("INSERT INTO t (id) VALUES ('kept')") }
        }
        do {
            let new = try Database(path: path, migrations: Self.schema)
            let kept = try new.read { try $0.first("SELECT id, extra FROM t") { $0.text(0) } }
            #expect(kept == "kept")
        }
        let error = #expect(throws: DatabaseError.self) { try Database(path: path, migrations: [Self.schema[0]]) }
        #expect(error?.description.contains("schema version 2, this program knows up to 1") == true)
    }

    @Test func aBrokenMigrationLeavesTheOldSchema() throws {
        let place = try TemporaryDirectory()
        let path = place.path + "/box.db"
        #expect(throws: DatabaseError.self) {
            try Database(path: path, migrations: [Self.schema[0], "CREATE TABLE v (x); NONSENSE"])
        }
        let database = try Database(path: path, migrations: [Self.schema[0]])
        let tables = try database.read {
            try $0.query("SELECT name FROM sqlite_master WHERE name = 'v'") { $0.text(0) }
        }
        #expect(tables.isEmpty)
    }

    @Test func refusesWhatIsNoDatabase() throws {
        let place = try TemporaryDirectory()
        try Sys.replaceFile(place.path + "/box.db", Array(repeating: UInt8(ascii: "x"), count: 5000))
        #expect(throws: DatabaseError.self) { try Database(path: place.path + "/box.db", migrations: Self.schema) }
    }
}
