import Basics
import Deployment
import Glibc
import HTTP
import Kernel
import Reactor
import Testing

@testable import Routing

@Suite(.enabled(if: isRoot, "needs root")) struct SocketTests {
    /// Waits for what the kernel does in its own time.
    private func eventually(_ what: String, _ condition: () throws -> Bool) throws {
        for _ in 0..<200 {
            if try condition() { return }
            Clock.sleep(nanoseconds: 10_000_000)
        }
        Issue.record("\(what): not within two seconds")
    }

    @Test func connectionsOfAnInstance() throws {
        try World.run { world in
            let a = try world.backend("a")
            let sockets = try InstanceSockets(namespace: a.namespace.raw, ports: [3000], idleAfter: .milliseconds(300))
            try world.router.apply(route([(100, [a])]))
            #expect(try sockets.count() == .init())
            let clients = try world.inLAN { try (0..<5).map { _ in try Client(hostAddress, 8080) } }
            for client in clients { #expect(client.ask() == "a") }
            #expect(try sockets.count() == .init(short: 5, long: 0))
            Clock.sleep(nanoseconds: 400_000_000)
            #expect(clients[0].ask() == "a")
            #expect(try sockets.count() == .init(short: 1, long: 4))
            // Closed properly by the client: nothing is left but what only waits for the past.
            try close(clients[1])
            try eventually("a connection that was closed") {
                let count = try sockets.count()
                return count.short + count.long == 4
            }
            #expect(try sockets.cut() == 4)
            #expect(try sockets.count() == .init())
            #expect(clients[0].ending() == ECONNRESET)
        }
    }

    private func close(_ client: Client) throws { shutdown(client.raw, Int32(SHUT_RDWR)) }

    /// They are in the kernel's queue, and the program knows nothing of them.
    @Test func connectionsThatNobodyAcceptedCount() throws {
        try World.run { world in
            let a = try world.backend("a", answering: false)
            let listener = try world.within(a.namespace) {
                SharedDescriptor(try Sys.listenTCP(port: 3000, backlog: 8))
            }
            let sockets = try InstanceSockets(namespace: a.namespace.raw, ports: [3000])
            let client = try Client(a.address, 3000)
            #expect(client.outcome == .open)
            #expect(try sockets.count() == .init(short: 1, long: 0))
            withExtendedLifetime(listener) {}
        }
    }

    @Test func listeningIsSeen() throws {
        try World.run { world in
            let a = try world.backend("a")
            let sockets = try InstanceSockets(namespace: a.namespace.raw, ports: [3000, 4000])
            #expect(try sockets.silentPorts() == [4000])
        }
    }

    @Test func cost() throws {
        try World.run { world in
            let a = try world.backend("a")
            let sockets = try InstanceSockets(namespace: a.namespace.raw, ports: [3000])
            let clients = try (0..<100).map { _ in try Client(a.address, 3000) }
            #expect(clients.allSatisfy { $0.ask() == "a" })
            let start = Clock.boottime()
            for _ in 0..<50 { #expect(try sockets.count().short == 100) }
            print("counting 100 connections: \((Clock.boottime() - start) / 50_000) us")
        }
    }
}

@Suite struct ProberTests {
    private static let loop = try! EventLoop()
    private let prober = Prober(loop: loop)
    private let here = IPAddress("127.0.0.1")!

    /// Answers each connection with some text, after it has read a request; nil: never.
    private final class Script: Sendable {
        let port: UInt16
        private let listener: SharedDescriptor
        init(_ answer: @escaping @Sendable (String) -> String?) throws {
            let listener = SharedDescriptor(try Sys.listenTCP(port: 0))
            self.listener = listener
            port = try Script.port(listener.raw)
            try Thread.start(name: "script") {
                var silent: [SharedDescriptor] = []
                while (try? Sys.poll(listener.raw, for: .reading, timeout: 60_000)) == true {
                    guard let accepted = try? Sys.accept(from: listener.raw) else { continue }
                    let connection = SharedDescriptor(accepted)
                    var buffer = [UInt8](repeating: 0, count: 4096)
                    _ = try? Sys.poll(connection.raw, for: .reading, timeout: 60_000)
                    let count = max(0, recv(connection.raw, &buffer, 4096, 0))
                    guard let text = answer(String(decoding: buffer[..<count], as: UTF8.self)) else {
                        silent.append(connection)
                        continue
                    }
                    send(connection.raw, text, text.utf8.count, Int32(MSG_NOSIGNAL))
                }
            }
        }

        private static func port(_ socket: Int32) throws -> UInt16 {
            var name = sockaddr_in6()
            var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
            let result = withUnsafeMutablePointer(to: &name) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(socket, $0, &length) }
            }
            try #require(result == 0)
            return UInt16(bigEndian: name.sin6_port)
        }
    }

    /// Other tests have threads enough to make these wait.
    private func ask(
        _ path: String = "/up", expect: ClosedRange<Int> = 200...299, follow: Bool = false, timeout: Span = .minutes(1),
        _ answer: @escaping @Sendable (String) -> String?
    ) async throws -> ProbeResult {
        let script = try Script(answer)
        return await prober.http(
            here, port: script.port, HTTPProbe(path: path, expect: expect, followRedirects: follow),
            timeout: timeout)
    }

    @Test func statusesDecide() async throws {
        let good = try await ask { _ in "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" }
        #expect(good == ProbeResult(passed: true, detail: "GET /up -> 200 OK"))
        let bad = try await ask { _ in "HTTP/1.1 500 Oops\r\n\r\nno database\nmore" }
        #expect(bad == ProbeResult(passed: false, detail: "GET /up -> 500 Internal Server Error: no database"))
        let expected = try await ask(expect: 400...499) { _ in "HTTP/1.1 404 Not Found\r\n\r\n" }
        #expect(expected.passed)
        let early = try await ask { _ in "HTTP/1.1 103 Early\r\n\r\nHTTP/1.0 204 Fine\r\n\r\n" }
        #expect(early.passed)
    }

    @Test func bodiesAreReadToTheirEnd() async throws {
        let long = String(repeating: "x", count: 300_000)
        let chunked = try await ask { _ in
            "HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n493e0\r\n\(long)\r\n0\r\n\r\n"
        }
        #expect(chunked.detail.hasPrefix("GET /up -> 503 Service Unavailable: helloxxx"))
        #expect(chunked.detail.utf8.count < 300)
        // Cut short: the head has said all that matters.
        #expect(try await ask { _ in "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok" }.passed)
    }

    @Test func notices() async throws {
        let script = try Script {
            $0.hasPrefix("POST /leave HTTP/1.1\r\n") && $0.contains("Content-Length: 0")
                ? "HTTP/1.1 202 Accepted\r\n\r\n" : "HTTP/1.1 400 No\r\n\r\n"
        }
        let notice = HTTPProbe(path: "/leave", isNotice: true)
        let result = await prober.http(here, port: script.port, notice, timeout: .minutes(1))
        #expect(result == ProbeResult(passed: true, detail: "POST /leave -> 202 Status 202"))
    }

    @Test func redirects() async throws {
        let elsewhere: @Sendable (String) -> String? = { _ in
            "HTTP/1.1 301 Moved\r\nLocation: https://a.example/up\r\n\r\n"
        }
        #expect(try await ask("/up", elsewhere).detail == "GET /up -> 301 https://a.example/up")
        let followed = try await ask("/up", follow: true, elsewhere)
        #expect(!followed.passed)
        #expect(followed.detail.hasSuffix("301, to https://a.example/up, which is not this instance's to answer"))
        let here = try await ask(follow: true) {
            $0.hasPrefix("GET /up ") ? "HTTP/1.1 302 Found\r\nLocation: /in\r\n\r\n" : "HTTP/1.1 200 OK\r\n\r\n"
        }
        #expect(here == ProbeResult(passed: true, detail: "GET /up -> 302, GET /in -> 200 OK"))
        let circle = try await ask(follow: true) { _ in "HTTP/1.1 302 Found\r\nLocation: /up\r\n\r\n" }
        #expect(circle == ProbeResult(passed: false, detail: "GET /up: more than 5 redirects"))
    }

    @Test func failuresInWords() async throws {
        #expect(try await ask(timeout: .milliseconds(400)) { _ in nil }.detail == "GET /up -> timed out after 400ms")
        #expect(try await ask { _ in "" }.detail == "GET /up -> the connection was closed without an answer")
        #expect(try await ask { _ in "HTTP/1.1 200" }.detail.hasSuffix("in the middle of an answer"))
        #expect(try await ask { _ in "SSH-2.0-OpenSSH\r\n\r\n" }.detail.hasPrefix("GET /up -> no HTTP: "))
        let refused = await prober.http(here, port: 1, HTTPProbe(path: "/up"), timeout: .seconds(1))
        #expect(refused == ProbeResult(passed: false, detail: "GET /up -> connection refused"))
        let closed = await prober.tcp(here, port: 1, timeout: .seconds(1))
        #expect(closed == ProbeResult(passed: false, detail: "connect to port 1: connection refused"))
        let script = try Script { _ in nil }
        #expect(await prober.tcp(here, port: script.port, timeout: .seconds(1)).passed)
    }

    /// A hundred a second must cost next to nothing.
    @Test func cost() async throws {
        let script = try Script { _ in "HTTP/1.1 200 OK\r\n\r\n" }
        let start = Clock.boottime()
        let (prober, here) = (prober, here)
        let passed = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<300 {
                group.addTask {
                    await prober.http(here, port: script.port, HTTPProbe(path: "/"), timeout: .minutes(1)).passed
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(passed == 300)
        print("a probe: \((Clock.boottime() - start) / 300_000) us, server included")
    }
}
