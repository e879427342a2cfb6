import Archive
import Basics
import Kernel
import OCI
import Storage
import Testing

@Suite struct ImageNamesTests {
    let fixture: StoreFixture
    var images: ImageStore { fixture.images }

    init() throws { fixture = try StoreFixture() }

    @discardableResult
    private func image(_ text: String, _ tags: [String], _ change: (inout ImageConfig) -> Void = { _ in }) throws
        -> Digest
    {
        let layer = try Fixture.layer(["file": text])
        return try fixture.load(Fixture.dockerArchive([layer], tags: tags, config: Fixture.config([layer], change)))[0]
            .id
    }

    @Test func resolves() throws {
        let id = try image("1", ["app:1"])
        for text in [
            "app:1", "library/app:1", "docker.io/library/app:1", id.hex, id.description, id.short, "sha256:\(id.short)",
        ] {
            let found = try images.id(of: text)
            #expect(found == id)
        }
        #expect(throws: StorageError.notFound("No such image: app:latest")) { try images.resolve("app") }
        #expect(throws: StorageError.notFound("No such image: app:latest")) { try images.resolve("app:latest") }
        #expect(throws: StorageError.invalid("invalid reference format")) { try images.resolve("a b") }
        // A name of digits wins over the beginning of an identifier.
        let other = try image("2", ["\(id.short):latest"])
        let found = try images.id(of: id.short)
        #expect(found == other)
    }

    @Test func ambiguousPrefixes() throws {
        var ids: [Digest] = []
        while Set(ids.map { $0.hex.prefix(1) }).count == ids.count { ids.append(try image("\(ids.count)", [])) }
        let last = try #require(ids.last)
        let error = #expect(throws: StorageError.self) { try images.resolve(String(last.hex.prefix(1))) }
        #expect(error?.description.contains("ambiguous") == true)
    }

