import FoundationEssentials
import OCI
import Testing

@Suite struct JSONStreamEncoderTests {
    private struct Everything: Codable, Equatable {
        var text = "a \"b\" \\ \n \u{1} é \u{1F600} /"
        var numbers: [Int] = [0, -1, .max]
        var wide: UInt64 = .max
        var flag = true
        var missing: String?
        var ratio = -0.5
        var empty: [String] = []
        var table = ["x": ["y"], "z": []]
        var nested: [[String: Int]] = [[:], ["a": 1]]
    }

    @Test func comesBack() throws {
        let value = Everything()
        let bytes = try JSONStreamEncoder.encode(value)
        #expect(try JSONDecoder().decode(Everything.self, from: Data(bytes)) == value)
        #expect(try JSONTreeDecoder.decode(Everything.self, from: bytes) == value)
    }

    @Test func containersOfEveryKind() throws {
        struct Inside: Encodable {
            enum Key: String, CodingKey { case a, b, c }
            func encode(to encoder: any Encoder) throws {
                var fields = encoder.container(keyedBy: Key.self)
                var list = fields.nestedUnkeyedContainer(forKey: .a)
                try list.encode(1)
                try list.encodeNil()
                var deeper = list.nestedContainer(keyedBy: Key.self)
                try deeper.encode("x", forKey: .b)
                try fields.encodeNil(forKey: .b)
                // Once more for the same object, as a type does that writes another's fields beside its own.
                var again = encoder.container(keyedBy: Key.self)
                try again.encode(Nothing(), forKey: .c)
            }
        }
        struct Nothing: Encodable { func encode(to encoder: any Encoder) {} }
        let text = String(decoding: try JSONStreamEncoder.encode(Inside()), as: UTF8.self)
        #expect(text == #"{"a":[1,null,{"b":"x"}],"b":null,"c":{}}"#)
        #expect(try JSONStreamEncoder.encode(7) == Array("7".utf8))
        #expect(throws: EncodingError.self) { _ = try JSONStreamEncoder.encode([Double.nan]) }
    }
}
