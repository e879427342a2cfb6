import Basics
import Kernel
import Supervision
import Testing

@testable import NameServer

/// A resolver with files in a directory of its own.
private final class Subject {
    let scratch: ScratchDirectory
    var resolver: Resolver
    let space = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)

    init(networks: [NameTable] = [], upstreams: [String] = [], isInternal: Bool = false) throws {
        scratch = try ScratchDirectory()
        resolver = Resolver(path: scratch.path + "/resolver")
        try set(networks: networks, upstreams: upstreams, isInternal: isInternal)
    }
    deinit { space.deallocate() }

    func set(networks: [NameTable] = [], upstreams: [String] = [], isInternal: Bool = false) throws {
        for (index, table) in networks.enumerated() { try table.write("\(scratch.path)/\(index)") }
        let file = ResolverFile(
            networks: networks.indices.map { "\(scratch.path)/\($0)" },
            upstreams: upstreams.compactMap { ResolverFile.Upstream($0) }, isInternal: isInternal)
        try file.write(scratch.path + "/resolver")
    }

    func take(_ question: Question, limit: Int? = nil) -> Resolver.Outcome {
        resolver.take(question.bytes, limit: limit, using: space)
    }
    func ask(_ name: String, _ kind: UInt16 = 1, limit: Int? = nil, edns: UInt16? = nil) throws -> Reply {
        let outcome = take(Question(name: name, kind: kind, datagramSize: edns), limit: limit)
        guard case .answer(let bytes) = outcome else { throw DNSProblem.noQuestion }
        return try Reply(bytes)
    }
    func isAsked(_ name: String, _ kind: UInt16 = 1) -> Bool {
        if case .ask = take(Question(name: name, kind: kind)) { true } else { false }
    }
}

private func table(_ names: [String: [String]], hosts: [String: String] = [:]) -> NameTable {
    var table = NameTable()
    for (name, addresses) in names { table.add(name, addresses.compactMap { IPAddress($0) }) }
    for (address, name) in hosts { table.setHost(IPAddress(address)!, name) }
    return table
}

