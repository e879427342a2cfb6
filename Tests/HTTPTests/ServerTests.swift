import Basics
import Glibc
import HTTP
import Kernel
import Reactor
import Synchronization
import Testing

@testable import HTTPServer

private final class Counter: Sendable {
    private let count = Atomic<Int>(0)
    func add() { count.add(1, ordering: .relaxed) }
    var value: Int { count.load(ordering: .relaxed) }
}

/// A server on a socket of its own, with routes that try everything.
private final class Fixture: Sendable {
    let scratch: Scratch
    let server: HTTPServer
    let pool = BlockingPool()
    let accepting: Task<Void, any Error>
    let cancelled = Counter()
    var path: String { scratch.path + "/s" }

    init(_ adjust: (inout HTTPServer.Options) -> Void = { _ in }) throws {
        scratch = try Scratch()
        let listener = SharedDescriptor(try Sys.listenUnix(.stream, in: scratch.path, name: "s"))
        var options = HTTPServer.Options()
        options.headers = ["Server": "Box/test"]
        adjust(&options)
        let router = Self.routes(pool, cancelled: { [cancelled] in cancelled.add() })
        let server = HTTPServer(options: options, loop: loop, log: Logger("test")) { try await router.handle($0, $1) }
        self.server = server
        accepting = Task { try await server.serve(listener) }
    }
    deinit { accepting.cancel() }

    struct Broken: Error {}

    static func routes(_ pool: BlockingPool, cancelled: @escaping @Sendable () -> Void) -> Router {
        var router = Router()
        router.add(.get, "/hello") { _, response in
            try await response.respond(.ok, Array("hi".utf8), type: "text/plain")
        }
        router.add(.post, "/echo") { request, response in
            try await response.respond(.ok, try await request.body.bytes(limit: 1 << 20))
        }
        router.add(.post, "/unread") { _, response in try await response.respond(.created) }
        router.add(.post, "/pool") { request, response in
            let source = request.body.blockingSource()
            try await response.start(type: "application/octet-stream")
            let sink = response.blockingSink()
            try await pool.run {
                let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 30000, alignment: 1)
                defer { buffer.deallocate() }
                while true {
                    let count = try source.read(into: buffer)
                    if count == 0 { return }
                    try sink.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                }
            }
        }
        router.add(.get, "/stream/{count}") { request, response in
            try await response.start(type: "text/plain")
            for i in 0..<(Int(request.capture("count")) ?? 0) { try await response.write(Array("\(i)\n".utf8)) }
        }
        router.add(.get, "/break") { _, response in
            try await response.start(type: "text/plain")
            try await response.write([1])
            throw Broken()
        }
        router.add(.get, "/throw") { _, _ in throw Broken() }
        router.add(.get, "/silent") { _, _ in }
        router.add(.get, "/follow") { request, response in
            try await response.start(type: "text/plain")
            try await response.write(Array("begun".utf8))
            try await request.whileConnected {
                do { try await loop.sleep(nanoseconds: 60_000_000_000) } catch {
                    cancelled()
                    throw error
                }
            }
        }
        router.add(.post, "/hijack") { request, response in
            _ = try await request.body.bytes(limit: 1000)
            let raw = try await response.hijack(type: "application/vnd.docker.raw-stream")
            var total: [UInt8] = []
            while true {
                let bytes = try await raw.read()
                if bytes.isEmpty { break }
                total += bytes
            }
            // The client's direction has ended; ours has not.
            try await raw.write(Array("got \(String(decoding: total, as: UTF8.self))".utf8))
        }
        router.add(.get, "/images/{name:.*}/json") { request, response in
            try await response.respond(.ok, Array("\(request.capture("name")) \(request.version)".utf8))
        }
        router.add(.get, "/images/search/json") { _, response in try await response.respond(.ok, Array("literal".utf8))
        }
        return router
    }

    func connect() throws -> AsyncSocket {
        try AsyncSocket(try Sys.connectUnix(.stream, path, nonBlocking: true), loop: loop)
    }

    /// Sends raw bytes, ends the direction, and returns all that comes back.
    func exchange(_ text: String, half: Bool = true) async throws -> String {
        let socket = try connect()
        // Who is refused early may not get rid of the rest.
        do { try await socket.write(Array(text.utf8)) } catch let error as SyscallError where error.isBrokenPipe {}
        if half { try? socket.shutdownWrite() }
        return try await rest(socket)
    }

    func rest(_ socket: AsyncSocket) async throws -> String {
        var all: [UInt8] = []
        while true {
            let bytes = try await socket.read(timeout: 20_000_000_000)
            if bytes.isEmpty { return String(decoding: all, as: UTF8.self) }
            all += bytes
        }
    }
}

