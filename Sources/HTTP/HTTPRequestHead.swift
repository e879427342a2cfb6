/// A method's name, as sent.
package struct HTTPMethod: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
    package var description: String { rawValue }

    package static let get = HTTPMethod(rawValue: "GET")
    package static let head = HTTPMethod(rawValue: "HEAD")
    package static let post = HTTPMethod(rawValue: "POST")
    package static let put = HTTPMethod(rawValue: "PUT")
    package static let delete = HTTPMethod(rawValue: "DELETE")
    package static let options = HTTPMethod(rawValue: "OPTIONS")
    package static let connect = HTTPMethod(rawValue: "CONNECT")
}

/// The first line and the fields of a request.
package struct HTTPRequestHead: Sendable, Equatable {
    package var method: HTTPMethod
    /// Path and query as sent: still percent-encoded.
    package var target: String
    /// The minor version of HTTP/1: 0 or 1.
    package var minorVersion: Int
    package var headers: HeaderFields

    /// For a client. `target` begins with a slash and is encoded already, as `PercentEncoding` does.
    package init(_ method: HTTPMethod, _ target: String, headers: HeaderFields = [:]) {
        self.method = method
        self.target = target
        self.minorVersion = 1
        self.headers = headers
    }

    /// From the lines that `HeadReader` found.
    package init(parsing lines: [[UInt8]]) throws(HTTPParseError) {
        guard let first = lines.first else { throw HTTPParseError("the request line is missing") }
        let parts = first.split(separator: 0x20, omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw HTTPParseError("the request line is not `METHOD target HTTP/1.1`") }
        guard (1...32).contains(parts[0].count), parts[0].allSatisfy(isTokenByte) else {
            throw HTTPParseError("the method is not a word")
        }
        method = HTTPMethod(rawValue: String(decoding: parts[0], as: UTF8.self))
        minorVersion = try Self.minorVersion(parts[2])
        target = try Self.originForm(of: parts[1], method)
        headers = try HeaderFields(parsing: lines.dropFirst())
        try checkHost()
    }

    private static func minorVersion(_ bytes: ArraySlice<UInt8>) throws(HTTPParseError) -> Int {
        switch String(decoding: bytes, as: UTF8.self) {
        case "HTTP/1.1": return 1
        case "HTTP/1.0": return 0
        case let text where text.hasPrefix("HTTP/"):
            throw HTTPParseError(.versionNotSupported, "only HTTP/1.1 and HTTP/1.0 are spoken here")
        default: throw HTTPParseError("the request line does not end in an HTTP version")
        }
    }

    /// RFC 9112, 3.2. Of the absolute form the authority is of no interest to a server behind one socket.
    private static func originForm(of bytes: ArraySlice<UInt8>, _ method: HTTPMethod) throws(HTTPParseError) -> String {
        guard bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x23 }) else {
            throw HTTPParseError("the request target holds a byte that must be percent-encoded")
        }
        let text = String(decoding: bytes, as: UTF8.self)
        if text.hasPrefix("/") || text == "*" && method == .options { return text }
        if method == .connect { throw HTTPParseError(.notImplemented, "CONNECT is not served here") }
        for scheme in ["http://", "https://"] where HeaderFields.equal(text.prefix(scheme.count), scheme) {
            let rest = text.dropFirst(scheme.count)
            let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
            guard end != rest.startIndex else { break }
            return rest[end...].hasPrefix("/") ? String(rest[end...]) : "/\(rest[end...])"
        }
        throw HTTPParseError("the request target is neither a path nor a URL")
    }

    private func checkHost() throws(HTTPParseError) {
        let hosts = headers.all("Host")
        if hosts.count > 1 { throw HTTPParseError("more than one Host field") }
        if hosts.isEmpty && minorVersion == 1 { throw HTTPParseError("the Host field is missing") }
    }

    // MARK: What follows from the fields

    /// The body's framing: RFC 9112, 6.3.
    package func bodyFraming() throws(HTTPParseError) -> BodyFraming {
        if try headers.isChunked() {
            if minorVersion == 0 { throw HTTPParseError("Transfer-Encoding in HTTP/1.0") }
            return .chunked
        }
        guard let length = try headers.contentLength(), length > 0 else { return .empty }
        return .length(length)
    }

    /// Whether the client waits for `100 Continue` before it sends the body.
    package func expectsContinue() throws(HTTPParseError) -> Bool {
        guard let expected = headers["Expect"] else { return false }
        guard HeaderFields.equal(expected, "100-continue") else {
            throw HTTPParseError(.expectationFailed, "nothing but 100-continue can be expected")
        }
        return minorVersion == 1
    }

    /// Whether the connection may be used again after the response.
    package var keepsAlive: Bool {
        if headers.list("Connection", contains: "close") { return false }
        return minorVersion == 1 || headers.list("Connection", contains: "keep-alive")
    }

    /// The protocol asked for by `Connection: Upgrade`.
    package var upgrade: String? {
        headers.list("Connection", contains: "Upgrade") ? headers["Upgrade"] : nil
    }

    package var encoded: [UInt8] {
        var bytes = Array("\(method) \(target) HTTP/1.\(minorVersion)\r\n".utf8)
        headers.encode(into: &bytes)
        return bytes
    }
}
