import Basics
import Kernel
import Testing

@testable import HTTP

/// Reads whole requests out of bytes that arrive in pieces, as a server does.
private struct RequestReader {
    struct Request: Equatable {
        let head: HTTPRequestHead
        let body: [UInt8]
    }
    private var input = InputBuffer()
    private var reader = HeadReader()
    private var head: HTTPRequestHead?
    private var decoder = BodyDecoder(.empty)
    private var body: [UInt8] = []
    var requests: [Request] = []

    mutating func feed(_ bytes: [UInt8]) throws(HTTPParseError) {
        input.append(bytes)
        while true {
            if head == nil {
                guard let lines = try reader.next(&input) else { return }
                let parsed = try HTTPRequestHead(parsing: lines)
                _ = try parsed.expectsContinue()
                _ = try parsed.pathAndQuery()
                decoder = BodyDecoder(try parsed.bodyFraming())
                head = parsed
            }
            while true {
                let part = try decoder.next(&input, max: 7)
                if part.isEmpty { break }
                body += part
            }
            guard decoder.isFinished, let done = head else { return }
            requests.append(Request(head: done, body: body))
            head = nil
            body = []
        }
    }

    static func read(_ text: String) throws(HTTPParseError) -> [Request] {
        var reader = RequestReader()
        try reader.feed(Array(text.utf8))
        return reader.requests
    }
}

@Suite struct RequestParserTests {
    static let refused: [(String, Int)] = [
        ("GET / HTTP/1.1\nHost: a\n\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\n\r\n", 400),
        ("GET / HTTP/1.1\rHost: a\r\n\r\n", 400),
        ("\r\n\r\n\r\nGET / HTTP/1.1\r\n", 400),
        ("GET /\r\n\r\n", 400),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
        ("GET / http/1.1\r\nHost: a\r\n\r\n", 400),
        ("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("\u{16}\u{3}\u{1}\u{2}", 400),
        ("GET /\u{0} HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /é HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET http:// HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        ("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /%0 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /?a=%g HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \u{0}\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nab", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\na", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\na", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\na", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775808\r\n\r\na", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\na", 501),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\na", 501),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\na", 501),
        ("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\nab", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", 400),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;\(String(repeating: "x", count: 300))\r\n",
            400
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\(String(repeating: "a: b\r\n", count: 2000))",
            431
        ),
        ("POST / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", 417),
        ("GET /\(String(repeating: "a", count: 40000)) HTTP/1.1\r\n", 414),
        ("GET / HTTP/1.1\r\nA: \(String(repeating: "a", count: 40000))", 431),
        ("GET / HTTP/1.1\r\n" + String(repeating: "A: b\r\n", count: 101), 431),
        ("GET / HTTP/1.1\r\n" + String(repeating: "A: \(String(repeating: "b", count: 1000))\r\n", count: 70), 431),
    ]

