/// The head of a request, as far as this server looks at it.
struct Request {
    enum Body: Equatable {
        case none
        case length(Int)
        case chunked
    }

    var method = ""
    var path = ""
    var query = ""
    var keepsAlive = true
    var body = Body.none
    var expectsContinue = false
    var contentType = ""
    /// `Sec-WebSocket-Key` of a request that asks for a websocket of the version we speak.
    var webSocketKey: String?

    /// The value of a parameter of the query, as it stands there.
    func parameter(_ name: String) -> String? {
        for pair in query.utf8.split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            if parts[0].elementsEqual(name.utf8) { return parts.count == 2 ? String(Substring(parts[1])) : "" }
        }
        return nil
    }
}

/// Why a request is not served: a status, then the connection ends.
struct Refusal: Error {
    let status: Int
    let reason: String
}

/// Reads request heads out of a buffer. RFC 9112, sections 2 to 6; strict where two readers could disagree about where
/// a request ends.
enum RequestParser {
    static let longestHead = 16 << 10
    static let longestBody = 1 << 20

    /// The request and the length of its head; nil when `bytes` do not hold all of it yet.
    static func parse(_ bytes: UnsafeRawBufferPointer) throws(Refusal) -> (request: Request, length: Int)? {
        guard let end = endOfHead(bytes) else {
            if bytes.count >= longestHead { throw Refusal(status: 431, reason: "the head is too long") }
            return nil
        }
        if end > longestHead { throw Refusal(status: 431, reason: "the head is too long") }
        var request = Request()
        var fields = Fields()
        var position = 0
        var isFirst = true
        while position < end - 2 {
            let lineEnd = endOfLine(bytes, from: position)
            let line = UnsafeRawBufferPointer(rebasing: bytes[position..<lineEnd])
            if isFirst {
                try parseRequestLine(line, into: &request)
                isFirst = false
            } else {
                try parseField(line, into: &request, &fields)
            }
            position = lineEnd + 2
        }
        try finish(&request, fields)
        return (request, end)
    }

    /// What several header fields say together.
    private struct Fields {
        var length: Int?
        var isChunked = false
        var isWebSocket = false
        var wantsUpgrade = false
        var webSocketVersion = ""
        var webSocketKey: String?
    }

    /// The offset after the empty line.
    private static func endOfHead(_ bytes: UnsafeRawBufferPointer) -> Int? {
        let limit = min(bytes.count, longestHead + 1)
        var i = 3
        while i < limit {
            // The last byte of CR LF CR LF tells how far to go on.
            switch bytes[i] {
            case 10:
                if bytes[i - 1] == 13 && bytes[i - 2] == 10 && bytes[i - 3] == 13 { return i + 1 }
                i += 2
            case 13: i += 1
            default: i += 4
            }
        }
        return nil
    }

    private static func endOfLine(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var i = start
        while !(bytes[i] == 13 && bytes[i + 1] == 10) { i += 1 }
        return i
    }

    private static func parseRequestLine(_ line: UnsafeRawBufferPointer, into request: inout Request) throws(Refusal) {
        let malformed = Refusal(status: 400, reason: "the request line is malformed")
        guard let first = line.firstIndex(of: 32), let last = line.lastIndex(of: 32), first > 0, last > first + 1 else {
            throw malformed
        }
        let version = line[(last + 1)...]
        if version.elementsEqual("HTTP/1.0".utf8) {
            request.keepsAlive = false
        } else if !version.elementsEqual("HTTP/1.1".utf8) {
            throw version.starts(with: "HTTP/".utf8)
                ? Refusal(status: 505, reason: "this server speaks HTTP/1.1") : malformed
        }
        guard line[..<first].allSatisfy({ 65...90 ~= $0 }) else { throw malformed }
        request.method = String(decoding: line[..<first], as: UTF8.self)
        let target = line[(first + 1)..<last]
        guard target.first == UInt8(ascii: "/") || target.elementsEqual("*".utf8), target.allSatisfy({ 33...126 ~= $0 })
        else { throw malformed }
        let mark = target.firstIndex(of: UInt8(ascii: "?"))
        request.path = String(decoding: target[..<(mark ?? target.endIndex)], as: UTF8.self)
        if let mark { request.query = String(decoding: target[(mark + 1)...], as: UTF8.self) }
    }

    private static func parseField(
        _ line: UnsafeRawBufferPointer, into request: inout Request, _ fields: inout Fields
    ) throws(Refusal) {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > 0,
            line[..<colon].allSatisfy({ 33...126 ~= $0 }), line.allSatisfy({ $0 >= 32 || $0 == 9 })
        else { throw Refusal(status: 400, reason: "a header field is malformed") }
        // The lengths decide first, so that most fields cost one comparison.
        switch colon {
        case 4 where line.hasName("host"): break
        case 6 where line.hasName("expect"): request.expectsContinue = line.value(after: colon) == "100-continue"
        case 7 where line.hasName("upgrade"): fields.isWebSocket = line.value(after: colon).lowercased() == "websocket"
        case 10 where line.hasName("connection"):
            for option in line.value(after: colon).lowercased().split(whereSeparator: {
                $0 == "," || $0 == " " || $0 == "\t"
            }) {
                switch option {
                case "close": request.keepsAlive = false
                case "keep-alive": request.keepsAlive = true
                case "upgrade": fields.wantsUpgrade = true
                default: break
                }
            }
        case 12 where line.hasName("content-type"): request.contentType = line.value(after: colon)
        case 14 where line.hasName("content-length"):
            let text = line.value(after: colon)
            guard text.utf8.allSatisfy({ 48...57 ~= $0 }), let length = Int(text), fields.length ?? length == length
            else { throw Refusal(status: 400, reason: "the content length is malformed") }
            fields.length = length
        case 17 where line.hasName("transfer-encoding"):
            guard line.value(after: colon).lowercased() == "chunked", !fields.isChunked else {
                throw Refusal(status: 501, reason: "the only transfer encoding is chunked")
            }
            fields.isChunked = true
        case 17 where line.hasName("sec-websocket-key"): fields.webSocketKey = line.value(after: colon)
        case 21 where line.hasName("sec-websocket-version"): fields.webSocketVersion = line.value(after: colon)
        default: break
        }
    }

    private static func finish(_ request: inout Request, _ fields: Fields) throws(Refusal) {
        if fields.isChunked {
            if fields.length != nil { throw Refusal(status: 400, reason: "two lengths of one body") }
            request.body = .chunked
        } else if let length = fields.length, length > 0 {
            if length > longestBody { throw Refusal(status: 413, reason: "the body is too long") }
            request.body = .length(length)
        }
        if fields.isWebSocket, fields.wantsUpgrade, fields.webSocketVersion == "13" {
            request.webSocketKey = fields.webSocketKey
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Whether the line begins with this name, given in lower case.
    fileprivate func hasName(_ name: StaticString) -> Bool {
        name.withUTF8Buffer { name in
            for i in 0..<name.count where self[i] != name[i] && self[i] | 0x20 != name[i] { return false }
            return true
        }
    }

    /// What follows the colon, without the white space around it.
    fileprivate func value(after colon: Int) -> String {
        var (start, end) = (colon + 1, count)
        while start < end, self[start] == 32 || self[start] == 9 { start += 1 }
        while start < end, self[end - 1] == 32 || self[end - 1] == 9 { end -= 1 }
        return String(decoding: self[start..<end], as: UTF8.self)
    }
}
