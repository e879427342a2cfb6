package import Basics
import HTTP
import Kernel
import Reactor
import Synchronization

/// The body of a request, read from the socket only as it is asked for. By one reader at a time, and only until the
/// handler returns.
package final class RequestBody: Sendable {
    private struct State {
        var decoder: BodyDecoder
        /// The client sends nothing until it is told to go on.
        var owesContinue: Bool
    }

    private let connection: Connection
    private let state: Mutex<State>
    /// The length that the client announced; nil when it comes in chunks.
    package let announcedLength: UInt64?

    init(_ head: HTTPRequestHead, _ connection: Connection) throws(HTTPParseError) {
        let framing = try head.bodyFraming()
        let owesContinue = try head.expectsContinue() && framing != .empty
        self.connection = connection
        state = Mutex(
            State(decoder: BodyDecoder(framing, limits: connection.server.options.limits), owesContinue: owesContinue))
        announcedLength =
            switch framing {
            case .length(let length): length
            case .empty: 0
            default: nil
            }
    }

    package var isFinished: Bool { state.withLock { $0.decoder.isFinished } }

    /// The next bytes; none at the end. Waits as long as the client takes, or `timeout` nanoseconds.
    package func next(max: Int = 65536, timeout: Int64? = nil) async throws -> [UInt8] {
        while true {
            let bytes = try decode { (decoder, input) throws(HTTPParseError) in try decoder.next(&input, max: max) }
            if !bytes.isEmpty || isFinished { return bytes }
            if takeContinue() { try await connection.socket.write(Self.goOn) }
            guard try await connection.fill(timeout: timeout) else {
                throw HTTPParseError("the body ends in the middle")
            }
        }
    }

    /// All of it. More than `limit` bytes are refused (413).
    package func bytes(limit: Int) async throws -> [UInt8] {
        let tooLong = HTTPParseError(.contentTooLarge, "the body is longer than \(limit) bytes")
        if let announcedLength, announcedLength > UInt64(limit) { throw tooLong }
        var result: [UInt8] = []
        while true {
            let bytes: [UInt8]
            do { bytes = try await next(timeout: connection.server.options.bodyTimeout) } catch is TimedOut {
                throw HTTPParseError(.requestTimeout, "the body did not arrive in time")
            }
            if bytes.isEmpty { return result }
            if result.count + bytes.count > limit { throw tooLong }
            result += bytes
        }
    }

    /// The body for a thread that may block. Reads straight from the socket.
    package func blockingSource() -> any ByteSource & Sendable { BlockingBody(self) }

    /// Reads and drops the rest; false when that would be more than `limit` bytes, or the client does not send it.
    func skip(limit: Int) async throws -> Bool {
        var left = limit
        while !isFinished {
            let waits = state.withLock { $0.owesContinue }
            if waits || left <= 0 { return false }
            left -= try await next(timeout: 1_000_000_000).count
        }
        return true
    }

    // MARK: For the two ways of reading

    private static let goOn = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    fileprivate func decode<Value>(
        _ body: (inout BodyDecoder, inout InputBuffer) throws(HTTPParseError) -> Value
    ) throws(HTTPParseError) -> Value {
        try connection.input.withLock { (input) throws(HTTPParseError) in
            try state.withLock { (state) throws(HTTPParseError) in
                let value = try body(&state.decoder, &input)
                try state.decoder.skipFraming(&input)
                return value
            }
        }
    }

    private func takeContinue() -> Bool {
        state.withLock { state in
            defer { state.owesContinue = false }
            return state.owesContinue
        }
    }

    @available(*, noasync)
    fileprivate func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        if buffer.isEmpty { return 0 }
        while true {
            let (count, direct) = try decode { (decoder, input) throws(HTTPParseError) in
                (try decoder.next(&input, into: buffer), input.isEmpty ? decoder.direct : 0)
            }
            if count > 0 || isFinished { return count }
            if takeContinue() { try BlockingWrites.write(Self.goOn, to: connection.socket.raw) }
            // A whole buffer of data goes where it belongs at once; framing goes through the input.
            if min(direct, buffer.count) >= 4096 {
                let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(direct, buffer.count)])
                guard let count = try Sys.read(connection.socket.raw, into: part) else { try wait(); continue }
                if count == 0 { throw HTTPParseError("the body ends in the middle") }
                try decode { (decoder, _) throws(HTTPParseError) in decoder.tookDirectly(count) }
                return count
            }
            guard let bytes = try connection.socket.readNow(max: 65536) else { try wait(); continue }
            if bytes.isEmpty { throw HTTPParseError("the body ends in the middle") }
            connection.input.withLock { $0.append(bytes) }
        }
    }

    @available(*, noasync)
    private func wait() throws { _ = try Sys.poll(connection.socket.raw, for: .reading) }
}

private final class BlockingBody: ByteSource, Sendable {
    private let body: RequestBody
    init(_ body: RequestBody) { self.body = body }
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int { try body.read(into: buffer) }
}

/// Writing to a non-blocking socket from a thread that may block.
enum BlockingWrites {
    @available(*, noasync)
    static func write(_ bytes: [UInt8], to socket: Int32) throws(SyscallError) {
        let outcome: Result<Void, SyscallError> = bytes.withUnsafeBytes { buffer in
            Result { () throws(SyscallError) in
                var rest = buffer
                while !rest.isEmpty {
                    if let count = try Sys.send(socket, rest) {
                        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                    } else {
                        _ = try Sys.poll(socket, for: .writing)
                    }
                }
            }
        }
        try outcome.get()
    }
}
