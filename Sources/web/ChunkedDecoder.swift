/// A chunked body, RFC 9112 section 7.1, as it arrives. Extensions and trailers are read and dropped.
struct ChunkedDecoder {
    private enum State {
        case size(Int, digits: Int)
        case extensions(Int)
        case sizeEnd(Int)
        case data(Int)
        case dataEnd
        case dataEndFeed
        case trailerStart
        case trailer
        case trailerFeed
        case lastFeed
        case done
    }

    private static let malformed = Refusal(status: 400, reason: "the chunked body is malformed")
    private var state = State.size(0, digits: 0)
    /// Bytes of extensions and trailers: a body without end is none.
    private var overhead = 0
    var isDone: Bool {
        if case .done = state { return true }
        return false
    }

    /// Appends what `bytes` hold of the body to `output`; returns how many of them belong to it.
    mutating func decode(_ bytes: UnsafeRawBufferPointer, into output: inout [UInt8]) throws(Refusal) -> Int {
        var i = 0
        while i < bytes.count, !isDone {
            if case .data(let rest) = state {
                let count = min(rest, bytes.count - i)
                if output.count + count > RequestParser.longestBody {
                    throw Refusal(status: 413, reason: "the body is too long")
                }
                output.append(contentsOf: bytes[i..<(i + count)])
                i += count
                state = count == rest ? .dataEnd : .data(rest - count)
            } else {
                try step(bytes[i])
                i += 1
            }
        }
        return i
    }

    private mutating func step(_ byte: UInt8) throws(Refusal) {
        switch state {
        case .size(let value, let digits):
            if let digit = Self.hexadecimal(byte) {
                guard digits < 8 else { throw Self.malformed }
                state = .size(value << 4 | digit, digits: digits + 1)
            } else {
                guard digits > 0 else { throw Self.malformed }
                try endOfSize(byte, value)
            }
        case .extensions(let value):
            try countOverhead()
            if byte == 13 { state = .sizeEnd(value) }
        case .sizeEnd(let value):
            try expect(byte, 10, then: value == 0 ? .trailerStart : .data(value))
        case .dataEnd: try expect(byte, 13, then: .dataEndFeed)
        case .dataEndFeed: try expect(byte, 10, then: .size(0, digits: 0))
        case .trailerStart: state = byte == 13 ? .lastFeed : .trailer
        case .trailer:
            try countOverhead()
            if byte == 13 { state = .trailerFeed }
        case .trailerFeed: try expect(byte, 10, then: .trailerStart)
        case .lastFeed: try expect(byte, 10, then: .done)
        case .data, .done: break
        }
    }

    private mutating func endOfSize(_ byte: UInt8, _ value: Int) throws(Refusal) {
        switch byte {
        case 13: state = .sizeEnd(value)
        case UInt8(ascii: ";"), 32, 9: state = .extensions(value)
        default: throw Self.malformed
        }
    }

    private mutating func expect(_ byte: UInt8, _ wanted: UInt8, then next: State) throws(Refusal) {
        guard byte == wanted else { throw Self.malformed }
        state = next
    }

    private mutating func countOverhead() throws(Refusal) {
        overhead += 1
        if overhead > RequestParser.longestHead { throw Refusal(status: 431, reason: "the trailers are too long") }
    }

    private static func hexadecimal(_ byte: UInt8) -> Int? {
        switch byte {
        case 48...57: Int(byte) - 48
        case 65...70: Int(byte) - 55
        case 97...102: Int(byte) - 87
        default: nil
        }
    }
}
