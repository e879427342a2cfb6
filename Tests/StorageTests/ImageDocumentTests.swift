import Basics
import OCI
import Storage
import Testing

@Suite struct ImageDocumentTests {
    static let digest = "sha256:" + String(repeating: "ab", count: 32)

    private func decode<T: Decodable>(_ type: T.Type, _ text: String) throws -> T {
        try JSONText.decode(type, Array(text.utf8), subject: "document")
    }

    @Test func configKeepsUnknownFieldsAndTakesNullAsAbsent() throws {
        let text = """
            {"architecture":"amd64","os":"linux","created":null,"moby.x":{"a":[1,null,"s",1.5,true]},
             "config":{"Env":null,"Cmd":["a"],"Entrypoint":null,"Volumes":{"/v":{}},"Labels":null,"Hostname":"h"},
             "rootfs":{"type":"layers","diff_ids":["\(Self.digest)"]},
             "history":[{"created_by":"x","empty_layer":true}]}
            """
        let config = try decode(ImageConfig.self, text)
        #expect(config.created == nil)
        #expect(config.config.cmd == ["a"])
        #expect(config.config.entrypoint == nil)
        #expect(config.config.volumes.sorted == ["/v"])
        #expect(config.config.other["Hostname"] == .string("h"))
        #expect(config.diffIDs.map(\.description) == [Self.digest])
        #expect(config.history.first?.emptyLayer == true)
        let again = try JSONText.decode(ImageConfig.self, JSONText.encode(config), subject: "again")
        #expect(again == config)
        #expect(
            again.other["moby.x"]
                == .object(["a": .array([.integer(1), .null, .string("s"), .number(1.5), .bool(true)])]))
    }

    @Test(arguments: [
        "{}", "[]", "", "null", "\"x\"", "{\"rootfs\":null}",
        "{\"rootfs\":{\"type\":\"zip\"}}", "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:../../x\"]}}",
        "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"md5:00\"]}}",
        "{\"rootfs\":{\"type\":\"layers\"},\"config\":[]}",
    ]) func refusesConfigs(_ text: String) {
        #expect(throws: JSONError.self) { try decode(ImageConfig.self, text) }
    }

    @Test func refusesDeepNesting() {
        let deep = String(repeating: "[", count: 10_000) + String(repeating: "]", count: 10_000)
        #expect(throws: JSONError.self) { try decode(JSONValue.self, deep) }
    }

    private func document(_ fields: String, as expected: MediaType? = nil) throws -> ImageDocument {
        try ImageDocument(Array("{\(fields)}".utf8), expected: expected, subject: "blob")
    }
    static let blob = "{\"mediaType\":\"x\",\"digest\":\"\(digest)\",\"size\":3}"

    @Test func tellsManifestFromIndex() throws {
        guard
            case .manifest(let manifest) = try document(
                "\"schemaVersion\":2,\"config\":\(Self.blob),\"layers\":[\(Self.blob)]")
        else { return #expect(Bool(false)) }
        #expect(manifest.layers.count == 1)
        guard case .index(let index) = try document("\"schemaVersion\":2,\"manifests\":[]", as: .dockerIndex)
        else { return #expect(Bool(false)) }
        #expect(index.manifests.isEmpty)
    }

    @Test func refusesConfusion() {
        let manifest = "\"schemaVersion\":2,\"config\":\(Self.blob),\"layers\":[]"
        #expect(throws: JSONError.self) { try document(manifest + ",\"manifests\":[]") }
        #expect(throws: JSONError.self) { try document(manifest, as: .index) }
        #expect(throws: JSONError.self) { try document("\"mediaType\":\"\(MediaType.index)\"," + manifest) }
        #expect(throws: JSONError.self) {
            try document("\"mediaType\":\"\(MediaType.manifest)\"," + manifest, as: .dockerManifest)
        }
        #expect(throws: JSONError.self) { try document("\"schemaVersion\":1,\"config\":\(Self.blob),\"layers\":[]") }
        #expect(throws: JSONError.self) { try document("\"schemaVersion\":2") }
    }

    @Test(arguments: [
        "{\"digest\":\"sha256:abc\",\"size\":1}", "{\"digest\":\"\(digest)\",\"size\":-1}",
        "{\"digest\":\"\(digest)\",\"size\":1e30}", "{\"digest\":\"../../x\",\"size\":1}", "{\"digest\":\"\(digest)\"}",
        "{\"digest\":\"md5:../x\",\"size\":1}",
    ]) func refusesDescriptors(_ text: String) {
        #expect(throws: JSONError.self) { try decode(Descriptor.self, text) }
    }

    @Test func foreignDigestsParseButAreNotUsed() throws {
        let descriptor = try decode(Descriptor.self, "{\"digest\":\"blake3:\(Self.digest.dropFirst(7))\",\"size\":1}")
        #expect(throws: JSONError.self) { try descriptor.sha256() }
    }

    @Test func layerTypes() {
        #expect(MediaType.layerZstd.layerCompression == .zstd)
        #expect(MediaType.dockerLayerGzip.layerCompression == .gzip)
        #expect(MediaType.layer.layerCompression == MediaType.LayerCompression.none)
        #expect(MediaType.config.layerCompression == nil)
    }
}
