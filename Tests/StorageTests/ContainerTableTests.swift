import Basics
import Database
import Glibc
import Kernel
import Storage
import Testing

@Suite struct ContainerTableTests {
    let place: TemporaryDirectory
    let database: Database
    let table: ContainerTable

    init() throws {
        place = try TemporaryDirectory()
        database = try Database(path: place.path + "/box.db", migrations: Schema.migrations)
        table = ContainerTable(database: database, log: Logger("test", minimum: .error))
    }

    private func row(_ id: String, _ name: String, chain: Digest? = nil) -> ContainerRow {
        ContainerRow(
            id: id, name: name, chain: chain, record: Array("{}".utf8), state: [],
            created: Timestamp(nanosecondsSince1970: Int64(id.utf8.count)))
    }

    @Test func namesAreUnique() throws {
        try table.insert(row("1", "web"))
        try table.insert(row("22", "db"))
        #expect(throws: ContainerNameConflict(name: "web", holder: "1")) { try table.insert(row("333", "web")) }
        #expect(throws: ContainerNameConflict(name: "web", holder: "1")) {
            try table.rename(id: "22", to: "web", record: [])
        }
        try table.rename(id: "1", to: "web2", record: [1])
        try table.rename(id: "22", to: "web", record: [2])
        try table.update(id: "22", record: [3])
        let all = try table.all()
        #expect(all.map(\.name) == ["web2", "web"])
        #expect(all.map(\.record) == [[1], [3]])
        try table.delete(id: "1")
        try table.delete(id: "1")
        #expect(throws: StorageError.notFound("No such container: 1")) { try table.update(id: "1", record: []) }
    }

    @Test func statesGoWithTheirContainers() throws {
        try table.insert(row("1", "web"))
        try table.update(id: "1", state: [7])
        #expect(try table.all().map(\.state) == [[7]])
        try table.delete(id: "1")
        #expect(throws: StorageError.notFound("No such container: 1")) { try table.update(id: "1", state: [8]) }
        #expect(try database.read { try $0.first("SELECT count(*) FROM container_states") { $0.integer(0) } } == 0)
    }

    @Test func theFirstSchemaIsTakenOver() throws {
        let path = place.path + "/old.db"
        do {
            let old = try Database(path: path, migrations: [Schema.migrations[0]])
            try old.transaction { db in
                try db.run(
                    "INSERT INTO containers (id, name, record, state, created) VALUES ('1', 'web', ?, ?, 5)",
                    [.blob([1, 2]), .blob([3])])
            }
        }
        let database = try Database(path: path, migrations: Schema.migrations)
        let found = try ContainerTable(database: database, log: Logger("test", minimum: .error)).all()
        #expect(found.map(\.record) == [[1, 2]])
        #expect(found.map(\.state) == [[3]])
        #expect(found.map(\.created.nanosecondsSince1970) == [5])
    }

    @Test func layersMustBeThere() throws {
        let chain = Digest(sha256: [UInt8](repeating: 1, count: 32))
        #expect(throws: StorageError.self) { try table.insert(row("1", "web", chain: chain)) }
        let all = try table.all()
        #expect(all.isEmpty)
    }

    @Test func aBadRecordIsSetAside() throws {
        try table.insert(row("1", "web"))
        let bad = try table.all()[0]
        try table.quarantine(bad, reason: "no JSON")
        let all = try table.all()
        #expect(all.isEmpty)
        let kept = try database.read { try $0.first("SELECT content FROM quarantine WHERE key = '1'") { $0.blob(0) } }
        #expect(kept == Array("{}".utf8))
    }
}

@Suite struct DataRootTests {
    @Test func aSecondDaemonIsRefused() throws {
        let place = try TemporaryDirectory()
        let log = Logger("test", minimum: .error)
        let path = place.path + "/a/root"
        let first = try DataRoot(path, log: log)
        let error = #expect(throws: StorageError.self) { try DataRoot(path, log: log) }
        #expect(error?.description.hasPrefix("the data root \(path) is in use by another boxd (process ") == true)
        let mode = try Sys.status(first.path).permissions
        #expect(mode == 0o700)
        withExtendedLifetime(first) {}
    }

    /// A small one has few groups of blocks, another kind none.
    private static let isOnLargeExt4: Bool = {
        guard let place = try? TemporaryDirectory(), let status = try? Sys.open(place.path, O_RDONLY).fileSystemStatus()
        else { return false }
        return status.type == FileSystemStatus.ext4 && status.files > 1_000_000
    }()

    @Test(.enabled(if: isOnLargeExt4, "needs an ext4 with room for a million files"))
    func whatIsBeingMadeLiesFarApart() throws {
        let place = try TemporaryDirectory()
        let root = try DataRoot(place.path, log: Logger("test", minimum: .error))
        // Numbers of one group of blocks follow one another.
        var numbers: [UInt64] = []
        for _ in 0..<4 {
            let directory = root.temporaryPath()
            try Sys.makeDirectories(directory)
            numbers.append(try Sys.status(directory).inode)
        }
        numbers.sort()
        let distances = zip(numbers, numbers.dropFirst()).map { $1 - $0 }
        #expect(distances.contains { $0 > 1000 }, "\(numbers)")
    }

    @Test func whatWasBeingMadeIsGoneAtTheNextStart() throws {
        let place = try TemporaryDirectory()
        let log = Logger("test", minimum: .error)
        do {
            let root = try DataRoot(place.path, log: log)
            try Sys.makeDirectories(root.temporaryPath() + "/half/layer")
            try Sys.makeDirectories(place.path + "/trash/old/x")
        }
        let root = try DataRoot(place.path, log: log)
        root.drainTrash()
        let temporary = try Sys.list(root.temporary)
        let trash = try Sys.list(root.path + "/trash")
        #expect(temporary.isEmpty)
        #expect(trash.isEmpty)
    }
}
