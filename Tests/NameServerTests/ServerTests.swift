import Basics
import Glibc
import Kernel
import Supervision
import Testing

@testable import NameServer

@Suite(.enabled(if: isRoot, "needs root for network namespaces"))
struct ServerTests {
    @Test func answersOverBothProtocols() throws {
        try Host.run { host in
            let many = (0..<200).map { "10.0.1.\($0)" }
            try host.set(["web": ["10.0.0.1"], "many": many])
            #expect(try host.ask("web")?.addresses == ["10.0.0.1"])
            #expect(try host.ask("many")?.isTruncated == true)
            let question = Question(name: "many", datagramSize: 4096)
            #expect(try host.ask(question)?.records.count == 200)
            let frames = ["web", "many", "web"].map { Question(name: $0).bytes }.flatMap { pair(UInt16($0.count)) + $0 }
            let replies = try host.stream(frames, answers: 3)
            #expect(replies.map(\.records.count) == [1, 200, 1])
            #expect(replies.allSatisfy { !$0.isTruncated })
            #expect(try host.ask("nothing")?.code == 2)
            #expect(host.problem == nil)
        }
    }

    /// The container may be a name server itself: our place is no port of its.
    @Test func leavesThePortToTheContainer() throws {
        try Host.run { host in
            try host.set(["web": ["10.0.0.1"]])
            try host.inside {
                let datagrams = try Sys.bindInternet(.datagram, [0, 0, 0, 0], port: 53)
                let listener = try Sys.bindInternet(.stream, [0, 0, 0, 0], port: 53)
                #expect(try host.ask("web")?.addresses == ["10.0.0.1"])
                let question = Question(name: "web").bytes
                #expect(try host.stream(pair(UInt16(question.count)) + question, answers: 1).count == 1)
                let own = try Sys.connectInternet(.datagram, [127, 0, 0, 1], port: 53)
                _ = try Sys.send(own.raw, [1])
                #expect(try Sys.poll(datagrams.raw, for: .reading, timeout: 1000))
                let stream = try Sys.connectInternet(.stream, [127, 0, 0, 1], port: 53)
                #expect(try Sys.poll(listener.raw, for: .reading, timeout: 1000))
                withExtendedLifetime(stream.raw) {}
            }
        }
    }

    @Test func asksTheHostsServers() throws {
        try Host.run { host in
            try host.set(["web": ["10.0.0.1"]], upstreams: ["127.0.0.53"])
            try host.serve("127.0.0.53") { question, isStream in
                let forged = upstreamAnswer([question[0] &+ 1] + question[1...], [6, 6, 6, 6])
                return isStream
                    ? [upstreamAnswer(question, [2, 2, 2, 2])] : [forged, [], upstreamAnswer(question, [1, 1, 1, 1])]
            }
            let reply = try host.ask(Question(name: "example.org", id: 77))
            #expect(reply?.addresses == ["1.1.1.1"] && reply?.id == 77)
            let question = Question(name: "example.org").bytes
            let frames = pair(UInt16(question.count)) + question
            #expect(try host.stream(frames + frames, answers: 2).map(\.addresses) == [["2.2.2.2"], ["2.2.2.2"]])
            // Single labels too, as Docker does.
            #expect(try host.ask("printer")?.addresses == ["1.1.1.1"])
            let before = host.questions("127.0.0.53")
            #expect(try host.ask("web", 16)?.code == 0)
            #expect(host.questions("127.0.0.53") == before)
            #expect(host.problem == nil)
        }
    }

    @Test func internalNetworksLeakNothing() throws {
        try Host.run { host in
            try host.set(["web": ["10.0.0.1"]], upstreams: ["127.0.0.53"], isInternal: true)
            try host.serve("127.0.0.53") { question, _ in [upstreamAnswer(question, [1, 1, 1, 1])] }
            for kind: UInt16 in [1, 28, 12, 15, 16, 33, 255, 65] {
                #expect(try host.ask("secret.example.org", kind)?.code == 2)
                let question = Question(name: "secret.example.org", kind: kind).bytes
                #expect(try host.stream(pair(UInt16(question.count)) + question, answers: 1).first?.code == 2)
            }
            #expect(try host.ask("web")?.addresses == ["10.0.0.1"])
            #expect(host.questions("127.0.0.53") == 0)
            try host.set(upstreams: ["127.0.0.53"])
            #expect(try host.ask("example.org")?.addresses == ["1.1.1.1"])
        }
    }