    @Test func tagging() throws {
        let first = try image("1", ["app:1"])
        let second = try image("2", ["app:2"])
        let none = try images.tag("app:1", as: ImageReference("other"))
        #expect(none == nil)
        let moved = try images.tag("app:2", as: ImageReference("other:latest"))
        #expect(moved == first)
        let tags = try images.resolve(second.short).tags.map(\.familiar)
        #expect(tags == ["app:2", "other:latest"])
        #expect(throws: StorageError.notFound("No such image: gone:latest")) {
            try images.tag("gone", as: ImageReference("x"))
        }
        #expect(throws: StorageError.self) { try images.tag("app:1", as: ImageReference("x@\(first)")) }
    }

    @Test func lists() throws {
        let old = try image("1", ["app:1", "web/app:1"]) {
            $0.created = "2025-01-01T00:00:00Z"
            $0.config.labels = ["a": "b"]
        }
        let new = try image("2", ["app:2"])
        func ids(_ filters: [String: [String]]) throws -> [Digest] { try images.list(Filters(filters)).map(\.id) }
        #expect(try ids([:]) == [new, old])
        #expect(try ids(["label": ["a"]]) == [old])
        #expect(try ids(["label!": ["a=b"]]) == [new])
        #expect(try ids(["before": ["app:2"]]) == [old])
        #expect(try ids(["since": ["app:1"]]) == [new])
        #expect(try ids(["until": ["2025-06-01"]]) == [old])
        #expect(try ids(["dangling": ["false"]]) == [new, old])
        #expect(try ids(["reference": ["app:*"]]) == [new, old])
        #expect(try ids(["reference": ["*/app"]]) == [old])
        let narrowed = try images.list(Filters(["reference": ["app"]])).map { $0.tags.map(\.familiar) }
        #expect(narrowed == [["app:2"], ["app:1"]])
        #expect(throws: StorageError.invalid("invalid filter 'x'")) { try ids(["x": ["y"]]) }
        #expect(throws: StorageError.self) { try ids(["until": ["soon"]]) }
    }

    @Test func removesNameByName() throws {
        let id = try image("1", ["app:1", "app:2"])
        #expect(throws: StorageError.notFound("No such image: app:latest")) { try images.remove("app", uses: []) }
        let first = try images.remove("app:1", uses: [])
        #expect(first == [.untagged(try ImageReference("app:1"))])
        let chain = try #require(images.image(id).chain)
        let second = try images.remove("app:2", uses: [])
        #expect(second == [.untagged(try ImageReference("app:2")), .deleted(id), .deleted(chain)])
        let left = try fixture.leftovers()
        #expect(left.isEmpty)
    }

    @Test func identifiersOfSeveralRepositoriesMustBeForced() throws {
        let id = try image("1", ["app:1", "web:1"])
        #expect(
            throws: StorageError.conflict(
                "conflict: unable to delete \(id.short) (must be forced) - image is referenced in multiple repositories"
            )
        ) { try images.remove(id.short, uses: []) }
        let steps = try images.remove(id.short, force: true, uses: [])
        #expect(steps.count == 4)
    }

    @Test func imagesInUseStay() throws {
        let id = try image("1", ["app:1"])
        let stopped = [ImageUse(image: id, container: "0123456789abcdef", isRunning: false)]
        let running = [ImageUse(image: id, container: "0123456789abcdef", isRunning: true)]
        #expect(
            throws: StorageError.conflict(
                "conflict: unable to remove repository reference \"app:1\" (must force) - container 0123456789ab is using its referenced image \(id.short)"
            )
        ) { try images.remove("app:1", uses: stopped) }
        #expect(
            throws: StorageError.conflict(
                "conflict: unable to delete \(id.short) (must be forced) - image is being used by stopped container 0123456789ab"
            )
        ) { try images.remove(id.short, uses: stopped) }
        #expect(
            throws: StorageError.conflict(
                "conflict: unable to delete \(id.short) (cannot be forced) - image is being used by running container 0123456789ab"
            )
        ) { try images.remove(id.short, force: true, uses: running) }
        // By name and forced: only the name goes.
        let steps = try images.remove("app:1", force: true, uses: running)
        #expect(steps == [.untagged(try ImageReference("app:1"))])
        let pruned = try images.prune(uses: running)
        #expect(pruned.removed.isEmpty)
    }

    /// The layers outlive the image as long as the container's row is there.
    @Test func layersOfAContainerOutliveTheImage() throws {
        let id = try image("1", ["app:1"])
        let chain = try #require(images.image(id).chain)
        let row = ContainerRow(
            id: "c1", name: "web", chain: chain, record: [], state: [], created: Timestamp(nanosecondsSince1970: 1))
        try fixture.stores.containers.insert(row)
        let steps = try images.remove(
            id.short, force: true, uses: [ImageUse(image: id, container: "c1", isRunning: false)])
        #expect(!steps.contains(.deleted(chain)))
        #expect(Sys.exists(fixture.stores.layers.path(chain)))
        try fixture.stores.containers.delete(id: "c1")
        images.sweep()
        let left = try fixture.leftovers()
        #expect(left.isEmpty)
    }

    @Test func prunes() throws {
        let dangling = try image("1", [])
        let named = try image("22", ["app:1"])
        let used = try image("333", [])
        let uses = [ImageUse(image: used, container: "c", isRunning: false)]
        let first = try images.prune(uses: uses)
        #expect(first.removed.first == .deleted(dangling))
        #expect(first.reclaimed > 1)
        let second = try images.prune(danglingOnly: false, uses: uses)
        #expect(second.removed.contains(.deleted(named)))
        let left = try images.all().map(\.id)
        #expect(left == [used])
    }

    @Test func aDamagedConfigurationHidesOneImageAlone() throws {
        let bad = try image("1", ["bad:1"])
        let good = try image("2", ["good:1"])
        try Sys.replaceFile(fixture.stores.content.path(bad), Array("{}".utf8))
        let again = try ImageStore(
            root: fixture.stores.root, database: fixture.stores.database, content: fixture.stores.content,
            layers: fixture.stores.layers)
        let all = try again.all().map(\.id)
        #expect(all == [good])
        #expect(throws: StorageError.self) { try again.resolve("bad:1") }
        // Loaded again it is whole again.
        try image("1", ["bad:1"])
        let healed = try again.resolve("bad:1")
        #expect(healed.id == bad)
    }

    @Test func aMissingLayerIsUnpackedAgain() throws {
        let id = try image("1", ["app:1"])
        let layer = try images.image(id).layers[0]
        try Sys.removeTree(fixture.stores.root.layers + "/" + layer.chain.hex)
        try image("1", ["app:1"])
        let text = try fixture.read(images.image(id), layer: 0, "file")
        #expect(text == "1")
    }

    /// What a crash leaves between the steps: directories and blobs that no row knows.
    @Test func theNextStartClearsUp() throws {
        let root = fixture.stores.root
        try Sys.makeDirectories("\(root.layers)/\(String(repeating: "a", count: 64))/diff/x")
        _ = try fixture.stores.content.put([1, 2, 3])
        let layers = try LayerStore(root: root, database: fixture.stores.database)
        _ = try ImageStore(
            root: root, database: fixture.stores.database, content: fixture.stores.content, layers: layers)
        let left = try fixture.leftovers()
        #expect(left.isEmpty)
    }
}