@Suite struct ResolverTests {
    @Test func answersFromTables() throws {
        let subject = try Subject(
            networks: [
                table(
                    ["web": ["172.18.0.2", "fd00::2"], "web.one": ["172.18.0.2"], "only6": ["fd00::3"]],
                    hosts: ["172.18.0.2": "web.one", "fd00::2": "web.one"]),
                table(["web": ["172.19.0.9"], "only6": ["172.19.0.3"], "other": ["172.19.0.2"]]),
            ], upstreams: ["192.0.2.1"])
        #expect(try subject.ask("web").addresses == ["172.18.0.2"])
        #expect(try subject.ask("WEB").addresses == ["172.18.0.2"])
        #expect(try subject.ask("web", 28).addresses == ["fd00::2"])
        #expect(try subject.ask("web.one").addresses == ["172.18.0.2"])
        #expect(try subject.ask("web").timesToLive == [1])
        // A network's own addresses first; another's, when it has none of the kind.
        #expect(try subject.ask("only6").addresses == ["172.19.0.3"])
        #expect(try subject.ask("other").addresses == ["172.19.0.2"])
        // There is the name, but nothing else of it.
        for kind: UInt16 in [28, 15, 16, 33, 255, 65] {
            let reply = try subject.ask("other", kind)
            #expect(reply.code == 0 && reply.records.isEmpty)
        }
        #expect(try subject.ask("2.0.18.172.in-addr.arpa", 12).name == "web.one")
        let six = "2.0.0.0." + String(repeating: "0.", count: 24) + "0.0.d.f.ip6.arpa"
        #expect(try subject.ask(six, 12).name == "web.one")
        for name in ["we", "webb", "web.two", "name", "example.org", ""] { #expect(subject.isAsked(name), "\(name)") }
        #expect(subject.isAsked("9.0.18.172.in-addr.arpa", 12))
        #expect(subject.isAsked("example.org", 16))
    }

    @Test func rotatesEachName() throws {
        let subject = try Subject(networks: [
            table(["db": ["10.0.0.1", "10.0.0.2"], "web": ["10.0.0.3", "10.0.0.4", "10.0.0.5", "fd00::1", "fd00::2"]])
        ])
        var first: [String: [String: Int]] = [:]
        for _ in 0..<60 {
            for name in ["db", "web"] {
                let reply = try subject.ask(name)
                #expect(Set(reply.addresses).count == (name == "db" ? 2 : 3))
                first[name, default: [:]][reply.addresses[0], default: 0] += 1
            }
            _ = try subject.ask("web", 28)
        }
        #expect(first["db"] == ["10.0.0.1": 30, "10.0.0.2": 30])
        #expect(first["web"] == ["10.0.0.3": 20, "10.0.0.4": 20, "10.0.0.5": 20])
    }

    @Test func internalNetworksKeepTheirQuestions() throws {
        let subject = try Subject(
            networks: [table(["db": ["10.0.0.1"]])], upstreams: ["192.0.2.1"], isInternal: true)
        #expect(try subject.ask("db").addresses == ["10.0.0.1"])
        for kind: UInt16 in [1, 28, 12, 16, 255] { #expect(try subject.ask("secret.example.org", kind).code == 2) }
        try subject.set(networks: [], upstreams: [])
        #expect(try subject.ask("example.org").code == 2)
        try subject.set(networks: [], upstreams: ["192.0.2.1", "192.0.2.2#5353"])
        guard case .ask(_, let upstreams) = subject.take(Question(name: "example.org")) else {
            Issue.record("not asked")
            return
        }
        #expect(upstreams.map(\.description) == ["192.0.2.1", "192.0.2.2#5353"])
    }

    @Test func seesChangesAtOnce() throws {
        let subject = try Subject(networks: [table(["db": ["10.0.0.1"]])], upstreams: ["192.0.2.1"])
        for number in 2..<50 {
            try table(["db": ["10.0.0.\(number)"]]).write("\(subject.scratch.path)/0")
            #expect(try subject.ask("db").addresses == ["10.0.0.\(number)"])
            try subject.set(networks: [], upstreams: ["192.0.2.1"])
            #expect(subject.isAsked("db"))
            try subject.set(networks: [table(["db": ["10.0.0.\(number)"]])])
            #expect(try subject.ask("db").addresses == ["10.0.0.\(number)"])
        }
        // The last one counts when there is none.
        try Sys.unlink("\(subject.scratch.path)/resolver")
        #expect(try subject.ask("db").addresses == ["10.0.0.49"])
        try Sys.unlink("\(subject.scratch.path)/0")
        #expect(try subject.ask("db").code == 2)
    }

    @Test func largeTables() throws {
        var names: [String: [String]] = ["all": (0..<1000).map { "10.1.\($0 / 250).\($0 % 250)" }]
        for number in 0..<4000 {
            names["container-with-a-long-name-\(number)"] = ["10.0.\(number / 250).\(number % 250)"]
        }
        let subject = try Subject(networks: [table(names)], upstreams: ["192.0.2.1"])
        for number in [0, 1, 999, 3999] {
            let reply = try subject.ask("container-with-a-long-name-\(number)")
            #expect(reply.addresses == ["10.0.\(number / 250).\(number % 250)"])
        }
        #expect(subject.isAsked("container-with-a-long-name-4000"))
        let small = try subject.ask("all")
        #expect(small.isTruncated && small.bytes.count <= 512 && small.records.count > 25)
        let larger = try subject.ask("all", edns: 4096)
        #expect(larger.isTruncated && larger.bytes.count <= 4096 && larger.hasOptions && larger.records.count > 250)
        let whole = try subject.ask("all", limit: 65535)
        #expect(!whole.isTruncated && Set(whole.addresses).count == 1000)
    }

    @Test func readsOddFiles() throws {
        let subject = try Subject(networks: [NameTable()], upstreams: ["192.0.2.1"])
        let long = String(repeating: "x", count: 70_000)
        let text =
            "name web 10.0.0.1\nname \(long) 10.0.0.9\n\n\nname\nname db\nname db 10.0.0.2 rubbish 10.0.0.3\nname last 10.0.0.4"
        try Sys.replaceFile("\(subject.scratch.path)/0", text.utf8)
        #expect(try subject.ask("web").addresses == ["10.0.0.1"])
        #expect(Set(try subject.ask("db").addresses) == ["10.0.0.2", "10.0.0.3"])
        // Without its line end it may be a part of something.
        #expect(subject.isAsked("last"))
        #expect(subject.isAsked("x"))
    }

    @Test func refusesOddQuestions() throws {
        let subject = try Subject(networks: [table(["web": ["10.0.0.1"]])], upstreams: ["192.0.2.1"])
        guard case .answer(let chaos) = subject.take(Question(name: "version.bind", kind: 16, recordClass: 3)),
            case .answer(let any) = subject.take(Question(name: "web", recordClass: 255))
        else {
            Issue.record("no answers")
            return
        }
        #expect(try Reply(chaos).code == 5)
        #expect(try Reply(any).code == 5)
        // EDNS of a version to come: BADVERS is 16, its lower bits in the header.
        var later = Question(name: "web", datagramSize: 1232).bytes
        later[later.count - 5] = 1
        guard case .answer(let version) = subject.resolver.take(later, limit: nil, using: subject.space) else {
            Issue.record("no answer")
            return
        }
        #expect(try Reply(version).code == 0)
        #expect(version[version.count - 6] == 1)
    }

    /// Whatever comes in, nothing traps, and what goes out can be read.
    @Test func survivesRubbish() throws {
        let subject = try Subject(
            networks: [table(["web": ["10.0.0.1", "fd00::1"]], hosts: ["10.0.0.1": "web.net"])],
            upstreams: ["192.0.2.1"])
        var random = Seeded(state: 0x5eed_0001)
        let seeds = [
            Question(name: "web").bytes, Question(name: "web", kind: 28, datagramSize: 1232).bytes,
            Question(name: "1.0.0.10.in-addr.arpa", kind: 12).bytes,
            Question(name: "a.b.c.example.org", kind: 16).bytes,
        ]
        var outcomes = (answers: 0, asked: 0, nothing: 0)
        for _ in 0..<40_000 {
            var bytes = seeds[Int(random.next() % 4)]
            for _ in 0..<(1 + random.next() % 4) {
                let place = Int(random.next() % UInt64(max(1, bytes.count)))
                switch random.next() % 5 {
                case 0 where !bytes.isEmpty: bytes[place] = UInt8(truncatingIfNeeded: random.next())
                case 1 where !bytes.isEmpty: bytes[place] ^= 1 << UInt8(random.next() % 8)
                case 2: bytes = Array(bytes[..<min(place, bytes.count)])
                case 3: bytes += (0..<(random.next() % 40)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
                default:
                    bytes.insert(
                        contentsOf: [0xc0, UInt8(truncatingIfNeeded: random.next())], at: min(place, bytes.count))
                }
            }
            switch subject.resolver.take(bytes, limit: nil, using: subject.space) {
            case .nothing: outcomes.nothing += 1
            case .answer(let answer):
                outcomes.answers += 1
                let reply = try Reply(answer)
                #expect(answer[..<2] == bytes[..<2] && reply.flags & 0x8000 != 0)
            case .ask(let query, _):
                outcomes.asked += 1
                // What comes back is no better.
                var back = upstreamAnswer(query.message(id: 1), [1, 2, 3, 4])
                if !back.isEmpty {
                    back[Int(random.next() % UInt64(back.count))] = UInt8(truncatingIfNeeded: random.next())
                }
                back = Array(back[..<Int(random.next() % UInt64(back.count + 1))])
                if query.match(back, id: 1) == .answer {
                    #expect(query.adopt(back, limit: 512).count <= 512)
                }
            }
        }
        #expect(outcomes.answers > 1000 && outcomes.asked > 1000 && outcomes.nothing > 1000, "\(outcomes)")
    }
}

/// SplitMix64
private struct Seeded {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}
