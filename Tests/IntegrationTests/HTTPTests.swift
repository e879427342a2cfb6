import Glibc
import Kernel
import Testing

/// What no decent client says.
@Suite(.enabled(if: Programs.areReady, Programs.need))
struct HTTPTests {
    @Test("Malformed requests get 4xx, and boxd stays small and well")
    func malformed() throws {
        try withDaemon(images: []) { box in
            let long = String(repeating: "a", count: 200_000)
            let bad = [
                "GET\r\n\r\n", "G@T / HTTP/1.1\r\nHost: x\r\n\r\n", "GET /_ping HTTP/9.9\r\nHost: x\r\n\r\n",
                "GET /\(long) HTTP/1.1\r\nHost: x\r\n\r\n", "GET /_ping HTTP/1.1\r\nX: \(long)\r\n\r\n",
                "GET /_ping HTTP/1.1\r\nno colon\r\n\r\n", "GET /_ping HTTP/1.1\r\n: empty\r\n\r\n",
                "POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
                "POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n{}",
                "POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n{}",
                "POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
                "POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                "POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n{",
                "GET /containers/..%2f..%2fetc/json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                "GET /nothing/here HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                "GET /v9.99/containers/json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                "\u{16}\u{3}\u{1}" + long,
            ]
            for request in bad {
                let answer = try RawHTTP(box.socket).exchange(request, within: 3)
                #expect(
                    answer.hasPrefix("HTTP/1.1 4") || answer.hasPrefix("HTTP/1.1 5"),
                    "\(request.prefix(80)) -> \(answer.prefix(80))")
            }
            #expect(try resident(box) < 60_000)
            #expect(try box.box("ps", "-aq").isEmpty)
        }
    }

    @Test("A body without end, and deep JSON, cost no memory")
    func endless() throws {
        try withDaemon(images: []) { box in
            let before = try resident(box)
            let endless = try RawHTTP(box.socket)
            try endless.send(
                "POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            let piece = Array("10000\r\n".utf8) + [UInt8](repeating: 0x20, count: 65536) + Array("\r\n".utf8)
            // 64 MB, or as much as it takes.
            for _ in 0..<1024 { do { try endless.send(piece) } catch { break } }
            _ = try? endless.receive(within: 2) { $0.contains("\r\n\r\n") }
            let deep = String(repeating: "[", count: 100_000)
            let answer = try RawHTTP(box.socket).exchange(
                "POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
                    + "Content-Length: \(deep.utf8.count)\r\n\r\n\(deep)")
            #expect(answer.hasPrefix("HTTP/1.1 4"), "\(answer.prefix(100))")
            #expect(try resident(box) < before + 60_000)
        }
    }

    @Test("Requests in a row on one connection, and many connections that say nothing")
    func pipelined() throws {
        try withDaemon(images: []) { box in
            let one = "GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n"
            let connection = try RawHTTP(box.socket)
            try connection.send(one + one + one)
            let answers = try connection.receive { $0.components(of: "HTTP/1.1 200 OK") == 3 }
            #expect(answers.components(of: "HTTP/1.1 200 OK") == 3)
            var silent: [SharedDescriptor] = []
            for _ in 0..<300 { silent.append(SharedDescriptor(try Sys.connectUnix(.stream, box.socket))) }
            #expect(try box.box("ps", "-q").isEmpty)
            silent.removeAll()
        }
    }

    private func resident(_ box: Daemon) throws -> Int {
        let status = try Sys.readText("/proc/\(box.pid ?? 0)/status")
        let line = status.lines.first { $0.hasPrefix("VmRSS:") } ?? ""
        return Int(line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first ?? "") ?? 0
    }
}

extension String {
    /// How often `part` occurs.
    fileprivate func components(of part: String) -> Int {
        var rest = self, count = 0
        while rest.utf8.count >= part.utf8.count {
            let (_, after) = rest.firstSplit(at: part)
            if after.isEmpty && !rest.hasSuffix(part) { break }
            count += 1
            rest = after
        }
        return count
    }
}
