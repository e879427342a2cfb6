import Archive
import Basics
import Kernel
import OCI
import Storage
import Testing

@Suite struct ImageLoadTests {
    @Test(arguments: Compression.allCases) func dockerArchive(_ compression: Compression) throws {
        let fixture = try StoreFixture()
        let layers = [try Fixture.layer(["etc/": "", "etc/a": "1"]), try Fixture.layer(["etc/": "", "etc/b": "2"])]
        let archive = try Fixture.compress(Fixture.dockerArchive(layers), compression)
        let loaded = try fixture.load(archive)
        #expect(loaded.map { $0.names.map(\.familiar) } == [["app:1"]])
        let image = try fixture.images.resolve("app:1")
        let config = try Fixture.config(layers)
        #expect(image.id == SHA256Hasher.digest(of: config))
        let bytes = try fixture.images.configBytes(image.id)
        #expect(bytes == config)
        #expect(image.layers.map(\.diffID) == layers.map(\.diffID))
        let text = try fixture.read(image, layer: 1, "etc/b")
        #expect(text == "2")
        let paths = try fixture.stores.layers.paths(forChain: #require(image.chain))
        #expect(paths == image.layers.reversed().map { fixture.stores.layers.path($0.chain) })
        #expect(image.size == 2)
    }

    @Test(arguments: Compression.allCases) func layout(_ compression: Compression) throws {
        let fixture = try StoreFixture()
        let layer = try Fixture.layer(["a": "1"])
        let loaded = try fixture.load(Fixture.layout([layer], compression))
        #expect(loaded.first?.names.map(\.familiar) == ["app:1"])
        let image = try fixture.images.resolve("app:1")
        #expect(image.layers[0].mediaType.layerCompression.map { "\($0)" } == "\(compression)")
        let text = try fixture.read(image, layer: 0, "a")
        #expect(text == "1")
    }

    @Test func sharedLayersAreThereOnceAndGoWithTheirLastUser() throws {
        let fixture = try StoreFixture()
        let base = try Fixture.layer(["base": "b"])
        let first = try fixture.load(Fixture.dockerArchive([base, Fixture.layer(["x": "1"])], tags: ["one:1"]))[0]
        let second = try fixture.load(Fixture.dockerArchive([base, Fixture.layer(["x": "2"])], tags: ["two:1"]))[0]
        let layers = try Sys.list(fixture.stores.root.layers)
        #expect(layers.count == 3)
        let shared = try fixture.images.sharedSizes()
        #expect(shared == [first.id: 1, second.id: 1])
        let steps = try fixture.images.remove("one:1", uses: [])
        #expect(steps.count == 3)
        let image = try fixture.images.resolve("two:1")
        let text = try fixture.read(image, layer: 0, "base")
        #expect(text == "b")
        try fixture.images.remove("two:1", uses: [])
        let left = try fixture.leftovers()
        #expect(left.isEmpty)
    }

    @Test func nestedIndexPicksThisMachine() throws {
        let fixture = try StoreFixture()
        let layer = try Fixture.layer(["a": "1"])
        var parts = try Fixture.parts([layer])
        var mine = parts.manifest
        mine.platform = .host
        // Not in the archive at all, as `docker save` of one platform leaves it.
        var other = Descriptor(mediaType: .manifest, digest: layer.diffID, size: 7)
        other.platform = Platform(architecture: "s390x", os: "linux")
        let inner = parts.add(try JSONText.encode(ImageIndex(manifests: [other, mine])), .index)
        var outer = parts.add(try JSONText.encode(ImageIndex(manifests: [inner])), .index)
        outer.annotations = [Annotations.refName: "localhost:5000/team/app"]
        let loaded = try fixture.load(Fixture.layout(parts, [outer]))
        #expect(loaded.first?.names.map(\.familiar) == ["localhost:5000/team/app:latest"])

        let foreign = parts.add(try JSONText.encode(ImageIndex(manifests: [other])), .index)
        let error = #expect(throws: StorageError.self) { try fixture.load(Fixture.layout(parts, [foreign])) }
        #expect(error?.description == "the archive holds no image for \(Platform.host)")
    }

    @Test func aTagThatMovesIsTold() throws {
        let fixture = try StoreFixture()
        let old = try fixture.load(Fixture.dockerArchive([Fixture.layer(["a": "old"])]))[0]
        let new = try fixture.load(Fixture.dockerArchive([Fixture.layer(["a": "new"])]))[0]
        #expect(new.moved.map(\.from) == [old.id])
        #expect(new.moved.map(\.name.familiar) == ["app:1"])
        let again = try fixture.load(Fixture.dockerArchive([Fixture.layer(["a": "new"])]))[0]
        #expect(again.moved.isEmpty)
        let dangling = try fixture.images.list(Filters(["dangling": ["true"]]))
        #expect(dangling.map(\.id) == [old.id])
    }

    @Test func oldLinksBetweenLayers() throws {
        let fixture = try StoreFixture()
        let layer = try Fixture.layer(["a": "1"])
        let config = try Fixture.config([layer])
        let sink = MemorySink()
        let writer = TarWriter(sink)
        try writer.add(TarEntry(path: "two/layer.tar", kind: .symlink, linkTarget: "../one/layer.tar"))
        try writer.add(TarEntry(path: "one/layer.tar", kind: .file), layer.tar)
        try writer.add(TarEntry(path: "c.json", kind: .file), config)
        let entry = DockerArchiveEntry(config: "c.json", repoTags: nil, layers: ["two/layer.tar"])
        try writer.add(TarEntry(path: "manifest.json", kind: .file), JSONText.encode([entry]))
        try writer.finish()
        let loaded = try fixture.load(sink.bytes)
        #expect(loaded.first?.names.isEmpty == true)
    }

    @Test func anImageWithoutLayers() throws {
        let fixture = try StoreFixture()
        let id = try fixture.load(Fixture.dockerArchive([], tags: ["scratch:1"]))[0].id
        let image = try fixture.images.resolve("scratch:1")
        #expect(image.chain == nil)
        #expect(image.size == 0)
        let sink = MemorySink()
        try fixture.images.save(["scratch:1"], to: sink)
        let other = try StoreFixture()
        let loaded = try other.load(sink.bytes)
        #expect(loaded.map(\.id) == [id])
        let steps = try fixture.images.remove("scratch:1", uses: [])
        #expect(steps == [.untagged(try ImageReference("scratch:1")), .deleted(id)])
    }

    /// All of it, or nothing: also of an archive whose second image is bad.
    @Test func aFailedLoadLeavesNothing() throws {
        let fixture = try StoreFixture()
        let good = try Fixture.layer(["a": "1"])
        let claimed = try Fixture.layer(["b": "2"])
        let truncated = Fixture.Layer(tar: Array(claimed.tar.prefix(700)))
        let config = try Fixture.config([good, claimed])
        let table = DockerArchiveEntry(config: "c.json", repoTags: ["x:1"], layers: ["1.tar", "2.tar"])
        let archive = try Fixture.tar([
            ("1.tar", good.tar), ("2.tar", truncated.tar), ("c.json", config),
            ("manifest.json", try JSONText.encode([table])),
        ])
        #expect(throws: LayerError.self) { try fixture.load(archive) }
        let left = try fixture.leftovers()
        #expect(left.isEmpty)
        let rows = try fixture.images.all()
        #expect(rows.isEmpty)
        #expect(throws: (any Error).self) { try fixture.load(Array(archive.prefix(archive.count / 2))) }
        let leftAgain = try fixture.leftovers()
        #expect(leftAgain.isEmpty)
    }

    @Test func manyLayersAtOnce() throws {
        let fixture = try StoreFixture()
        let layers = try (0..<20).map { try Fixture.layer(["f\($0)": "\($0)"]) }
        try Parallelly.run(4) { index in
            _ = try fixture.images.load(MemorySource(Fixture.dockerArchive(layers, tags: ["app:\(index)"])))
        }
        let image = try fixture.images.resolve("app:3")
        #expect(image.tags.count == 4)
        let directories = try Sys.list(fixture.stores.root.layers)
        #expect(directories.count == 20)
        let last = try fixture.read(image, layer: 19, "f19")
        #expect(last == "19")
    }

    @Test func imports() throws {
        let fixture = try StoreFixture()
        let layer = try Fixture.layer(["bin/": "", "bin/sh": "#!"])
        let added = try fixture.images.importRootFS(
            MemorySource(Fixture.compress(layer.tar, .zstd)), origin: "root.tar.zst", changes: ["CMD [\"/bin/sh\"]"],
            reference: ImageReference("mine"))
        let image = try fixture.images.resolve("mine:latest")
        #expect(image.id == added.id)
        #expect(image.layers.map(\.diffID) == [layer.diffID])
        #expect(image.config.config.cmd == ["/bin/sh"])
        #expect(image.config.history.first?.comment == "Imported from root.tar.zst")
        #expect(throws: (any Error).self) { try fixture.images.importRootFS(MemorySource(Array("not a tar".utf8))) }
    }
}

/// The same call on several threads; throws the first error.
enum Parallelly {
    static func run(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
        let state = Condition((left: count, error: String?.none))
        for index in 0..<count {
            try Thread.start(name: "test") {
                do { try body(index) } catch { state.withLock { $0.error = "\(error)" } }
                state.withLock { $0.left -= 1 }
                state.broadcast()
            }
        }
        _ = state.wait { $0.left == 0 ? true : nil }
        if let error = state.withLock({ $0.error }) { throw StorageError.damaged(error) }
    }
}
