/// Which of a container's streams some bytes belong to, on a connection that carries several.
package enum StreamKind: UInt8, Sendable {
    case standardInput = 0
    case standardOutput = 1
    case standardError = 2
    /// A message of the daemon about the stream itself.
    case systemError = 3
}

/// Docker's multiplexed stream (`application/vnd.docker.multiplexed-stream`): each frame is the stream's number, three
/// zero bytes, the length in 4 bytes big-endian, and the data.
package enum StreamFrame {
    package static func header(_ kind: StreamKind, count: Int) -> [UInt8] {
        let length = UInt32(count)
        return [
            kind.rawValue, 0, 0, 0, UInt8(length >> 24), UInt8(length >> 16 & 255), UInt8(length >> 8 & 255),
            UInt8(length & 255),
        ]
    }

    package static func encode(_ kind: StreamKind, _ bytes: some Collection<UInt8>) -> [UInt8] {
        header(kind, count: bytes.count) + bytes
    }
}

/// Takes a multiplexed stream apart. Holds no data: a frame longer than what has arrived comes in pieces.
package struct StreamFrameDecoder: Sendable {
    private var header: [UInt8] = []
    private var kind = StreamKind.standardOutput
    private var left = 0

    package init() {}

    /// Whether the stream could end here.
    package var isBetweenFrames: Bool { header.isEmpty && left == 0 }

    package mutating func decode(
        _ bytes: UnsafeRawBufferPointer, _ emit: (StreamKind, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        var rest = bytes
        while !rest.isEmpty {
            if left > 0 {
                let count = min(left, rest.count)
                try emit(kind, UnsafeRawBufferPointer(rebasing: rest[..<count]))
                left -= count
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                continue
            }
            let count = min(8 - header.count, rest.count)
            header += rest[..<count]
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            if header.count == 8 { try begin() }
        }
    }

    private mutating func begin() throws(HTTPParseError) {
        guard let kind = StreamKind(rawValue: header[0]), header[1...3].allSatisfy({ $0 == 0 }) else {
            throw HTTPParseError("the stream is not multiplexed as its type says")
        }
        self.kind = kind
        left = header[4...].reduce(0) { $0 << 8 | Int($1) }
        header = []
    }
}
