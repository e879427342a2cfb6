/// The server's side of a websocket that sends back what it gets. RFC 6455, sections 4.2.2 and 5.
struct WebSocket {
    private static let longestFrame = 1 << 20
    private static let guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    enum Closing: UInt16 {
        case goingAway = 1001
        case protocolError = 1002
        case tooBig = 1009
    }

    static func accept(_ key: String) -> String {
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
            + Base64.encode(SHA1.digest(Array((key + guid).utf8))) + "\r\n\r\n"
    }

    static func closeFrame(_ reason: Closing) -> [UInt8] {
        [0x88, 2, UInt8(reason.rawValue >> 8), UInt8(reason.rawValue & 255)]
    }

    /// Answers one frame; nil when `bytes` do not hold all of it yet. After a close, ours or theirs, nothing follows.
    static func answer(_ bytes: UnsafeRawBufferPointer, into output: inout [UInt8]) -> (length: Int, closes: Bool)? {
        guard bytes.count >= 2 else { return nil }
        let operation = bytes[0] & 15
        func refuse(_ reason: Closing) -> (length: Int, closes: Bool) {
            output.append(contentsOf: closeFrame(reason))
            return (bytes.count, true)
        }
        // Reserved bits, an unmasked client, an unknown operation, a control frame that is long or in pieces.
        let isControl = operation >= 8
        guard bytes[0] & 0x70 == 0, bytes[1] & 0x80 != 0, operation <= 2 || 8...10 ~= operation,
            !isControl || bytes[0] & 0x80 != 0 && bytes[1] & 127 <= 125
        else { return refuse(.protocolError) }

        var length = Int(bytes[1] & 127)
        var header = 2
        if length >= 126 {
            let width = length == 126 ? 2 : 8
            guard bytes.count >= header + width else { return nil }
            let wide = bytes[header..<(header + width)].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            if wide > UInt64(longestFrame) { return refuse(.tooBig) }
            length = Int(wide)
            header += width
        }
        guard bytes.count >= header + 4 + length else { return nil }
        let mask = bytes[header..<(header + 4)].map { $0 }
        let payload = bytes[(header + 4)..<(header + 4 + length)]
        // A pong answers nothing of ours.
        if operation != 10 {
            output.append(operation == 9 ? 0x8a : bytes[0])
            appendLength(length, to: &output)
            output.append(contentsOf: payload.enumerated().lazy.map { $1 ^ mask[$0 & 3] })
        }
        return (header + 4 + length, operation == 8)
    }

    private static func appendLength(_ length: Int, to output: inout [UInt8]) {
        switch length {
        case ..<126: output.append(UInt8(length))
        case ..<65536: output.append(contentsOf: [126, UInt8(length >> 8), UInt8(length & 255)])
        default:
            output.append(127)
            for shift in stride(from: 56, through: 0, by: -8) { output.append(UInt8(length >> shift & 255)) }
        }
    }
}
