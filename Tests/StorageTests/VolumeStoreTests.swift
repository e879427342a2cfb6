import Basics
import Database
import Kernel
import Storage
import Testing

@Suite struct VolumeStoreTests {
    let place: TemporaryDirectory
    let root: DataRoot
    let database: Database
    let volumes: VolumeStore

    init() throws {
        place = try TemporaryDirectory()
        root = try DataRoot(place.path + "/root", log: Logger("test", minimum: .error))
        database = try Database(path: root.databasePath, migrations: Schema.migrations)
        volumes = try VolumeStore(root: root, database: database)
    }

    @Test func createsOnceAndLists() throws {
        let (made, isNew) = try volumes.create(name: "data", labels: ["a": "b"])
        #expect(isNew)
        #expect(!made.isAnonymous)
        #expect(Sys.exists(made.path))
        let (again, secondIsNew) = try volumes.create(name: "data")
        #expect(!secondIsNew)
        #expect(again == made)
        let (anonymous, _) = try volumes.create()
        #expect(anonymous.isAnonymous)
        #expect(anonymous.labels == [VolumeStore.anonymousLabel: ""])
        let all = try volumes.list().map(\.name)
        #expect(all == [anonymous.name, "data"].sorted())
        let labelled = try volumes.list(Filters(["label": ["a=b"]])).map(\.name)
        #expect(labelled == ["data"])
        let dangling = try volumes.list(Filters(["dangling": ["true"]]), inUse: ["data"]).map(\.name)
        #expect(dangling == [anonymous.name])
        let named = try volumes.list(Filters(["name": ["dat"]])).map(\.name)
        #expect(named == ["data"])
        #expect(throws: StorageError.invalid("invalid filter 'nonsense'")) {
            try volumes.list(Filters(["nonsense": ["x"]]))
        }
    }

    @Test(arguments: ["../x", "a/b", ".hidden", "-a", "a b", "a\0b", "x", "ä1", String(repeating: "v", count: 256)])
    func refusesNames(_ name: String) {
        #expect(throws: StorageError.self) { try volumes.create(name: name) }
    }

    @Test func refusesWhatItCannotDo() {
        #expect(throws: StorageError.self) { try volumes.create(name: "aa", driver: "nfs") }
        let error = #expect(throws: StorageError.self) { try volumes.create(name: "aa", options: ["type": "tmpfs"]) }
        #expect(error?.description.contains("\"type\"") == true)
        #expect(throws: StorageError.invalid("create aa: invalid option: \"foo\"")) {
            try volumes.create(name: "aa", options: ["foo": "1"])
        }
    }

    @Test func removesOnlyWhatIsNotInUse() throws {
        let (volume, _) = try volumes.create(name: "data")
        try Sys.replaceFile(volume.path + "/file", Array("hello".utf8))
        let size = try volumes.size("data")
        #expect(size == 5)
        #expect(throws: StorageError.conflict("remove data: volume is in use - [abc]")) {
            try volumes.remove("data", usedBy: ["abc"])
        }
        try volumes.remove("data", usedBy: [])
        #expect(!Sys.exists(volume.path))
        #expect(throws: StorageError.notFound("get data: no such volume")) { try volumes.remove("data", usedBy: []) }
        try volumes.remove("data", usedBy: [], force: true)
        root.drainTrash()
        let left = try Sys.list(root.path + "/trash")
        #expect(left.isEmpty)
    }

    @Test func prunesAnonymousUnlessAll() throws {
        try volumes.create(name: "named")
        let (used, _) = try volumes.create()
        let (unused, _) = try volumes.create()
        let first = try volumes.prune(inUse: [used.name])
        #expect(first.removed == [unused.name])
        let second = try volumes.prune(Filters(["all": ["true"]]), inUse: [used.name])
        #expect(second.removed == ["named"])
    }

    /// A crash between the steps of create or remove leaves a directory without a row.
    @Test func adoptsFilesWithoutARowAndDropsEmptyOnes() throws {
        try Sys.makeDirectories(root.volumes + "/half/data")
        try Sys.makeDirectories(root.volumes + "/lost/data/rows")
        let again = try VolumeStore(root: root, database: database)
        let names = try again.list().map(\.name)
        #expect(names == ["lost"])
        #expect(!Sys.exists(root.volumes + "/half"))
    }

    @Test func unreadableLabelsDoNotHideTheVolume() throws {
        try volumes.create(name: "data", labels: ["a": "b"])
        try database.transaction { try $0.run("UPDATE volumes SET labels = '{broken'") }
        let volume = try VolumeStore(root: root, database: database).get("data")
        #expect(volume.labels.isEmpty)
    }
}
