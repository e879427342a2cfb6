import Archive
import Basics
import Glibc
import Kernel
import OCI
import Storage
import Testing

@Suite struct ImageSaveTests {
    let fixture: StoreFixture
    init() throws { fixture = try StoreFixture() }

    private func save(_ names: [String]) throws -> [UInt8] {
        let sink = MemorySink()
        try fixture.images.save(names, to: sink)
        return sink.bytes
    }

    private func files(_ archive: [UInt8]) throws -> [String] {
        let reader = TarReader(MemorySource(archive))
        var names: [String] = []
        while let entry = try reader.next() { names.append("\(entry.path)") }
        return names
    }

    @Test func roundTrip() throws {
        let base = try Fixture.layer(["a": "1"])
        let gzip = try fixture.load(Fixture.layout([base, Fixture.layer(["b": "2"])]))[0]
        let plain = try fixture.load(
            Fixture.dockerArchive([base, Fixture.layer(["c": "3"])], tags: ["web:2", "web:3"]))[0]
        let archive = try save(["app:1", "web", gzip.id.short])
        let again = try save(["app:1", "web", gzip.id.short])
        #expect(again == archive)
        let names = try files(archive)
        #expect(Set(names).count == names.count)
        let other = try StoreFixture()
        let loaded = try other.load(archive)
        #expect(loaded.map(\.id) == [gzip.id, plain.id])
        #expect(loaded.map { $0.names.map(\.familiar) } == [["app:1"], ["web:2", "web:3"]])
        let image = try other.images.resolve("app:1")
        let original = try fixture.images.resolve("app:1")
        #expect(image.layers == original.layers)
        #expect(image.manifest == original.manifest)
    }

    @Test func anIdentifierIsSavedWithoutName() throws {
        let id = try fixture.load(Fixture.layout([Fixture.layer(["a": "1"])]))[0].id
        let other = try StoreFixture()
        let loaded = try other.load(save([id.short]))
        #expect(loaded.first?.id == id)
        #expect(loaded.first?.names.isEmpty == true)
    }

    @Test func damagedBlobsAreNotHandedOn() throws {
        try fixture.images.tag(
            fixture.load(Fixture.layout([Fixture.layer(["a": "1"])]))[0].id.hex, as: ImageReference("x"))
        let blob = try fixture.images.resolve("x").layers[0].blob
        let path = fixture.stores.content.path(blob.digest)
        var bytes = try Sys.readFile(path)
        bytes[bytes.count / 2] ^= 1
        try Sys.replaceFile(path, bytes)
        let error = #expect(throws: StorageError.self) { try save(["x"]) }
        #expect(error?.description.contains("is damaged") == true)
        try Sys.unlink(path)
        #expect(throws: StorageError.self) { try save(["x"]) }
        #expect(throws: StorageError.notFound("No such image: y:latest")) { try save(["y"]) }
    }

    /// Our archive as others see it.
    @Test(
        .enabled(if: access("/usr/bin/skopeo", X_OK) == 0, "needs skopeo"),
        arguments: ["docker-archive", "oci-archive"])
    func skopeoReadsIt(_ transport: String) throws {
        let layers = [try Fixture.layer(["a": "1"]), try Fixture.layer(["b": "2"])]
        let id = try fixture.load(Fixture.layout(layers))[0].id
        let file = fixture.place.path + "/saved.tar"
        try Sys.replaceFile(file, save(["app:1"]))
        let out = fixture.place.path + "/out"
        let status = system("/usr/bin/skopeo inspect --config --raw \(transport):\(file) > \(out) 2>&1")
        let text = try Sys.readText(out)
        #expect(status == 0, "\(text)")
        let digest = SHA256Hasher.digest(of: Array(text.utf8))
        #expect(digest == id)
        let copied = system(
            "/usr/bin/skopeo copy --insecure-policy -q \(transport):\(file) dir:\(fixture.place.path)/copy > \(out) 2>&1"
        )
        let complaint = try Sys.readText(out)
        #expect(copied == 0, "\(complaint)")
    }

    /// And we what others make of it.
    @Test(
        .enabled(if: access("/usr/bin/skopeo", X_OK) == 0, "needs skopeo"),
        arguments: ["docker-archive", "oci-archive"])
    func loadsWhatSkopeoWrites(_ transport: String) throws {
        let id = try fixture.load(Fixture.layout([Fixture.layer(["a": "1"])]))[0].id
        let file = fixture.place.path + "/saved.tar"
        let copy = fixture.place.path + "/copy.tar"
        try Sys.replaceFile(file, save(["app:1"]))
        let status = system(
            "/usr/bin/skopeo copy --insecure-policy -q oci-archive:\(file) \(transport):\(copy):docker.io/library/other:7 > \(fixture.place.path)/out 2>&1"
        )
        let complaint = try Sys.readText(fixture.place.path + "/out")
        #expect(status == 0, "\(complaint)")
        let loaded = try fixture.images.load(FileSource(path: copy))
        #expect(loaded.map { $0.names.map(\.familiar) } == [["other:7"]])
        #expect(loaded.map(\.id) == [id])
    }
}
