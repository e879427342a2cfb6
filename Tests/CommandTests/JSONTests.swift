import APIModel
import Testing

@testable import Command

@Suite struct JSONTests {
    private static let roundTripCases: [String] = [
        "null", "true", "[]", "{}", "-12", "1.5", #""aü€😀""#, #"{"a":[1,2,{"b":null}],"c":"x"}"#, #""\"\\\n\t\u0001""#,
        "9223372036854775807",
    ]

    @Test(arguments: roundTripCases)
    func roundTrip(_ text: String) throws { #expect(try JSONValue(parsing: text).compact == text) }

    @Test func readsWhatOthersWrite() throws {
        #expect(try JSONValue(parsing: #"  { "a" : "\u00e9\ud83d\ude00\/" } "#) == ["a": "é😀/"])
        #expect(try JSONValue(parsing: #""\ud83d""#) == "\u{fffd}")
        #expect(try JSONValue(parsing: "1e3").integer == 1000)
    }

    @Test(arguments: ["", "{", "[1,]", "{\"a\"}", "tru", "1 2", "\"x", "\"\\q\"", "{1:2}", "-", "\u{0}", "nul\u{0}"])
    func refuses(_ text: String) { #expect(throws: JSONError.self) { _ = try JSONValue(parsing: text) } }

    @Test func keepsOneMember() throws {
        let text = #"[{"a":{"Id":"no"},"Id":"1","b":"x\"}]{","c":[1,{"d":-2.5}] , "e":null},{"Id" : 2},{},3]"#
        #expect(try JSONValue(parsing: Array(text.utf8), keeping: "Id") == [["Id": "1"], ["Id": 2], [:], 3])
    }

    @Test(arguments: [#"[{"a":"#, #"[{"a":}]"#, #"[{"a":1]"#, #"[{"a":"x}]"#, #"[{"a":[}]"#, #"[{"a":"\"#])
    func refusesBrokenOnesInPassing(_ text: String) {
        #expect(throws: JSONError.self) { _ = try JSONValue(parsing: Array(text.utf8), keeping: "Id") }
    }

    @Test func depthIsBounded() {
        #expect(throws: JSONError.self) { _ = try JSONValue(parsing: String(repeating: "[", count: 100_000)) }
    }

    @Test func pretty() {
        let value: JSONValue = ["a": [1, 2], "b": [:], "c": []]
        #expect(value.pretty == "{\n    \"a\": [\n        1,\n        2\n    ],\n    \"b\": {},\n    \"c\": []\n}")
    }

    @Test func encodesTypes() throws {
        let request = ExecCreateRequest(attachStdout: true, consoleSize: [24, 80], command: ["a"])
        let value = try JSONValue(encoding: request)
        #expect(value["AttachStdout"].bool == true)
        #expect(value["ConsoleSize"] == [24, 80])
        #expect(value["Cmd"] == ["a"])
        let event = try JSONValue(
            encoding: EventMessage(
                type: "image", action: "tag", actor: EventActor(id: "x", attributes: ["k": "v"]), time: 1, timeNano: 2))
        #expect(event["Actor"]["Attributes"] == ["k": "v"])
        #expect(event.members.contains { $0.key == "status" } == false)
    }
}
