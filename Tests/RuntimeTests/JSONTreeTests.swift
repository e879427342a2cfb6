import Basics
import OCI
import Testing

/// The decoder of what clients and archives send.
@Suite struct JSONTreeTests {
    private struct Sample: Codable, Equatable {
        var text: String
        var small: UInt16?
        var big: UInt64?
        var signed: Int64?
        var flag: Bool?
        var list: [Int32]?
        var table: [String: String]?
        var inner: [Inner]?
        struct Inner: Codable, Equatable { var name: String }
    }

    private func decode(_ text: String) throws -> Sample {
        try JSONTreeDecoder.decode(Sample.self, from: Array(text.utf8))
    }

    @Test func values() throws {
        let sample = try decode(
            """
             {"text" : "a\\n\\u00e9\\ud83d\\ude00\\/\\"é", "small":65535, "big":18446744073709551615,
              "signed":-1e3, "flag":true, "list":[ ], "table":{"k":"v"}, "inner":[{"name":"x"},{"name":""}],
              "unknown":[1,{"a":null}], "more":null}
            """)
        let expected = Sample(
            text: "a\né😀/\"é", small: 65535, big: .max, signed: -1000, flag: true, list: [], table: ["k": "v"],
            inner: [.init(name: "x"), .init(name: "")])
        #expect(sample == expected)
        #expect(try decode(#"{"text":"","small":null}"#) == Sample(text: ""))
    }

    @Test func whatTheEncoderWrites() throws {
        let spec = RuntimeSpec(
            ociVersion: "1.2.0", process: ProcessSpec(args: ["sh", "-c", "é\u{1}\u{7f}\u{2028}"], cwd: "/"),
            mounts: [MountSpec(destination: "/proc", type: "proc", options: ["nosuid"])],
            annotations: ["a\"b": "c\\d"],
            linux: LinuxSpec(resources: LinuxResources(memory: LinuxMemory(limit: -1, swappiness: 60))))
        let decoded = try JSONTreeDecoder.decode(RuntimeSpec.self, from: JSONWriter.bytes(of: spec))
        #expect(decoded == spec)
    }

    @Test(arguments: [
        "", " ", "{", "{}", "[]", "nul", "{\"text\"", "{\"text\":}", "{\"text\":\"a\"", "{\"text\":\"a\"}x",
        "{\"text\":\"a\",}", "{\"text\":1}", "{\"text\":null}", "{text:\"a\"}", "{\"text\":\"a", "{\"text\":\"\\x\"}",
        "{\"text\":\"\\ud800\"}", "{\"text\":\"\\udc00\"}", "{\"text\":\"\\u12\"}", "{\"text\":\"\u{1}\"}",
        "{\"text\":\"a\",\"small\":65536}", "{\"text\":\"a\",\"small\":-1}", "{\"text\":\"a\",\"small\":1.5}",
        "{\"text\":\"a\",\"small\":01}", "{\"text\":\"a\",\"small\":1.}", "{\"text\":\"a\",\"small\":-}",
        "{\"text\":\"a\",\"list\":[1,]}", "{\"text\":\"a\",\"list\":[1 2]}", "{\"text\":\"a\",\"inner\":[{}]}",
    ])
    func refused(_ text: String) {
        #expect(throws: DecodingError.self) { try decode(text) }
    }

    @Test func hostile() {
        let deep = Array(repeating: UInt8(ascii: "["), count: 100_000)
        #expect(throws: DecodingError.self) { try JSONTreeDecoder.decode(Sample.self, from: deep) }
        let invalid: [UInt8] = Array("{\"text\":\"".utf8) + [0xff, 0xc0] + Array("\"}".utf8)
        #expect(throws: DecodingError.self) { try JSONTreeDecoder.decode(Sample.self, from: invalid) }
    }

    /// Looked through for each name they would take hours.
    @Test func objectsWithManyMembers() throws {
        for count in [31, 32, 33, 200_000] {
            let members = (0..<count).map { "\"k\($0)\":\"\($0)\"" } + ["\"k7\":\"last\""]
            let sample = try decode("{\"text\":\"a\",\"table\":{\(members.joined(separator: ","))}}")
            #expect(sample.table?.count == count)
            #expect(sample.table?["k7"] == "last")
            #expect(sample.table?["k\(count - 1)"] == "\(count - 1)")
        }
    }

    @Test func placesInErrors() {
        do {
            _ = try decode(#"{"text":"a","inner":[{"name":"x"},{"name":7}]}"#)
            Issue.record("a number was taken for a name")
        } catch let DecodingError.typeMismatch(_, context) {
            #expect(context.codingPath.map(\.stringValue) == ["inner", "1", "name"])
        } catch {
            Issue.record("\(error)")
        }
    }
}
