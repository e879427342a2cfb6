import Basics
import Glibc
package import Kernel

/// The answer to a request: its head, and its body as a source.
package final class HTTPClientResponse: ByteSource {
    package let head: HTTPResponseHead
    package var status: HTTPStatus { head.status }

    private let connection: HTTPConnection
    private var decoder: BodyDecoder
    private var onEnd: (() -> Void)?
    private let isRaw: Bool

    init(
        _ head: HTTPResponseHead, _ connection: HTTPConnection, answering method: HTTPMethod,
        onEnd: @escaping () -> Void
    ) throws(HTTPParseError) {
        self.head = head
        self.connection = connection
        let framing = try head.bodyFraming(answering: method)
        decoder = BodyDecoder(framing)
        // Docker's older way to hijack: 200, and everything after the head is the stream.
        isRaw = head.status == .switchingProtocols || head.status == .ok && framing == .untilEnd
        self.onEnd = onEnd
        if decoder.isFinished && !isRaw { ended() }
    }

    /// The next bytes of the body.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        while !decoder.isFinished && !buffer.isEmpty {
            if connection.input.isEmpty, min(decoder.direct, buffer.count) >= 4096 {
                return try readDirectly(
                    UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(decoder.direct, buffer.count)]))
            }
            let count = try decoder.next(&connection.input, into: buffer)
            if count > 0 {
                try decoder.skipFraming(&connection.input)
                return count
            }
            if decoder.isFinished { break }
            if connection.input.isEmpty, try !connection.fill() { try decoder.inputEnded() }
        }
        if decoder.isFinished { ended() }
        return 0
    }

    private func readDirectly(_ buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = try connection.descriptor.descriptor.read(into: buffer) ?? 0
        if count == 0 {
            try decoder.inputEnded()
            ended()
        }
        decoder.tookDirectly(count)
        return count
    }

    private func ended() {
        onEnd?()
        onEnd = nil
    }

    /// The whole body, refusing more than `limit` bytes.
    package func bytes(limit: Int = 64 << 20) throws -> [UInt8] {
        var result: [UInt8] = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65536, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = try read(into: buffer)
            if count == 0 { return result }
            guard result.count + count <= limit else {
                throw HTTPParseError("the answer is longer than \(limit) bytes")
            }
            result.append(contentsOf: buffer[..<count])
        }
    }

    /// The connection as a plain stream in both directions, when the answer made it one: the socket, and the bytes
    /// that came with the head. nil for an ordinary answer.
    package func rawConnection() -> RawConnection? {
        guard isRaw else { return nil }
        onEnd = nil
        return RawConnection(descriptor: connection.descriptor, early: connection.input.takeAll())
    }
}

/// A hijacked connection.
package struct RawConnection: Sendable {
    /// Blocking.
    package let descriptor: SharedDescriptor
    /// To be used before anything is read from the descriptor.
    package let early: [UInt8]
}
