import Basics
import Testing

@testable import NameServer

@Suite struct CodecTests {
    @Test func readsQuestions() throws {
        let query = try DNSQuery(Question(name: "WEB.MyNet", kind: 28, datagramSize: 1400).bytes)
        #expect(query.name == Array("web.mynet".utf8))
        #expect(query.kind == 28)
        #expect(query.id == 0x1234)
        #expect(query.options == .init(datagramSize: 1400, version: 0))
        #expect(query.datagramLimit == 1400)
        let plain = try DNSQuery(Question(name: "").bytes)
        #expect(plain.name == [])
        #expect(plain.datagramLimit == 512)
        #expect(plain.message(id: 7)[..<2] == [0, 7])
        // A dot inside a label is not one between labels.
        let odd = Array(Question(name: "").bytes[..<12]) + [3, 0x61, 0x2e, 0x62, 0, 0, 1, 0, 1]
        #expect(try DNSQuery(odd).name == nil)
    }

    @Test func refusesWhatIsNoQuestion() throws {
        let good = Question(name: "web").bytes
        for cut in 0..<good.count {
            let expected: DNSProblem = cut < 12 ? .noQuestion : .answer(.formatError)
            #expect(throws: expected) { try DNSQuery(Array(good[..<cut])) }
        }
        func changed(_ index: Int, _ value: UInt8) -> [UInt8] {
            var bytes = good
            bytes[index] = value
            return bytes
        }
        // A response, another operation, no question, two questions, counts that lie.
        #expect(throws: DNSProblem.noQuestion) { try DNSQuery(changed(2, 0x81)) }
        #expect(throws: DNSProblem.answer(.notImplemented)) { try DNSQuery(changed(2, 0x28)) }
        for (index, value): (Int, UInt8) in [(5, 0), (5, 2), (4, 0xff), (6, 0xff), (8, 0xff), (10, 0xff), (11, 1)] {
            #expect(throws: DNSProblem.answer(.formatError)) { try DNSQuery(changed(index, value)) }
        }
        // Pointers: at themselves, forward, into the header; a reserved kind of label; a name without end.
        for name: [UInt8] in [
            [0xc0, 12], [0xc0, 40], [0xc0, 0], [0x40, 0x61, 0], [3, 0x61, 0xc0, 12], [63],
            [UInt8](repeating: 0, count: 0) + Array(repeating: [1, 0x61], count: 127).joined() + [1, 0x61, 0],
        ] {
            #expect(throws: DNSProblem.answer(.formatError)) {
                try DNSQuery(Array(good[..<12]) + name + [0, 1, 0, 1])
            }
        }
        // Two of EDNS, one of another name, and a conversation.
        let options: [UInt8] = [0, 0, 41, 4, 0, 0, 0, 0, 0, 0, 0]
        var twice = good + options + options
        twice[11] = 2
        #expect(throws: DNSProblem.answer(.formatError)) { try DNSQuery(twice) }
        var named = good + [1, 0x61] + options
        named[11] = 1
        #expect(throws: DNSProblem.answer(.formatError)) { try DNSQuery(named) }
        for kind: UInt16 in 249...252 {
            #expect(throws: DNSProblem.answer(.notImplemented)) { try DNSQuery(Question(name: "a", kind: kind).bytes) }
        }
        #expect(throws: DNSProblem.answer(.formatError)) { try DNSQuery(Question(name: "a", kind: 41).bytes) }
    }

    @Test func longestName() throws {
        let label = String(repeating: "a", count: 63)
        let last = String(repeating: "b", count: 61)
        let query = try DNSQuery(Question(name: "\(label).\(label).\(label).\(last)").bytes)
        #expect(query.name?.count == 253)
        #expect(throws: DNSProblem.answer(.formatError)) {
            try DNSQuery(Question(name: "\(label).\(label).\(label).\(last)b").bytes)
        }
    }

    @Test func tellsAnswersFromForgeries() throws {
        let query = try DNSQuery(Question(name: "example.org").bytes)
        let good = upstreamAnswer(query.message(id: 99), [1, 2, 3, 4])
        #expect(query.match(good, id: 99) == .answer)
        #expect(query.match(good, id: 98) == .other)
        for index in 12..<query.questionEnd {
            var forged = good
            forged[index] = forged[index] &+ 3
            #expect(query.match(forged, id: 99) == .other, "\(index)")
        }
        for cut in 0..<query.questionEnd { #expect(query.match(Array(good[..<cut]), id: 99) == .other) }
        var upper = good
        upper[13] = UInt8(ascii: "E")
        #expect(query.match(upper, id: 99) == .answer)
        for code: UInt8 in [2, 5] { #expect(query.match(upstreamAnswer(good, [], code: code), id: 99) == .other) }
        for (code, match): (UInt8, DNSQuery.Match) in [(2, .failure), (5, .failure), (3, .answer), (0, .answer)] {
            #expect(query.match(upstreamAnswer(query.message(id: 99), [1, 2, 3, 4], code: code), id: 99) == match)
        }
        // Some servers answer with a header alone to what they do not understand.
        #expect(query.match([0, 99, 0x80, 0x04, 0, 0, 0, 0, 0, 0, 0, 0], id: 99) == .failure)
        let adopted = query.adopt(good, limit: 512)
        #expect(try Reply(adopted).id == 0x1234)
        #expect(try Reply(adopted).addresses == ["1.2.3.4"])
        let short = try Reply(query.adopt(good, limit: good.count - 1))
        #expect(short.isTruncated && short.records.isEmpty && short.id == 0x1234)
    }

    @Test func reverseNames() {
        func address(_ name: String) -> String? { ReverseName.address(Array(name.utf8))?.description }
        #expect(address("4.3.2.1.in-addr.arpa") == "1.2.3.4")
        let zeros = String(repeating: "0.", count: 24)
        #expect(address("1.\(zeros)8.b.d.0.1.0.0.2.ip6.arpa") == nil)
        #expect(address("1.0.0.0.\(String(repeating: "0.", count: 20))8.b.d.0.1.0.0.2.ip6.arpa") == "2001:db8::1")
        for name in [
            "", "arpa", "in-addr.arpa", "1.in-addr.arpa", "5.4.3.2.1.in-addr.arpa", "256.3.2.1.in-addr.arpa",
            "a.3.2.1.in-addr.arpa", "..2.1.in-addr.arpa", "ip6.arpa", "4.3.2.1.in-addr.arpa.x",
        ] { #expect(address(name) == nil, "\(name)") }
    }

    @Test func answersFitWhatWasAskedFor() throws {
        let many = (0..<300).map { IPAddress(.v4, 0x0a00_0000 + UInt128($0)) }
        let plain = try DNSQuery(Question(name: "web").bytes)
        for limit in [512, 513, 520, 1000, 65535] {
            let bytes = DNSAnswer.addresses(many, plain, limit: limit)
            let reply = try Reply(bytes)
            #expect(bytes.count <= limit)
            #expect(reply.isTruncated == (limit < 65535))
            #expect(limit - bytes.count < 16 || reply.records.count == 300)
        }
        let asked = try DNSQuery(Question(name: "web", datagramSize: 600).bytes)
        let reply = try Reply(DNSAnswer.addresses(many, asked, limit: 600))
        #expect(reply.hasOptions && reply.isTruncated && reply.bytes.count <= 600)
        let long = String(repeating: "x", count: 64)
        #expect(DNSAnswer.pointer("\(long).net", plain, limit: 512) == nil)
        #expect(DNSAnswer.pointer(String(repeating: "ab.", count: 100) + "c", plain, limit: 512) == nil)
    }
}
