import Archive
import Basics
import Kernel
import OCI
import Storage
import Testing

/// Archives made to break things: each ends in an error that tells why, and leaves nothing.
@Suite struct HostileArchiveTests {
    private func refused(_ archive: [UInt8], _ reason: String, sourceLocation: SourceLocation = #_sourceLocation) throws
    {
        let fixture = try StoreFixture()
        let error = #expect(throws: (any Error).self, sourceLocation: sourceLocation) { try fixture.load(archive) }
        let text = error.map { "\($0)" } ?? ""
        #expect(text.contains(reason), sourceLocation: sourceLocation)
        let left = try fixture.leftovers()
        #expect(left.isEmpty, sourceLocation: sourceLocation)
        let images = try fixture.images.all()
        #expect(images.isEmpty, sourceLocation: sourceLocation)
    }

    private func table(_ json: String, _ more: [(String, [UInt8])] = []) throws -> [UInt8] {
        try Fixture.tar(more + [("manifest.json", Array(json.utf8))])
    }

    @Test func notAnArchive() throws {
        try refused([], "")
        try refused(Array("hello, world".utf8), "")
        try refused(Fixture.tar([("etc/passwd", [1])]), "use import")
        try refused([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0], "xz")
    }

    @Test func badTables() throws {
        try refused(table("{"), "manifest.json")
        try refused(table("{}"), "manifest.json")
        try refused(table("[{\"Config\":\"../../etc/passwd\",\"Layers\":[]}]"), "is not in the archive")
        try refused(table("[{\"Config\":\"/etc/passwd\",\"Layers\":[]}]"), "is not in the archive")
        let config = try Fixture.config([])
        try refused(
            table("[{\"Config\":\"c\",\"Layers\":[\"x\"]}]", [("c", config)]), "its layer x is not in the archive")
        try refused(
            table("[{\"Config\":\"c\",\"Layers\":null,\"RepoTags\":[\"../..\"]}]", [("c", config)]),
            "invalid reference format")
        let layer = try Fixture.layer(["a": "1"])
        try refused(
            table("[{\"Config\":\"c\",\"Layers\":[]}]", [("c", Fixture.config([layer]))]),
            "0 layers, but its configuration names 1")
        let windows = try Fixture.config([]) { $0.os = "windows" }
        try refused(table("[{\"Config\":\"c\",\"Layers\":[]}]", [("c", windows)]), "only images for linux")
    }

    @Test func documentsAreBounded() throws {
        let huge = Array(repeating: UInt8(ascii: "["), count: (4 << 20) + 1)
        try refused(Fixture.tar([("manifest.json", huge)]), "more than the 4194304 allowed")
        let deep = String(repeating: "[", count: 100_000)
        try refused(table(deep), "manifest.json")
    }

    @Test func contentThatIsNotWhatItsDigestSays() throws {
        let layer = try Fixture.layer(["a": "1"])
        let other = try Fixture.layer(["a": "2"])
        try refused(Fixture.dockerArchive([other], config: Fixture.config([layer])), "layer \(layer.diffID.short)")
        let wrongName = try Fixture.tar([("blobs/sha256/\(layer.diffID.hex)", [1, 2, 3])])
        try refused(wrongName, "its digest is")
    }

    @Test func descriptorsThatLie() throws {
        let layer = try Fixture.layer(["a": "1"])
        let parts = try Fixture.parts([layer])
        var wrongSize = parts.manifest
        wrongSize.size += 1
        try refused(Fixture.layout(parts, [wrongSize]), "its descriptor says")
        var wrongType = parts.manifest
        wrongType.mediaType = .index
        try refused(Fixture.layout(parts, [wrongType]), "is said to be")
        let absent = Descriptor(mediaType: .manifest, digest: layer.diffID, size: 1)
        try refused(Fixture.layout(parts, [absent]), "not in it")
        var foreign = parts.manifest
        foreign.digest = "sha512:" + String(repeating: "ab", count: 64)
        try refused(Fixture.layout(parts, [foreign]), "other than sha256")
    }

    @Test func confusedDocuments() throws {
        let layer = try Fixture.layer(["a": "1"])
        var parts = try Fixture.parts([layer])
        let text = """
            {"schemaVersion":2,"config":{"mediaType":"\(MediaType.config)","digest":"\(layer.diffID)","size":1},
             "layers":[],"manifests":[]}
            """
        let both = parts.add(Array(text.utf8), .manifest)
        try refused(Fixture.layout(parts, [both]), "ambiguous")
    }

    @Test func indexesThatNeverEnd() throws {
        var parts = try Fixture.parts([Fixture.layer(["a": "1"])])
        var current = parts.manifest
        for _ in 0..<12 { current = parts.add(try JSONText.encode(ImageIndex(manifests: [current])), .index) }
        try refused(Fixture.layout(parts, [current]), "nested too deeply")
    }

    @Test func linksThatLeadNowhere() throws {
        let config = try Fixture.config([])
        for target in ["../../../etc/passwd", "self", "/etc/passwd"] {
            let sink = MemorySink()
            let writer = TarWriter(sink)
            try writer.add(TarEntry(path: "self", kind: .symlink, linkTarget: BytePath(target)))
            try writer.add(TarEntry(path: "c", kind: .file), config)
            try writer.add(
                TarEntry(path: "manifest.json", kind: .file), Array("[{\"Config\":\"self\",\"Layers\":[]}]".utf8))
            try writer.finish()
            try refused(sink.bytes, "is not in the archive")
        }
    }

    @Test func moreLayersThanCanBeStacked() throws {
        let layer = try Fixture.layer(["a": "1"])
        let layers = Array(repeating: layer, count: 501)
        let config = try Fixture.config(layers)
        let entry = DockerArchiveEntry(config: "c", repoTags: nil, layers: Array(repeating: "l", count: 501))
        try refused(
            Fixture.tar([("l", layer.tar), ("c", config), ("manifest.json", JSONText.encode([entry]))]), "501 layers")
    }

    /// Bytes of a small archive changed in turn: an error or a sound image, never a crash or a leftover.
    @Test(arguments: [0, 1]) func mutations(_ form: Int) throws {
        let layer = try Fixture.layer(["a": "1"])
        let archive = try form == 0 ? Fixture.dockerArchive([layer]) : Fixture.layout([layer])
        let fixture = try StoreFixture()
        for offset in stride(from: 0, to: archive.count, by: 37) {
            var mutated = archive
            mutated[offset] ^= 0x41
            if let loaded = try? fixture.load(mutated) {
                for image in loaded { try fixture.images.remove(image.id.description, force: true, uses: []) }
            }
        }
        let left = try fixture.leftovers()
        #expect(left.isEmpty)
    }
}
