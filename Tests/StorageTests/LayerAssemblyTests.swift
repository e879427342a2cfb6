import Archive
import Basics
import Glibc
import Kernel
import OCI
import Storage
import Testing

/// Layers that are unpacked while they are written, and whose tar is not kept.
@Suite struct LayerAssemblyTests {
    let fixture: StoreFixture
    init() throws { fixture = try StoreFixture() }

    private func big(_ seed: UInt8, _ count: Int = 100_001) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) &+ seed }
    }

    /// Large and small files, links, holes in the padding, a whiteout, long names.
    private func tar(_ change: (TarWriter) throws -> Void = { _ in }) throws -> Fixture.Layer {
        let sink = MemorySink()
        let writer = TarWriter(sink)
        try writer.add(TarEntry(path: "etc", kind: .directory, mode: 0o755))
        try writer.add(TarEntry(path: "etc/small", kind: .file), Array("text".utf8))
        try writer.add(TarEntry(path: "data", kind: .directory, mode: 0o700, uid: 7))
        try writer.add(TarEntry(path: "data/one", kind: .file, mode: 0o4711), big(1))
        try writer.add(TarEntry(path: "data/two", kind: .file), big(2, 64 << 10))
        try writer.add(TarEntry(path: "data/hard", kind: .hardLink, linkTarget: "data/one"))
        try writer.add(TarEntry(path: "data/soft", kind: .symlink, linkTarget: "/etc"))
        try writer.add(TarEntry(path: "data/.wh.gone", kind: .file, mode: 0o600))
        try writer.add(TarEntry(path: BytePath(String(repeating: "n", count: 200)), kind: .file), big(3))
        try change(writer)
        try writer.finish()
        // What stands behind the end marker belongs to the archive too.
        return Fixture.Layer(tar: sink.bytes + [UInt8](repeating: 0, count: 5000))
    }

    private func commit(_ layer: Fixture.Layer, on parent: Digest, _ name: String) throws -> StoredImage {
        var request = Commit(parent: parent, config: ExecutionConfig())
        request.reference = try ImageReference(name)
        // In pieces of no particular size.
        let added = try fixture.images.commit(request) { sink in
            for start in stride(from: 0, to: layer.tar.count, by: 70_001) {
                try sink.write(Array(layer.tar[start..<min(layer.tar.count, start + 70_001)]))
            }
        }
        return try fixture.images.image(added.id)
    }

    private func saved(_ name: String) throws -> [UInt8] {
        let sink = MemorySink()
        try fixture.images.save([name], to: sink)
        return sink.bytes
    }

    private func blobs() throws -> Int { try Sys.list("\(fixture.stores.root.path)/blobs/sha256").count }

    @Test func committedLayersAreSavedAsTheyWere() throws {
        let parent = try fixture.load(Fixture.layout([Fixture.layer(["a": "1"])]))[0]
        let before = try blobs()
        let layer = try tar()
        let image = try commit(layer, on: parent.id, "mine")
        // The configuration alone.
        let after = try blobs()
        #expect(after == before + 1)
        #expect(image.layers[1].diffID == layer.diffID)
        #expect(image.layers[1].blob == Blob(digest: layer.diffID, size: Int64(layer.tar.count)))
        let path = fixture.stores.layers.path(image.layers[1].chain)
        let one = try Sys.readFile(path + "/data/one", limit: 1 << 20)
        #expect(one == big(1))
        let status = try Sys.status(path + "/data/hard")
        #expect(status.linkCount == 2 && status.permissions == 0o4711)

        let other = try StoreFixture()
        let loaded = try #require(try other.load(saved("mine")).first)
        #expect(loaded.id == image.id)
        let there = try other.images.image(loaded.id)
        #expect(there.layers.map(\.diffID) == image.layers.map(\.diffID))
    }

    @Test func aFileThatChangedIsNoticed() throws {
        let parent = try fixture.load(Fixture.layout([Fixture.layer(["a": "1"])]))[0]
        let image = try commit(tar(), on: parent.id, "mine")
        let path = fixture.stores.layers.path(image.layers[1].chain) + "/data/two"
        try Sys.replaceFile(path, big(9, 64 << 10))
        #expect(throws: StorageError.self) { try saved("mine") }
        try Sys.replaceFile(path, big(2, 1000))
        #expect(throws: StorageError.damaged("the layer's assembly refers to a file that has become shorter")) {
            try saved("mine")
        }
    }

    /// What a later entry takes the place of is still needed to make the tar.
    @Test(arguments: [true, false]) func namesThatComeTwice(committed: Bool) throws {
        let layer = try tar { writer in
            try writer.add(TarEntry(path: "data/one", kind: .file), Array("other".utf8))
            try writer.add(TarEntry(path: "data/one", kind: .file), big(4))
            // By another name.
            try writer.add(TarEntry(path: "link", kind: .symlink, linkTarget: "data"))
            try writer.add(TarEntry(path: "link/two", kind: .file), big(5))
            try writer.add(TarEntry(path: "data/two", kind: .file), big(6))
            try writer.add(TarEntry(path: "more/deep", kind: .file), big(7))
            try writer.add(TarEntry(path: "more", kind: .file), big(8, 2 << 20))
            try writer.add(TarEntry(path: "more", kind: .directory))
            try writer.add(TarEntry(path: "more/deep", kind: .file), big(9))
            try writer.add(TarEntry(path: "link", kind: .directory))
            try writer.add(TarEntry(path: "link/two", kind: .file), big(10))
        }
        let base = try Fixture.layer(["a": "1"])
        let image: StoredImage
        if committed {
            let parent = try fixture.load(Fixture.layout([base]))[0]
            image = try commit(layer, on: parent.id, "mine")
        } else {
            _ = try fixture.load(Fixture.layout([base, layer], name: "mine:latest", .none))
            image = try fixture.images.resolve("mine")
        }
        #expect(image.layers[1].mediaType == .layer(.none))
        let path = fixture.stores.layers.path(image.layers[1].chain)
        for (name, seed) in [("data/one", 4), ("data/two", 6), ("more/deep", 9), ("link/two", 10)] as [(String, UInt8)]
        {
            let there = try Sys.readFile("\(path)/\(name)", limit: 4 << 20)
            #expect(there == big(seed), "\(name)")
        }
        let loaded = try #require(try StoreFixture().load(saved("mine")).first)
        #expect(loaded.id == image.id)
        _ = try fixture.images.remove("mine", uses: [])
        if committed { _ = try fixture.images.remove("app:1", uses: []) }
        let left = try fixture.leftovers()
        #expect(left.isEmpty)
    }

    @Test func oneTarAsTwoLayers() throws {
        let layer = try tar { try $0.add(TarEntry(path: "huge", kind: .file), big(5, 3 << 20)) }
        let base = try Fixture.layer(["a": "1"])
        let archive = try Fixture.layout([base, layer, base, layer], name: "twice:1", .none)
        let image = try fixture.images.image(try #require(try fixture.load(archive).first).id)
        let huge = try Sys.readFile(fixture.stores.layers.path(image.layers[3].chain) + "/huge", limit: 4 << 20)
        #expect(huge == big(5, 3 << 20))
        let loaded = try #require(try StoreFixture().load(saved("twice:1")).first)
        #expect(loaded.id == image.id)
    }

    @Test func aPlainLayerThatIsAnotherThanTheImageSays() throws {
        let layer = try tar { try $0.add(TarEntry(path: "huge", kind: .file), big(5, 3 << 20)) }
        var lying = layer
        lying.said = try Fixture.layer(["a": "1"]).diffID
        try expectRefusal(of: lying, "holds \(layer.diffID) where the image says")
    }

    /// Nothing of it is left.
    private func expectRefusal(of layer: Fixture.Layer, _ reason: String) throws {
        #expect {
            try fixture.load(Fixture.layout([layer], name: "bad:1", .none))
        } throws: {
            "\($0)".contains(reason)
        }
        let left = try fixture.leftovers()
        #expect(left.isEmpty)
    }

    @Test func theSameLayerFromElsewhereComesToBeAssembled() throws {
        let (base, layer) = (try Fixture.layer(["a": "1"]), try tar())
        let parent = try fixture.load(Fixture.layout([base], name: "base:1"))[0]
        // With its compressed blob.
        _ = try fixture.load(Fixture.layout([base, layer], name: "there:1"))
        _ = try commit(layer, on: parent.id, "mine")
        _ = try commit(layer, on: parent.id, "again")
        let loaded = try #require(try StoreFixture().load(saved("mine")).first)
        #expect(loaded.id == (try fixture.images.resolve("mine").id))
        _ = try fixture.images.remove("there:1", uses: [])
        _ = try saved("again")
        for name in ["mine", "again", "base:1"] { _ = try fixture.images.remove(name, uses: []) }
        let left = try fixture.leftovers()
        #expect(left.isEmpty)
    }

    // MARK: On the way in

    @Test func plainLayersAreUnpackedAsTheyCome() throws {
        let layer = try tar { try $0.add(TarEntry(path: "huge", kind: .file), big(5, 3 << 20)) }
        let archive = try Fixture.layout([Fixture.layer(["a": "1"]), layer], name: "plain:1", .none)
        let image = try fixture.images.image(try #require(try fixture.load(archive).first).id)
        let huge = try Sys.readFile(fixture.stores.layers.path(image.layers[1].chain) + "/huge", limit: 4 << 20)
        #expect(huge == big(5, 3 << 20))
        // What is here already is let go of again.
        _ = try fixture.load(archive)
        _ = try fixture.images.remove("plain:1", uses: [])
        let left = try fixture.leftovers()
        #expect(left.isEmpty)
    }

    @Test func plainLayersThatCannotBeUnpackedSayWhy() throws {
        let hostile = try tar { writer in
            try writer.add(TarEntry(path: "huge", kind: .file), big(5, 3 << 20))
            try writer.add(TarEntry(path: "a/../../b", kind: .file))
        }
        try expectRefusal(of: hostile, "a path with \"..\" is refused")
    }
}