private final class Bytes: ByteSource {
    private var left: Int
    private var next: UInt8 = 0
    init(_ count: Int) { left = count }
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = min(left, buffer.count, 50_000)
        for i in 0..<count {
            buffer[i] = next
            next = next &* 31 &+ 7
        }
        left -= count
        return count
    }
}

@Suite(.timeLimit(.minutes(1))) struct ServerTests {
    @Test func pipelinedRequestsAreAnsweredInOrder() async throws {
        let server = try Fixture()
        let text = """
            GET /hello HTTP/1.1\r\nHost: a\r\n\r\n\
            POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc\
            POST /unread HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n0\r\n\r\n\
            GET /stream/3 HTTP/1.1\r\nHost: a\r\n\r\n\
            HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n\
            GET /hello HTTP/1.0\r\n\r\n
            """
        let answer = try await server.exchange(text)
        #expect(answer.components(of: "HTTP/1.1 ") == ["200", "200", "201", "200", "405", "200"])
        #expect(answer.contains("\r\n\r\nabcHTTP/1.1 201 Created\r\n"))
        #expect(answer.contains("2\r\n0\n\r\n2\r\n1\n\r\n2\r\n2\n\r\n0\r\n\r\nHTTP"))
        #expect(answer.contains("Server: Box/test\r\n"))
    }

    @Test func malformedIsRefusedAndClosed() async throws {
        let server = try Fixture()
        for (text, status) in [
            ("nonsense\r\n\r\n", 400), ("GET / HTTP/1.1\r\n\r\n", 400), ("\u{16}\u{3}\u{1}", 400),
            ("GET /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nA: " + String(repeating: "a", count: 70_000), 431),
            (
                "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1073741824\r\n\r\n"
                    + String(repeating: "a", count: 500_000), 413
            ),
            ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
            ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc", 400),
            ("GET /hello HTTP/1.1\r\nHo", 400),
        ] {
            let answer = try await server.exchange(text)
            #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(text.prefix(60)): \(answer)")
            #expect(answer.contains("{\"message\":\"") && answer.contains("Connection: close\r\n"))
            #expect(answer.components(of: "HTTP/1.1 ").count == 1)
        }
    }

    @Test func handlersThatFail() async throws {
        let server = try Fixture()
        #expect(try await server.exchange("GET /throw HTTP/1.1\r\nHost: a\r\n\r\n").hasPrefix("HTTP/1.1 500 "))
        #expect(try await server.exchange("GET /silent HTTP/1.1\r\nHost: a\r\n\r\n").hasPrefix("HTTP/1.1 500 "))
        // A body without its last chunk: the client knows that something is missing.
        #expect(try await server.exchange("GET /break HTTP/1.1\r\nHost: a\r\n\r\n").hasSuffix("1\r\n\u{1}\r\n"))
        let answer = try await server.exchange(
            "DELETE /none HTTP/1.1\r\nHost: a\r\n\r\nDELETE /hello HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(answer.components(of: "HTTP/1.1 ") == ["404", "405"])
        #expect(answer.contains("{\"message\":\"page not found\"}") && answer.contains("Allow: GET\r\n"))
    }

    @Test func versionsAndCaptures() async throws {
        let server = try Fixture()
        func get(_ path: String) async throws -> String {
            try await server.exchange("GET \(path) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", half: false)
        }
        #expect(try await get("/v1.44/images/a.b:5000/c/d:1/json").hasSuffix("\r\n\r\na.b:5000/c/d:1 1.44"))
        #expect(try await get("/images/a%2Fb@sha256:1/json").hasSuffix("a/b@sha256:1 1.50"))
        #expect(try await get("/images/search/json").hasSuffix("literal"))
        #expect(
            try await get("/v1.99/hello").contains(
                "client version 1.99 is too new. Maximum supported API version is 1.50"))
        #expect(try await get("/v1.23/hello").contains("client version 1.23 is too old."))
        for path in ["/v1/hello", "/v1.50", "/", "/images//json", "/hello/x", "/vx.y/hello"] {
            #expect(try await get(path).hasPrefix("HTTP/1.1 404 "), "\(path)")
        }
    }

    @Test func continueIsSaidWhenTheBodyIsWanted() async throws {
        let server = try Fixture()
        let socket = try server.connect()
        try await socket.write(
            Array(
                "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"
                    .utf8))
        #expect(try await socket.read() == Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))
        try await socket.write(Array("ok".utf8))
        #expect(try await server.rest(socket).hasSuffix("\r\n\r\nok"))
        // Not wanted: the answer comes at once, and the connection ends.
        let answer = try await server.exchange(
            "POST /unread HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", half: false)
        #expect(answer.hasPrefix("HTTP/1.1 201 "))
    }

    @Test func slowHeadsAreCutOff() async throws {
        let server = try Fixture {
            $0.headTimeout = 150_000_000
            $0.idleTimeout = 100_000_000
        }
        let socket = try server.connect()
        let dripping = Task {
            for byte in "GET /hello HTTP/1.1\r\nHost: a\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyy".utf8 {
                try await socket.write([byte])
                try await loop.sleep(nanoseconds: 20_000_000)
            }
        }
        #expect(try await server.rest(socket).hasPrefix("HTTP/1.1 408 "))
        dripping.cancel()
        // Idle ones end without a word.
        #expect(try await server.rest(server.connect()) == "")
        #expect(
            try await server.exchange("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n", half: false).components(of: "HTTP/1.1 ")
                == ["200"])
    }

    @Test func disconnectCancelsWhatStreams() async throws {
        let server = try Fixture()
        var socket: AsyncSocket? = try server.connect()
        try await socket?.write(Array("GET /follow HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
        // Half-closed is not gone.
        try socket?.shutdownWrite()
        while try await !String(decoding: socket?.read() ?? [], as: UTF8.self).contains("begun") {}
        try await loop.sleep(nanoseconds: 30_000_000)
        #expect(server.cancelled.value == 0)
        socket = nil
        for _ in 0..<200 where server.server.openConnections > 0 { try await loop.sleep(nanoseconds: 10_000_000) }
        #expect(server.cancelled.value == 1)
        #expect(server.server.openConnections == 0)
    }

    @Test func hijackWithHalfClose() async throws {
        let server = try Fixture()
        let upgrade =
            "POST /hijack HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 2\r\n\r\n{}early,"
        let socket = try server.connect()
        try await socket.write(Array(upgrade.utf8))
        let head = String(decoding: try await socket.read(), as: UTF8.self)
        #expect(
            head.hasPrefix("HTTP/1.1 101 UPGRADED\r\n") && head.contains("Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n"))
        try await socket.write(Array("late".utf8))
        try socket.shutdownWrite()
        #expect(try await server.rest(socket) == "got early,late")
        // Without the upgrade: 200, and raw all the same.
        let old = try await server.exchange("POST /hijack HTTP/1.1\r\nHost: a\r\n\r\nraw")
        #expect(old.hasPrefix("HTTP/1.1 200 OK\r\n") && old.hasSuffix("\r\n\r\ngot raw") && !old.contains("chunked"))
        #expect(server.server.openConnections <= 2)
    }

    @Test func clientAndServerTogether() async throws {
        let server = try Fixture()
        let path = server.path
        try await server.pool.run {
            let client = HTTPClient(unixSocket: path)
            // One connection serves them all.
            for _ in 0..<20 {
                let response = try client.send(HTTPRequestHead(.get, "/hello"))
                let bytes = try response.bytes()
                #expect(bytes == Array("hi".utf8))
            }
            let echo = try client.send(HTTPRequestHead(.post, "/echo"), body: .bytes([1, 2, 3], type: "x/y")).bytes()
            #expect(echo == [1, 2, 3])
            let missing = try client.send(HTTPRequestHead(.get, "/none"))
            #expect(missing.status == .notFound)
            // An answer that was not read costs its connection, not the next answer.
            _ = try client.send(HTTPRequestHead(.get, "/stream/100000"))
            #expect(try client.send(HTTPRequestHead(.get, "/hello")).status == .ok)
            let lines = try client.send(HTTPRequestHead(.get, "/stream/1000")).bytes()
            #expect(lines.count { $0 == 10 } == 1000)
            let raw = try #require(try client.upgrade(HTTPRequestHead(.post, "/hijack")).rawConnection())
            try raw.descriptor.descriptor.writeAll(Array("hello".utf8))
            try Sys.shutdownWrite(raw.descriptor.raw)
            let answer = raw.early + (try raw.descriptor.descriptor.readAll())
            #expect(answer == Array("got hello".utf8))
            #expect(try client.upgrade(HTTPRequestHead(.post, "/echo")).rawConnection() == nil)
            let refused = try client.send(HTTPRequestHead(.post, "/echo"), body: .stream(Bytes(30 << 20), type: "x/y"))
            #expect(refused.status == .contentTooLarge)
        }
        #expect(server.server.openConnections <= 2)
    }

    @Test func bothWaysThroughThePool() async throws {
        let server = try Fixture()
        let path = server.path
        let socket = try server.connect()
        // The client must read while it writes: what it sends comes straight back.
        let total = 5 << 20
        let writing = Task {
            try await socket.write(
                Array("POST /pool HTTP/1.1\r\nHost: a\r\nContent-Length: \(total)\r\nConnection: close\r\n\r\n".utf8))
            try await socket.write([UInt8](repeating: 0x61, count: total))
        }
        let answer = try await server.rest(socket)
        try await writing.value
        #expect(answer.utf8.count { $0 == 0x61 } >= total)
        let small = try await server.pool.run {
            try HTTPClient(unixSocket: path).send(
                HTTPRequestHead(.post, "/pool"), body: .stream(Bytes(123_456), type: "x/y")
            ).bytes()
        }
        var expected: [UInt8] = []
        var next: UInt8 = 0
        for _ in 0..<123_456 {
            expected.append(next)
            next = next &* 31 &+ 7
        }
        #expect(small == expected)
    }

    @Test func idleConnectionsCostLittle() async throws {
        let server = try Fixture()
        var sockets: [AsyncSocket] = []
        let before = try residentBytes()
        for _ in 0..<400 {
            let socket = try server.connect()
            try await socket.write(Array("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
            _ = try await socket.read()
            sockets.append(socket)
        }
        for _ in 0..<100 where server.server.openConnections < 400 { try await loop.sleep(nanoseconds: 10_000_000) }
        #expect(server.server.openConnections == 400)
        // Both ends live in this process, and so do the other tests.
        let each = (try residentBytes() - before) / 400
        #expect(each < 100_000, "\(each) bytes a connection")
    }

    private func residentBytes() throws -> Int {
        let pages = try Sys.readText("/proc/self/statm").split(separator: " ")[1]
        return (Int(pages) ?? 0) * 4096
    }
}

extension String {
    /// The word after each occurrence of `mark`.
    fileprivate func components(of mark: String) -> [String] {
        var found: [String] = []
        var rest = utf8[...]
        while !rest.isEmpty {
            if rest.starts(with: mark.utf8) {
                rest = rest.dropFirst(mark.utf8.count)
                found.append(String(decoding: rest.prefix { $0 != 0x20 }, as: UTF8.self))
            } else {
                rest.removeFirst()
            }
        }
        return found
    }
}

@Suite struct DateTests {
    @Test func format() {
        #expect(HTTPDate.format(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(jsonString("a\"\\\n\u{1}é") == "\"a\\\"\\\\\\n\\u0001é\"")
    }
}
