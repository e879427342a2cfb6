/// The requests, ready to be sent.
struct Messages {
    static let postBody = Array("sent once, and never again\n".utf8)
    static let serverPrefix = Array("box-web/".utf8)

    private let kept: [[UInt8]]
    private let single: [[UInt8]]

    init(_ options: Options) {
        func all(_ fields: String) -> [[UInt8]] {
            let common = " HTTP/1.1\r\nHost: \(options.host)\r\nUser-Agent: swap-load\r\n\(fields)"
            let post = "Content-Type: text/plain\r\nContent-Length: \(Self.postBody.count)\r\n\r\n"
            return [
                Array("GET /\(common)\r\n".utf8),
                Array("POST /echo\(common)\(post)".utf8) + Self.postBody,
                Array("GET /slow?ms=\(options.slowMilliseconds)\(common)\r\n".utf8),
            ]
        }
        kept = all("")
        single = all("Connection: close\r\n")
    }

    subscript(kind: RequestKind, isKept: Bool) -> [UInt8] {
        let messages = isKept ? kept : single
        switch kind {
        case .get: return messages[0]
        case .post: return messages[1]
        case .slow: return messages[2]
        }
    }
}
