/// Reads one answer as it arrives, RFC 9112: a head, and a body whose length is told or that ends with the connection.
struct AnswerReader {
    enum Progress {
        case incomplete
        case complete
        case garbled
    }

    static let longest = 1 << 20

    private(set) var bytes: [UInt8] = []
    private(set) var status = 0
    /// The server will not take another request on this connection.
    private(set) var announcesClose = false
    private var bodyStart = 0
    /// nil: until the connection ends.
    private var bodyLength: Int?
    private var serverField = 0..<0

    var isEmpty: Bool { bytes.isEmpty }
    var body: ArraySlice<UInt8> { bodyStart == 0 ? [] : bytes[bodyStart...] }
    /// The value of the field `Server`.
    var server: ArraySlice<UInt8> { bytes[serverField] }

    mutating func reset() {
        bytes.removeAll(keepingCapacity: true)
        status = 0
        announcesClose = false
        bodyStart = 0
        bodyLength = nil
        serverField = 0..<0
    }

    mutating func take(_ arrived: UnsafeRawBufferPointer) -> Progress {
        let before = bytes.count
        bytes.append(contentsOf: arrived)
        if bytes.count > Self.longest { return .garbled }
        if bodyStart == 0 {
            guard let end = endOfHead(from: max(0, before - 3)) else { return .incomplete }
            bodyStart = end
            if !readHead() { return .garbled }
        }
        guard let bodyLength else { return .incomplete }
        let there = bytes.count - bodyStart
        return there < bodyLength ? .incomplete : there == bodyLength ? .complete : .garbled
    }

    /// The server has closed the connection: whether that is how this answer ends.
    var isCompleteAtEnd: Bool { bodyStart > 0 && bodyLength == nil }

    private func endOfHead(from start: Int) -> Int? {
        guard bytes.count >= 4 else { return nil }
        for i in start..<max(start, bytes.count - 3)
        where bytes[i] == 13 && bytes[i + 1] == 10 && bytes[i + 2] == 13 && bytes[i + 3] == 10 {
            return i + 4
        }
        return nil
    }

    private static let http = Array("HTTP/1.".utf8)
    private static let contentLength = Array("content-length".utf8)
    private static let transferEncoding = Array("transfer-encoding".utf8)
    private static let connection = Array("connection".utf8)
    private static let serverName = Array("server".utf8)
    private static let close = Array("close".utf8)

    private mutating func readHead() -> Bool {
        guard bytes.starts(with: Self.http), bytes.count > 12, let code = Self.number(bytes[9..<12]), code >= 200
        else { return false }
        status = code
        // HTTP/1.0 keeps no connection unless it says so, which nobody here asks for.
        announcesClose = bytes[7] == UInt8(ascii: "0")
        var start = 0
        while start < bodyStart - 2 {
            let end = bytes[start...].firstIndex(of: 13) ?? bodyStart
            if !readField(start..<end) { return false }
            start = end + 2
        }
        // No body comes with these.
        if code == 204 || code == 304 { bodyLength = 0 }
        return true
    }

    /// False when the field says that the answer cannot be read.
    private mutating func readField(_ line: Range<Int>) -> Bool {
        guard let colon = bytes[line].firstIndex(of: UInt8(ascii: ":")) else { return true }
        var start = colon + 1
        while start < line.upperBound, bytes[start] == 32 { start += 1 }
        let name = line.lowerBound..<colon
        let value = start..<line.upperBound
        switch name.count {
        case 14 where equal(name, Self.contentLength):
            guard let length = Self.number(bytes[value]), length <= Self.longest else { return false }
            bodyLength = length
        // Nothing that is asked here is answered in chunks.
        case 17 where equal(name, Self.transferEncoding): return false
        case 10 where equal(name, Self.connection): if equal(value, Self.close) { announcesClose = true }
        case 6 where equal(name, Self.serverName): serverField = value
        default: break
        }
        return true
    }

    /// Whatever its case; `text` is in small letters.
    private func equal(_ range: Range<Int>, _ text: [UInt8]) -> Bool {
        guard range.count == text.count else { return false }
        for (i, byte) in text.enumerated() {
            let other = bytes[range.lowerBound + i]
            if (65...90 ~= other ? other | 32 : other) != byte { return false }
        }
        return true
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        guard 1...9 ~= digits.count else { return nil }
        var value = 0
        for digit in digits {
            guard 48...57 ~= digit else { return nil }
            value = value * 10 + Int(digit - 48)
        }
        return value
    }
}