    @Test func goesOnToTheNextServer() throws {
        var patience = NameServer.Patience()
        patience.others = 300_000_000
        patience.last = 600_000_000
        try Host.run(patience: patience) { host in
            try host.serve("127.0.0.2") { _, _ in [] }
            try host.serve("127.0.0.3") { question, _ in [upstreamAnswer(question, [], code: 2)] }
            try host.serve("127.0.0.4") { question, _ in [upstreamAnswer(question, [4, 4, 4, 4])] }
            // Nobody there, one that cannot tell, one that is silent, one that knows.
            try host.set(upstreams: ["127.0.0.9", "127.0.0.3", "127.0.0.2", "127.0.0.4"])
            var begin = Clock.boottime()
            #expect(try host.ask("example.org")?.addresses == ["4.4.4.4"])
            #expect((250_000_000..<1_000_000_000).contains(Clock.boottime() - begin))
            // The silent one is asked last from now on.
            begin = Clock.boottime()
            #expect(try host.ask("example.com")?.addresses == ["4.4.4.4"])
            #expect(Clock.boottime() - begin < 250_000_000)
            #expect(host.questions("127.0.0.2") == 1)
            let question = Question(name: "example.org").bytes
            #expect(
                try host.stream(pair(UInt16(question.count)) + question, answers: 1).first?.addresses == ["4.4.4.4"])
            try host.set(upstreams: ["127.0.0.9", "127.0.0.3"])
            #expect(try host.ask("example.org")?.code == 2)
            try host.set(upstreams: ["127.0.0.2"])
            begin = Clock.boottime()
            #expect(try host.ask("example.org")?.code == 2)
            #expect((550_000_000..<1_500_000_000).contains(Clock.boottime() - begin))
            // What does not exist is an answer.
            try host.serve("127.0.0.5") { question, _ in [upstreamAnswer(question, [], code: 3)] }
            try host.set(upstreams: ["127.0.0.5", "127.0.0.4"])
            #expect(try host.ask("example.net")?.code == 3)
            #expect(host.problem == nil)
        }
    }

    @Test func sixthVersionUpstream() throws {
        try Host.run { host in
            try host.serve("::1", port: 5353) { question, _ in [upstreamAnswer(question, [1, 1, 1, 1])] }
            try host.set(upstreams: ["::1#5353"])
            #expect(try host.ask("example.org")?.addresses == ["1.1.1.1"])
        }
    }

    @Test func largeAnswersOfOthers() throws {
        try Host.run { host in
            try host.serve("127.0.0.2") { question, isStream in
                var message = upstreamAnswer(question, [1, 1, 1, 1])
                let record = Array(message[(message.count - 16)...])
                for _ in 0..<(isStream ? 4000 : 60) { message += record }
                message.replaceSubrange(6..<8, with: pair(isStream ? 4001 : 61))
                return [message]
            }
            try host.set(upstreams: ["127.0.0.2"])
            #expect(try host.ask("example.org")?.isTruncated == true)
            #expect(try host.ask(Question(name: "example.org", datagramSize: 4096))?.records.count == 61)
            let question = Question(name: "example.org").bytes
            #expect(try host.stream(pair(UInt16(question.count)) + question, answers: 1).first?.records.count == 4001)
            #expect(host.problem == nil)
        }
    }

    @Test func oddStreams() throws {
        var patience = NameServer.Patience()
        patience.stream = 500_000_000
        try Host.run(patience: patience) { host in
            try host.set(["web": ["10.0.0.1"]])
            let question = Question(name: "web").bytes
            // Too long, too short, half of one, rubbish: the connection ends, and the next one is served.
            for bytes in [pair(65535) + question, pair(3) + [1, 2, 3], pair(100) + question, [0]] {
                #expect(try host.stream(bytes, answers: 1, seconds: 5).isEmpty)
            }
            try host.inside {
                // More than it keeps: the oldest make room.
                var idle: [SharedDescriptor] = []
                for _ in 0..<40 {
                    idle.append(SharedDescriptor(try Sys.connectInternet(.stream, [127, 0, 0, 11], port: 53)))
                }
                #expect(try host.stream(pair(UInt16(question.count)) + question, answers: 1).count == 1)
                // One byte at a time.
                let slow = try Sys.connectInternet(.stream, [127, 0, 0, 11], port: 53)
                for byte in pair(UInt16(question.count)) + question {
                    _ = try Sys.poll(slow.raw, for: .writing, timeout: 1000)
                    _ = try Sys.send(slow.raw, [byte])
                }
                #expect(try Sys.poll(slow.raw, for: .reading, timeout: 1000))
                // They end when nothing happens.
                let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 1000, alignment: 1)
                defer { room.deallocate() }
                for one in idle {
                    #expect(try Sys.poll(one.raw, for: .reading, timeout: 3000))
                    #expect((try? one.descriptor.read(into: room)) != .some(.none))
                }
            }
            #expect(host.problem == nil)
        }
    }

    /// Thousands of questions at once: each turn is short, and the server goes on.
    @Test func floods() throws {
        var patience = NameServer.Patience()
        patience.last = 60_000_000_000
        try Host.run(patience: patience) { host in
            try host.serve("127.0.0.2") { _, _ in [] }
            try host.set(["web": ["10.0.0.1"]], upstreams: ["127.0.0.2"])
            // Behind a queue that is full, a question is lost: programs ask again.
            func ask(_ name: String) throws -> Reply? {
                for _ in 0..<20 { if let reply = try host.ask(Question(name: name), seconds: 1) { return reply } }
                return nil
            }
            var random = SystemRandomNumberGenerator()
            let rubbish = (0..<2000).map { _ in (0..<60).map { _ in UInt8.random(in: 0...255, using: &random) } }
            let foreign = (0..<2000).map { Question(name: "x\($0).example.org", id: UInt16($0)).bytes }
            for messages in [rubbish, foreign] {
                for _ in 0..<5 { _ = try host.send(messages, answers: 0) }
                #expect(try ask("web")?.addresses == ["10.0.0.1"])
            }
            // No more than the limit are passed on.
            #expect(host.questions("127.0.0.2") <= 64)
            #expect(try ask("example.org")?.code == 5)
            #expect(host.longestTurn < 500_000_000)
            #expect(host.problem == nil)
        }
    }
}
