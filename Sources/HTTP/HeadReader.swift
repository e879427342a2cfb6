/// Finds the head of a message in bytes that come in pieces of any size, and refuses early what can never become one.
package struct HeadReader: Sendable {
    private let limits: HTTPLimits
    private var position = 0
    private var lineStart = 0
    private var lines: [Line] = []
    private var previous: UInt8 = 0

    /// No `Range`: for the first array of them the runtime looks up that an `Int` can be compared.
    private struct Line {
        let start: Int
        let end: Int
        var isEmpty: Bool { start == end }
    }

    package init(limits: HTTPLimits = HTTPLimits()) { self.limits = limits }

    /// Whether a first byte has been seen.
    package var hasBegun: Bool { position > 0 }

    /// The lines of the head without their ends, taken off the input together with the empty line after them; nil
    /// when more bytes are needed. Starts anew after that.
    package mutating func next(_ input: inout InputBuffer) throws(HTTPParseError) -> [[UInt8]]? {
        while position < input.count {
            let byte = input[position]
            try inspect(byte)
            position += 1
            previous = byte
            guard byte == 0x0A else { continue }
            let line = Line(start: lineStart, end: position - 2)
            lineStart = position
            // RFC 9112, 2.2: an empty line before the first is passed over (some clients send one too many).
            if line.isEmpty && lines.isEmpty {
                if position > 4 { throw HTTPParseError("the request line is missing") }
                continue
            }
            if line.isEmpty { return finish(&input) }
            lines.append(line)
            // One line more than there are fields.
            if lines.count > limits.fields + 1 {
                throw HTTPParseError(.headTooLarge, "more than \(limits.fields) header fields")
            }
        }
        return nil
    }

    private func inspect(_ byte: UInt8) throws(HTTPParseError) {
        if (byte == 0x0A) != (previous == 0x0D) { throw HTTPParseError("a line does not end in CR LF") }
        if byte < 0x20 && byte != 0x0A && byte != 0x0D && byte != 0x09 || byte == 0x7F {
            throw HTTPParseError("a control character in the head")
        }
        if position >= limits.head {
            throw HTTPParseError(.headTooLarge, "the head is longer than \(limits.head) bytes")
        }
        if position - lineStart >= limits.line {
            throw HTTPParseError(
                lines.isEmpty ? .uriTooLong : .headTooLarge, "a line of the head is longer than \(limits.line) bytes")
        }
    }

    private mutating func finish(_ input: inout InputBuffer) -> [[UInt8]] {
        let head = input.take(max: position)
        let found = lines.map { Array(head[$0.start..<$0.end]) }
        self = HeadReader(limits: limits)
        return found
    }
}

extension HeaderFields {
    /// From the lines after the first.
    init(parsing lines: ArraySlice<[UInt8]>) throws(HTTPParseError) {
        var fields: [Field] = []
        fields.reserveCapacity(lines.count)
        for line in lines {
            // A line that begins with space would continue the one before it: obsolete, and a way to smuggle.
            guard let colon = line.firstIndex(of: 0x3A), colon > 0, line[..<colon].allSatisfy(isTokenByte) else {
                throw HTTPParseError("a header line is not `Name: value`")
            }
            var value = line[(colon + 1)...]
            while let first = value.first, first == 0x20 || first == 0x09 { value.removeFirst() }
            while let last = value.last, last == 0x20 || last == 0x09 { value.removeLast() }
            fields.append(
                Field(
                    name: String(decoding: line[..<colon], as: UTF8.self), value: String(decoding: value, as: UTF8.self)
                ))
        }
        self.init(fields)
    }

    /// The one length that the fields name; nil when they name none.
    func contentLength() throws(HTTPParseError) -> UInt64? {
        let values = all("Content-Length")
        guard let first = values.first else { return nil }
        guard values.allSatisfy({ $0 == first }) else {
            throw HTTPParseError("several Content-Length fields that differ")
        }
        // `UInt64` alone would take a sign.
        guard !first.isEmpty, first.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let length = UInt64(first),
            length <= UInt64(Int64.max)
        else { throw HTTPParseError("Content-Length is not a length: \(first.prefix(32))") }
        return length
    }

    /// Whether the body is chunked. Any other transfer coding is refused, and so is one beside a length.
    func isChunked() throws(HTTPParseError) -> Bool {
        let codings = all("Transfer-Encoding")
        guard let first = codings.first else { return false }
        guard codings.count == 1, HeaderFields.equal(first, "chunked") else {
            throw HTTPParseError(.notImplemented, "the transfer coding is not plain `chunked`: \(first.prefix(32))")
        }
        guard self["Content-Length"] == nil else {
            throw HTTPParseError("Content-Length and Transfer-Encoding in one message")
        }
        return true
    }
}

/// RFC 9110, 5.6.2.
func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E...0x60, 0x7C, 0x7E: true
    default: false
    }
}
