import Glibc
import Kernel
import Synchronization
import Testing

/// A server on loopback that does with each request what it is told, good or bad.
private final class Misbehaving: Sendable {
    enum Deed: String, Sendable, CaseIterable {
        case answer
        /// Says so, and closes.
        case lastAnswer
        /// Answers, and closes without having said so.
        case answerAndClose
        case close
        case closeHalfWay
        case reset
        case nothing
        case garbage
        case error
        case otherVersion
    }

    let port: UInt16
    private let isOver = Atomic<Bool>(false)

    /// The deeds in turn, over all connections; the last one for ever.
    init(_ deeds: [Deed]) throws {
        port = UInt16.random(in: 20000...32000)
        let listener = SharedDescriptor(try Sys.listenTCP(port: port))
        try Thread.start(name: "server") { [self] in
            var next = 0
            while !isOver.load(ordering: .relaxed) {
                guard (try? Sys.poll(listener.raw, for: .reading, timeout: 20)) ?? false,
                    let connection = try? Sys.accept(listener.descriptor)
                else { continue }
                repeat {
                    guard waitForRequest(connection.raw) else { break }
                    next += 1
                } while perform(deeds[min(next, deeds.count) - 1], connection.raw)
            }
        }
    }

    func end() { isOver.store(true, ordering: .relaxed) }

    private func waitForRequest(_ connection: Int32) -> Bool {
        var bytes = [UInt8](repeating: 0, count: 4096)
        while !isOver.load(ordering: .relaxed) {
            guard (try? Sys.poll(connection, for: .reading, timeout: 20)) ?? false else { continue }
            return (bytes.withUnsafeMutableBytes { try? Sys.read(connection, into: $0) } ?? 0) > 0
        }
        return false
    }

    /// Whether the connection goes on.
    private func perform(_ deed: Deed, _ connection: Int32) -> Bool {
        switch deed {
        case .answer: say("200 OK", "v1 here 7\n", connection)
        case .otherVersion: say("200 OK", "v2 here 7\n", connection)
        case .error: say("500 Oh", "oh\n", connection)
        case .lastAnswer: say("200 OK\r\nConnection: close", "v1 here 7\n", connection)
        case .answerAndClose: say("200 OK", "v1 here 7\n", connection)
        case .closeHalfWay: send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nv1", connection)
        case .garbage: send("220 mail.example.org ESMTP\r\n\r\n", connection)
        case .nothing: pause(1)
        case .close: break
        case .reset:
            var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
            setsockopt(connection, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
        }
        return [.answer, .otherVersion, .error].contains(deed)
    }

    private func say(_ status: String, _ body: String, _ connection: Int32) {
        send("HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)", connection)
    }
    private func send(_ text: String, _ connection: Int32) {
        _ = Array(text.utf8).withUnsafeBytes { try? Sys.write(connection, $0) }
    }
}

/// The clients of scripts/swap-test: whatever goes wrong is counted, and as what it is.
@Suite(
    .serialized,
    .enabled(if: Sys.exists("\(Programs.directory)/swap-load"), "needs the program swap-load (swift build)"))
struct LoadTests {
    private func load(_ port: UInt16, _ arguments: [String]) throws -> Outcome {
        try Running.run(
            "\(Programs.directory)/swap-load", ["--post", "0"] + arguments + ["http://127.0.0.1:\(port)"], within: 20)
    }

    @Test(
        "A failed request is counted as what it was",
        arguments: [
            (Misbehaving.Deed.close, "closed_early"), (.closeHalfWay, "closed_early"), (.reset, "reset"),
            (.nothing, "timed_out"), (.garbage, "garbled"), (.error, "non_2xx"), (.otherVersion, "wrong_version"),
        ])
    fileprivate func failures(deed: Misbehaving.Deed, counter: String) throws {
        let server = try Misbehaving([deed])
        defer { server.end() }
        for clients in [["--keep-alive", "1", "--single", "0"], ["--keep-alive", "0", "--single", "1"]] {
            let outcome = try load(
                server.port, clients + ["--requests", "1", "--timeout", "0.3", "--versions", "v1,x*"])
            #expect(outcome.status == 1)
            #expect(outcome.output.hasPrefix(#"{"requests":1,"ok":0,"failed":1,"#), "\(outcome)")
            #expect(outcome.output.contains("\"\(counter)\":1,"), "\(outcome)")
        }
    }

    @Test("Nobody listens")
    func refused() throws {
        let outcome = try load(UInt16.random(in: 18000...19000), ["--requests", "3"])
        #expect(outcome.status == 1)
        #expect(outcome.output.hasPrefix(#"{"requests":3,"ok":0,"failed":3,"refused":3,"#), "\(outcome)")
    }

    @Test(
        "A kept connection that ends: known in time, announced, or too late",
        arguments: [
            ([Misbehaving.Deed.answer, .close, .answer], "\"failed\":1,", "\"stale\":1,"),
            ([.answer, .reset, .answer], "\"failed\":1,", "\"stale\":1,"),
            ([.lastAnswer, .answer], "\"failed\":0,", "\"closed_announced\":1,"),
            ([.answerAndClose, .answer], "\"failed\":0,", "\"closed_idle\":1,"),
            ([.answer], "\"failed\":0,", "\"connections\":1,"),
        ])
    fileprivate func keptConnections(deeds: [Misbehaving.Deed], failed: String, counter: String) throws {
        let server = try Misbehaving(deeds)
        defer { server.end() }
        // Slowly: a close is seen before the next request.
        let outcome = try load(
            server.port, ["--keep-alive", "1", "--single", "0", "--requests", "3", "--rate", "10"])
        #expect(outcome.output.hasPrefix(#"{"requests":3,"#), "\(outcome)")
        #expect(outcome.output.contains(failed), "\(outcome)")
        #expect(outcome.output.contains(counter), "\(outcome)")
    }

    @Test("The demo server loses nothing: posts, late answers, many sources, two threads; SIGTERM ends it")
    func everythingAtOnce() throws {
        let port = UInt16.random(in: 20000...32000)
        let server = try Running(
            "\(Programs.directory)/web", [], environment: ["WEB_PORT": "\(port)", "WEB_VERSION": "v9"])
        try eventually("the server listens") { (try? RawHTTP(port: port)) != nil }
        let clients = try Running(
            "\(Programs.directory)/swap-load",
            [
                "--post", "10", "--slow", "1", "--slow-ms", "200", "--sources", "127.0.1.0/28", "--threads", "2",
                "--versions", "v9", "--duration", "60", "--live", "-", "http://127.0.0.1:\(port)",
            ])
        pause(1.5)
        try clients.signal(SIGTERM)
        let outcome = try clients.wait(within: 5)
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.output.contains("\"unfinished\":0,"), "\(outcome)")
        #expect(outcome.output.contains("\"v9\":{\"answers\":"), "\(outcome)")
        #expect(outcome.errors.lines.count >= 2)
        #expect(server.isRunning)
    }

    @Test("What it does not know is refused", arguments: [["--frobnicate", "1"], ["--rate", "x"], ["--rate"]])
    func usage(arguments: [String]) throws {
        let outcome = try load(1, arguments)
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains(arguments[0]))
    }
}
