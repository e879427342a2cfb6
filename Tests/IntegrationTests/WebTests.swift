import Glibc
import Kernel
import Testing

/// The demo server of the image `web`, outside of any container.
@Suite(.enabled(if: Sys.exists("\(Programs.directory)/web"), "needs the program web (swift build -c release)"))
struct WebTests {
    private func withServer(
        _ environment: [String: String] = [:], _ body: (Running, UInt16) throws -> Void
    ) throws {
        let port = UInt16.random(in: 20000...32000)
        let settings = environment.merging(["WEB_PORT": "\(port)", "WEB_VERSION": "v9"]) { $1 }
        let server = try Running("\(Programs.directory)/web", [], environment: settings)
        try eventually("the server listens") {
            if !server.isRunning { throw Trouble("it ended: \(server.errors)") }
            return (try? RawHTTP(port: port)) != nil
        }
        try body(server, port)
    }

    private func get(_ path: String, _ fields: String = "", method: String = "GET") -> String {
        "\(method) \(path) HTTP/1.1\r\nHost: x\r\n\(fields)\r\n"
    }

    @Test("Requests in a row are answered in a row, late ones too")
    func pipelining() throws {
        try withServer { server, port in
            let answers = try RawHTTP(port: port).exchange(
                get("/") + get("/slow?ms=100") + get("/version", method: "HEAD") + get("/status/404")
                    + get("/echo", "Content-Length: 3\r\n", method: "POST") + "abc"
                    + get("/echo", "Transfer-Encoding: chunked\r\n", method: "POST")
                    + "2;x=y\r\nde\r\n1\r\nf\r\n0\r\nT: r\r\n\r\n"
                    + get("/healthz", "Connection: close\r\n"))
            let statuses = answers.lines.filter { $0.contains("HTTP/1.1 ") }.map { $0.split(separator: " ")[1] }
            #expect(statuses == ["200", "200", "200", "404", "200", "200", "200"])
            #expect(answers.contains("v9 "))
            #expect(answers.contains("abcHTTP/1.1"))
            #expect(answers.contains("defHTTP/1.1"))
            #expect(answers.contains("Connection: close"))
            #expect(answers.hasSuffix("ok\n"))
        }
    }

    @Test(
        "What cannot be understood is refused, and the connection closed",
        arguments: [
            ("GET  HTTP/1.1\r\n\r\n", "400"), ("get / HTTP/1.1\r\n\r\n", "400"), ("GET / HTTP/3.0\r\n\r\n", "505"),
            ("GET / HTTP/1.1\r\nno colon\r\n\r\n", "400"),
            ("LONG", "431"),
            ("POST /echo HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na", "400"),
            ("POST /echo HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na", "400"),
            ("POST /echo HTTP/1.1\r\nContent-Length: 9999999\r\n\r\na", "413"),
            ("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n", "400"),
        ])
    func malformed(request: String, status: String) throws {
        try withServer { server, port in
            let connection = try RawHTTP(port: port)
            // Spelt out here, as the names of tests show their arguments.
            let isLong = request == "LONG"
            try connection.send(isLong ? get("/", "X: \(String(repeating: "x", count: 20000))") : request)
            try connection.finishSending()
            #expect(try connection.receive(within: 2).hasPrefix("HTTP/1.1 \(status) "))
            #expect(server.isRunning)
        }
    }

    @Test("It can be told to be ill, wrong and well again")
    func control() throws {
        try withServer(["WEB_HEALTH": "fail"]) { server, port in
            func ask(_ request: String) throws -> String {
                let connection = try RawHTTP(port: port)
                try connection.send(request)
                return String(try connection.receive { $0.contains("\r\n\r\n") }.dropFirst(9).prefix(3))
            }
            func tell(_ settings: String, expecting status: String) throws {
                let answer = try ask(get("/control?\(settings)", method: "POST"))
                #expect(answer == status)
            }
            let deletion = get("/", method: "DELETE")
            func check() throws -> Int32 {
                try Running.run("\(Programs.directory)/web", ["--healthcheck"], environment: ["WEB_PORT": "\(port)"])
                    .status
            }
            #expect(try check() == 1)
            try tell("health=ok&error=on", expecting: "200")
            #expect(try check() == 0)
            #expect(try ask(get("/")) == "500")
            try tell("error=off&nonsense=1", expecting: "400")
            #expect(try ask(get("/")) == "500")
            try tell("error=off", expecting: "200")
            #expect(try ask(get("/")) == "200")
            #expect(try ask(deletion) == "405")
        }
    }

