import Testing

@testable import Command

@Suite struct DetachKeysTests {
    private func scan(_ keys: String, _ pieces: [[UInt8]]) throws -> (String, Bool) {
        var scanner = DetachScanner(try DetachKeys(keys))
        var forward: [UInt8] = []
        for piece in pieces {
            let (bytes, detached) = scanner.scan(piece)
            forward += bytes
            if detached { return (String(decoding: forward, as: UTF8.self), true) }
        }
        forward += scanner.rest()
        return (String(decoding: forward, as: UTF8.self), false)
    }

    @Test func parses() throws {
        #expect(try DetachKeys("ctrl-p,ctrl-q").bytes == [16, 17])
        #expect(
            try DetachKeys("ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_,a,Z").bytes == [0, 27, 28, 29, 30, 31, 97, 90])
        #expect(try DetachKeys("").bytes.isEmpty)
        for wrong in ["ctrl-", "ctrl-P", "ctrl-1", "ab", "a,,b", "é"] {
            #expect(throws: CommandError.self) { _ = try DetachKeys(wrong) }
        }
    }

    @Test func scans() throws {
        #expect(try scan("ctrl-p,ctrl-q", [Array("ab".utf8), [16], [17], Array("rest".utf8)]) == ("ab", true))
        // Held back and then passed on.
        #expect(try scan("ctrl-p,ctrl-q", [[16, 97]]) == ("\u{10}a", false))
        #expect(try scan("ctrl-p,ctrl-q", [[16, 16, 17]]) == ("\u{10}", true))
        #expect(try scan("ctrl-p,ctrl-q", [[16]]) == ("\u{10}", false))
        #expect(try scan("a,a,b", [Array("aaab".utf8)]) == ("a", true))
        #expect(try scan("a,b,a,c", [Array("ababac".utf8)]) == ("ab", true))
        #expect(try scan("", [[16, 17]]) == ("\u{10}\u{11}", false))
    }
}