    @Test(arguments: refused.indices) func refuses(_ index: Int) {
        let (text, status) = Self.refused[index]
        // Nothing but the error may come of it, however the bytes are cut.
        for size in [text.utf8.count, 1, 3] {
            var reader = RequestReader()
            let error = #expect(throws: HTTPParseError.self, "\(text.prefix(80))") {
                for start in stride(from: 0, to: text.utf8.count, by: size) {
                    try reader.feed(Array(Array(text.utf8)[start..<min(start + size, text.utf8.count)]))
                }
            }
            #expect(error?.status.code == status, "\(text.prefix(80)): \(error?.message ?? "")")
            #expect(reader.requests.isEmpty)
        }
    }

    static let conversation = """
        \r\nGET /v1.50/_ping?a=1&b=two+words%21&a=3&c HTTP/1.1\r\nhost:\t box \r\nAccept: */*\r\n\r\n\
        POST http://h:1/load?q=1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n\
        5;ext=1\r\nhello\r\n00A \r\n, chunks!!\r\n0\r\nTrailer: x\r\n\r\n\
        PUT /a%20b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n\r\nabc\
        GET / HTTP/1.0\r\n\r\n\
        OPTIONS * HTTP/1.1\r\nHost:\r\nConnection: keep-alive, close\r\n\r\n
        """

    @Test func everySplitGivesTheSame() throws {
        let bytes = Array(Self.conversation.utf8)
        let whole = try RequestReader.read(Self.conversation)
        #expect(whole.count == 5)
        for cut in 0...bytes.count {
            var reader = RequestReader()
            try reader.feed(Array(bytes[..<cut]))
            try reader.feed(Array(bytes[cut...]))
            #expect(reader.requests == whole, "cut at \(cut)")
        }
        var single = RequestReader()
        for byte in bytes { try single.feed([byte]) }
        #expect(single.requests == whole)
    }

    @Test func meaning() throws {
        let requests = try RequestReader.read(Self.conversation)
        let (path, query) = try requests[0].head.pathAndQuery()
        #expect(path == "/v1.50/_ping")
        #expect(query.all("a") == ["1", "3"] && query["b"] == "two words!" && query["c"] == "" && query["d"] == nil)
        #expect(requests[0].head.headers["HOST"] == "box")
        #expect(requests[1].head.target == "/load?q=1")
        #expect(requests[1].body == Array("hello, chunks!!".utf8))
        #expect(try requests[2].head.pathAndQuery().path == "/a b")
        #expect(try requests[2].head.expectsContinue())
        #expect(requests.map(\.head.keepsAlive) == [true, true, true, false, false])
    }

    /// Random changes of a good conversation: an error or requests, never anything else.
    @Test func mutationsNeverCrash() {
        var random = SplitMix(seed: 20_24)
        let original = Array(Self.conversation.utf8)
        let words = [
            "\r\n", "\0", "Content-Length: 99999999999999999999\r\n", "Transfer-Encoding: chunked\r\n", "ffffffff", "%",
            ":",
        ]
        for _ in 0..<4000 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...20, using: &random)))
                case 2: bytes.insert(contentsOf: words[Int.random(in: 0..<words.count, using: &random)].utf8, at: at)
                default: bytes = Array(bytes[..<max(1, at)])
                }
                if bytes.isEmpty { bytes = [0] }
            }
            var reader = RequestReader()
            try? reader.feed(bytes)
            var response = InputBuffer(bytes)
            var head = HeadReader()
            if let lines = try? head.next(&response) { _ = try? HTTPResponseHead(parsing: lines) }
            var frames = StreamFrameDecoder()
            bytes.withUnsafeBytes { buffer in _ = try? frames.decode(buffer) { _, _ in } }
        }
    }
}

struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

@Suite struct ResponseAndStreamTests {
    @Test func responseFraming() throws {
        func head(_ text: String) throws -> HTTPResponseHead {
            var input = InputBuffer(Array("\(text)\r\n\r\n".utf8))
            var reader = HeadReader()
            return try HTTPResponseHead(parsing: try #require(try reader.next(&input)))
        }
        #expect(try head("HTTP/1.1 200 OK").bodyFraming(answering: .get) == .untilEnd)
        #expect(try head("HTTP/1.1 200\r\nContent-Length: 5").bodyFraming(answering: .get) == .length(5))
        #expect(try head("HTTP/1.1 200 OK\r\nContent-Length: 5").bodyFraming(answering: .head) == .empty)
        #expect(try head("HTTP/1.1 204 No Content").bodyFraming(answering: .get) == .empty)
        #expect(try head("HTTP/1.0 200 OK\r\nConnection: keep-alive").keepsAlive)
        for bad in [
            "HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/2 200 OK", "HTTP/1.1  200", "nonsense", "HTTP/1.1 099 X",
        ] {
            #expect(throws: HTTPParseError.self, "\(bad)") { try head(bad) }
        }
    }

    @Test func headsSurviveEncoding() throws {
        var head = HTTPRequestHead(.post, "/containers/create" + Query(dictionaryLiteral: ("name", "a b&c=ü")).encoded)
        head.headers = ["Host": "box", "X-Evil": "a\r\nContent-Length: 5\r\n\r\n"]
        let requests = try RequestReader.read(String(decoding: head.encoded, as: UTF8.self))
        #expect(requests.count == 1)
        #expect(try requests[0].head.pathAndQuery().query["name"] == "a b&c=ü")
        #expect(requests[0].head.headers["Content-Length"] == nil)
    }

    @Test func framesInPieces() throws {
        let bytes =
            StreamFrame.encode(.standardOutput, Array("out".utf8)) + StreamFrame.encode(.standardError, [])
            + StreamFrame.encode(.standardError, Array("error".utf8))
        for size in 1...bytes.count {
            var decoder = StreamFrameDecoder()
            var seen: [StreamKind: [UInt8]] = [:]
            for start in stride(from: 0, to: bytes.count, by: size) {
                try bytes[start..<min(bytes.count, start + size)].withUnsafeBytes {
                    try decoder.decode($0) { kind, data in seen[kind, default: []] += data }
                }
            }
            #expect(decoder.isBetweenFrames)
            #expect(seen == [.standardOutput: Array("out".utf8), .standardError: Array("error".utf8)])
        }
        var decoder = StreamFrameDecoder()
        #expect(throws: HTTPParseError.self) {
            try Array("not frames".utf8).withUnsafeBytes { try decoder.decode($0) { _, _ in } }
        }
    }
}