    @Test("A websocket says what it hears")
    func webSocket() throws {
        try withServer { server, port in
            let connection = try RawHTTP(port: port)
            try connection.send(
                get(
                    "/ws",
                    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"))
            // The example of RFC 6455, section 1.3.
            let answer = try connection.receive { $0.hasSuffix("\r\n\r\n") }
            #expect(answer.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
            // Section 5.7: a masked "Hello", then a ping.
            try connection.send([0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58])
            try connection.send([0x89, 0x80, 1, 2, 3, 4])
            let echoed = try connection.receiveBytes { $0.count >= 9 }
            #expect(echoed == [0x81, 5] + Array("Hello".utf8) + [0x8a, 0])
            // Unmasked is a protocol error.
            try connection.send([0x81, 1, 0x41])
            #expect(try connection.receiveBytes { _ in false } == [0x88, 2, 0x03, 0xea])
        }
    }

    @Test("Graceful: what is under way is answered, nothing new is taken")
    func graceful() throws {
        try withServer { server, port in
            let slow = try RawHTTP(port: port)
            try slow.send(get("/slow?ms=600"))
            let idle = try RawHTTP(port: port)
            try idle.send(get("/"))
            _ = try idle.receive { $0.hasSuffix("\n") }
            let kept = try RawHTTP(port: port)
            try kept.send(get("/"))
            _ = try kept.receive { $0.hasSuffix("\n") }
            pause(0.2)
            try server.signal(SIGTERM)
            pause(0.1)
            // As if it had been on the way.
            try kept.send(get("/version"))
            let last = try kept.receive(within: 2)
            #expect(last.hasPrefix("HTTP/1.1 200") && last.contains("Connection: close"))
            #expect(try idle.receive(within: 2).isEmpty)
            #expect((try? RawHTTP(port: port)) == nil)
            let answer = try slow.receive()
            #expect(answer.hasPrefix("HTTP/1.1 200") && answer.contains("Connection: close"))
            #expect(try server.wait(within: 5).status == 0)
        }
    }

    @Test("Told to be lame, it asks its clients to go, and takes new ones")
    func lameDuck() throws {
        try withServer { server, port in
            let kept = try RawHTTP(port: port)
            try kept.send(get("/version"))
            let before = try kept.receive { $0.hasSuffix("v9\n") }
            #expect(!before.contains("Connection: close"))
            let idle = try RawHTTP(port: port)
            try server.signal(SIGUSR1)
            pause(0.1)
            try kept.send(get("/version"))
            let last = try kept.receive(within: 2)
            #expect(last.hasPrefix("HTTP/1.1 200") && last.contains("Connection: close"))
            #expect(try idle.receive(within: 3).isEmpty)
            let new = try RawHTTP(port: port).exchange(get("/version"))
            #expect(new.hasPrefix("HTTP/1.1 200"))
            #expect(server.isRunning)
        }
    }

    @Test("Abrupt, stubborn, and mortal by itself")
    func otherEnds() throws {
        try withServer(["WEB_SIGTERM": "abrupt"]) { server, port in
            try server.signal(SIGTERM)
            #expect(try server.wait(within: 2).status == 143)
        }
        try withServer(["WEB_SIGTERM": "ignore"]) { server, port in
            try server.signal(SIGTERM)
            pause(0.3)
            #expect(server.isRunning)
        }
        try withServer(["WEB_EXIT_AFTER_MS": "500", "WEB_EXIT_CODE": "33"]) { server, port in
            let outcome = try server.wait(within: 3)
            #expect(outcome.status == 33)
        }
        let wrong = try Running.run("\(Programs.directory)/web", [], environment: ["WEB_SIGTERM": "maybe"])
        #expect(wrong.status == 2)
        #expect(wrong.errors.contains("WEB_SIGTERM"))
    }
}
