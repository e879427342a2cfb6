/// The first line and the fields of a response.
package struct HTTPResponseHead: Sendable, Equatable {
    package var status: HTTPStatus
    package var minorVersion = 1
    package var headers: HeaderFields

    package init(_ status: HTTPStatus, headers: HeaderFields = [:]) {
        self.status = status
        self.headers = headers
    }

    /// From the lines that `HeadReader` found.
    package init(parsing lines: [[UInt8]]) throws(HTTPParseError) {
        // `HTTP/1.1 200` or `HTTP/1.1 200 Any words`.
        guard let first = lines.first, first.count >= 12, first.starts(with: "HTTP/1.".utf8), first[8] == 0x20,
            first[7] == 0x30 || first[7] == 0x31, first.count == 12 || first[12] == 0x20,
            first[9..<12].allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
            let code = Int(String(decoding: first[9..<12], as: UTF8.self)), code >= 100
        else { throw HTTPParseError("the answer does not begin with a status line of HTTP/1.1") }
        status = HTTPStatus(code)
        minorVersion = Int(first[7] - 0x30)
        headers = try HeaderFields(parsing: lines.dropFirst())
    }

    package func bodyFraming(answering method: HTTPMethod) throws(HTTPParseError) -> BodyFraming {
        if method == .head || status.hasNoBody { return .empty }
        if try headers.isChunked() { return .chunked }
        guard let length = try headers.contentLength() else { return .untilEnd }
        return length == 0 ? .empty : .length(length)
    }

    package var keepsAlive: Bool {
        if headers.list("Connection", contains: "close") { return false }
        return minorVersion == 1 || headers.list("Connection", contains: "keep-alive")
    }

    package var encoded: [UInt8] {
        var bytes = Array("HTTP/1.1 \(status)\r\n".utf8)
        headers.encode(into: &bytes)
        return bytes
    }
}
