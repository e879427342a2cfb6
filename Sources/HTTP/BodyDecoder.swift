/// How the end of a body is told.
package enum BodyFraming: Sendable, Equatable {
    case empty
    case length(UInt64)
    case chunked
    /// When the connection ends: only for responses.
    case untilEnd
}

/// Takes the bytes of one body off the input, however they were cut.
package struct BodyDecoder: Sendable {
    private enum State: Sendable, Equatable {
        case finished
        case untilEnd
        case bytes(UInt64)
        /// `bytes` of a chunk's data, then its line end.
        case chunkSize, chunkData(UInt64), chunkEnd
        case trailer(seen: Int)
    }

    private var state: State
    private var line: [UInt8] = []
    private let trailerLimit: Int
    /// The line of a chunk's size, with extensions that nobody uses.
    private static let sizeLineLimit = 256

    package init(_ framing: BodyFraming, limits: HTTPLimits = HTTPLimits()) {
        trailerLimit = limits.trailer
        switch framing {
        case .empty: state = .finished
        case .length(let count): state = count == 0 ? .finished : .bytes(count)
        case .chunked: state = .chunkSize
        case .untilEnd: state = .untilEnd
        }
    }

    package var isFinished: Bool { state == .finished }

    /// How many bytes of the body come next on the wire with nothing between: a reader may take that many, or fewer,
    /// straight from the socket when `input` is empty, and must say so with `tookDirectly`.
    package var direct: Int {
        switch state {
        case .bytes(let count), .chunkData(let count): Int(clamping: count)
        case .untilEnd: Int.max
        default: 0
        }
    }

    package mutating func tookDirectly(_ count: Int) {
        switch state {
        case .bytes(let left): state = left == UInt64(count) ? .finished : .bytes(left - UInt64(count))
        case .chunkData(let left): state = left == UInt64(count) ? .chunkEnd : .chunkData(left - UInt64(count))
        default: break
        }
    }

    /// Some bytes of the body into `buffer`: how many. 0 when more input is needed or the body has ended.
    package mutating func next(_ input: inout InputBuffer, into buffer: UnsafeMutableRawBufferPointer)
        throws(HTTPParseError) -> Int
    {
        try skipFraming(&input)
        let count = input.take(into: buffer, max: direct)
        tookDirectly(count)
        return count
    }

    /// As above, at most `max` bytes as an array.
    package mutating func next(_ input: inout InputBuffer, max: Int) throws(HTTPParseError) -> [UInt8] {
        try skipFraming(&input)
        let bytes = input.take(max: min(max, direct))
        tookDirectly(bytes.count)
        return bytes
    }

    /// Takes what is not data off the input, so that after the last data the end is seen too.
    package mutating func skipFraming(_ input: inout InputBuffer) throws(HTTPParseError) {
        while direct == 0 && state != .finished {
            guard let text = try takeLine(&input) else { return }
            switch state {
            case .chunkSize:
                let size = try Self.chunkSize(text)
                state = size == 0 ? .trailer(seen: 0) : .chunkData(size)
            case .chunkEnd:
                guard text.isEmpty else { throw HTTPParseError("a chunk is longer than its size") }
                state = .chunkSize
            case .trailer(let seen):
                state = text.isEmpty ? .finished : .trailer(seen: seen + text.count + 2)
            default: return
            }
        }
    }

    /// The connection has ended: fine only for a body whose end that is.
    package mutating func inputEnded() throws(HTTPParseError) {
        guard state == .untilEnd || state == .finished else { throw HTTPParseError("the body ends in the middle") }
        state = .finished
    }

    private mutating func takeLine(_ input: inout InputBuffer) throws(HTTPParseError) -> [UInt8]? {
        while !input.isEmpty {
            let byte = input[0]
            input.removeFirst(1)
            line.append(byte)
            if byte == 0x0A {
                guard line.count >= 2, line[line.count - 2] == 0x0D else {
                    throw HTTPParseError("a line of a chunked body does not end in CR LF")
                }
                defer { line = [] }
                return Array(line.dropLast(2))
            }
            switch state {
            case .chunkEnd where line.count > 2: throw HTTPParseError("a chunk is longer than its size")
            case .trailer(let seen) where seen + line.count > trailerLimit:
                throw HTTPParseError(.headTooLarge, "the trailer is longer than \(trailerLimit) bytes")
            case .chunkSize where line.count > Self.sizeLineLimit:
                throw HTTPParseError("the line of a chunk's size is too long")
            default: break
            }
        }
        return nil
    }

    private static func chunkSize(_ line: [UInt8]) throws(HTTPParseError) -> UInt64 {
        var digits = line[...]
        if let semicolon = digits.firstIndex(of: 0x3B) { digits = digits[..<semicolon] }
        while let last = digits.last, last == 0x20 || last == 0x09 { digits.removeLast() }
        var size: UInt64 = 0
        // 15 digits cannot overflow.
        guard (1...15).contains(digits.count) else {
            throw HTTPParseError("a chunk's size is not a number of at most 15 digits")
        }
        for digit in digits {
            switch digit {
            case 0x30...0x39: size = size << 4 | UInt64(digit - 0x30)
            case 0x41...0x46: size = size << 4 | UInt64(digit - 0x41 + 10)
            case 0x61...0x66: size = size << 4 | UInt64(digit - 0x61 + 10)
            default: throw HTTPParseError("a chunk's size is not a hexadecimal number")
            }
        }
        return size
    }
}

/// The framing of a chunked body that is being sent.
package enum ChunkEncoder {
    /// What goes before `count` bytes of data; never 0, which would be the end.
    package static func header(_ count: Int) -> [UInt8] { Array("\(String(count, radix: 16))\r\n".utf8) }
    /// What goes after them.
    package static let trailer: [UInt8] = [0x0D, 0x0A]
    /// The last chunk and the empty trailer.
    package static let end = Array("0\r\n\r\n".utf8)

    /// One whole chunk; nothing for no data.
    package static func chunk(_ bytes: [UInt8]) -> [UInt8] {
        bytes.isEmpty ? [] : header(bytes.count) + bytes + trailer
    }
}
