package import Basics
package import HTTP
import Kernel
import Reactor
import Synchronization

/// A handler that answers twice, or not at all.
struct HandlerMisuse: Error, CustomStringConvertible {
    let description: String
}

/// Writes the answer to one request. Used by one task or thread at a time.
package final class ResponseWriter: Sendable {
    private enum State {
        case waiting
        /// The head is sent, and parts of the body follow.
        case streaming(Framing)
        case finished
        case hijacked
    }
    private enum Framing {
        case chunked
        /// HTTP/1.0: the end of the connection ends the body.
        case untilEnd
        /// An answer to HEAD: nothing.
        case none
    }

    private let head: HTTPRequestHead
    private let connection: Connection
    private let body: RequestBody
    private let state = Mutex(State.waiting)
    private let keeps: Atomic<Bool>

    init(_ head: HTTPRequestHead, _ connection: Connection, _ body: RequestBody) {
        self.head = head
        self.connection = connection
        self.body = body
        keeps = Atomic(head.keepsAlive)
    }

    /// Whether nothing has been sent yet.
    package var isUntouched: Bool {
        state.withLock {
            if case .waiting = $0 { true } else { false }
        }
    }

    var keepsAlive: Bool { keeps.load(ordering: .relaxed) }
    var isHijacked: Bool {
        state.withLock {
            if case .hijacked = $0 { true } else { false }
        }
    }

    // MARK: A whole answer

    package func respond(
        _ status: HTTPStatus, _ body: [UInt8] = [], type: String = "application/json", headers: HeaderFields = [:]
    ) async throws {
        try begin(.finished)
        var response = responseHead(status, headers)
        if !status.hasNoBody {
            if !body.isEmpty { response.headers["Content-Type"] = type }
            // A handler answering HEAD may state a length of its own.
            if response.headers["Content-Length"] == nil { response.headers.add("Content-Length", "\(body.count)") }
        }
        try await connection.socket.write(
            head.method == .head || status.hasNoBody ? response.encoded : response.encoded + body,
            timeout: connection.server.options.writeTimeout)
    }

    // MARK: An answer in parts

    /// Sends the head; `write` or the sink sends the parts, each at once.
    package func start(_ status: HTTPStatus = .ok, type: String, headers: HeaderFields = [:]) async throws {
        try await connection.socket.write(try startHead(status, type: type, headers: headers))
    }

    private func startHead(_ status: HTTPStatus, type: String, headers: HeaderFields) throws(HandlerMisuse) -> [UInt8] {
        let framing: Framing = head.method == .head ? .none : head.minorVersion == 0 ? .untilEnd : .chunked
        try begin(.streaming(framing))
        if case .untilEnd = framing { keeps.store(false, ordering: .relaxed) }
        var response = responseHead(status, headers)
        response.headers["Content-Type"] = type
        if case .chunked = framing { response.headers.add("Transfer-Encoding", "chunked") }
        return response.encoded
    }

    package func write(_ bytes: [UInt8]) async throws {
        if let framed = try frame(bytes) { try await connection.socket.write(framed) }
    }

    /// The parts from a thread that may block. `start` comes before; the end is the handler's return.
    package func blockingSink() -> any ByteSink & Sendable { BlockingResponse(self) }

    /// As above, and the head is sent with the first part: until then, an error is an ordinary answer.
    package func lazySink(type: String, headers: HeaderFields = [:]) -> any ByteSink & Sendable {
        BlockingResponse(self, start: (type, headers))
    }

    @available(*, noasync)
    fileprivate func startBlocking(type: String, headers: HeaderFields) throws {
        try BlockingWrites.write(try startHead(.ok, type: type, headers: headers), to: connection.socket.raw)
    }

    @available(*, noasync)
    fileprivate func writeBlocking(_ bytes: [UInt8]) throws {
        if let framed = try frame(bytes) { try BlockingWrites.write(framed, to: connection.socket.raw) }
    }

    private func frame(_ bytes: [UInt8]) throws(HandlerMisuse) -> [UInt8]? {
        try state.withLock { (state) throws(HandlerMisuse) in
            guard case .streaming(let framing) = state else {
                throw HandlerMisuse(description: "parts of an answer that was not begun")
            }
            switch framing {
            case .chunked: return ChunkEncoder.chunk(bytes)
            case .untilEnd: return bytes
            case .none: return nil
            }
        }
    }

    // MARK: A connection taken over

    /// Makes the connection a plain stream of bytes, as the client asked: with `Upgrade` by 101, without by 200. The
    /// request's body must have been read.
    package func hijack(type: String) async throws -> HijackedConnection {
        guard body.isFinished else {
            throw HTTPParseError("a request that takes the connection over has a body too long")
        }
        try begin(.hijacked)
        keeps.store(false, ordering: .relaxed)
        var response = HTTPResponseHead(.ok, headers: connection.server.options.headers)
        response.headers.add("Content-Type", type)
        if let name = head.upgrade {
            response.status = .switchingProtocols
            response.headers.add("Connection", "Upgrade")
            response.headers.add("Upgrade", name)
        }
        try await connection.socket.write(response.encoded)
        return HijackedConnection(connection.socket, early: connection.input.withLock { $0.takeAll() })
    }

    // MARK: The end

    /// Called when the handler has returned.
    func finish() async throws {
        if isUntouched { throw HandlerMisuse(description: "nothing answers \(head.method) \(head.target)") }
        let rest: [UInt8]? = state.withLock { state in
            guard case .streaming(let framing) = state else { return nil }
            state = .finished
            return if case .chunked = framing { ChunkEncoder.end } else { nil }
        }
        if let rest { try await connection.socket.write(rest) }
    }

    /// Called when the handler has thrown: an error answer, or the end of one that has begun (without the mark that it
    /// is complete).
    func fail(_ error: any Error) async throws {
        guard isUntouched else {
            keeps.store(false, ordering: .relaxed)
            throw error
        }
        let (status, message) =
            (error as? HTTPParseError).map { ($0.status, $0.message) } ?? connection.server.options.describe(error)
        // What the client goes on to send may not be what it says.
        if error is HTTPParseError { keeps.store(false, ordering: .relaxed) }
        try await respond(status, Self.message(message))
    }

    /// `{"message": ...}`.
    package static func message(_ text: String) -> [UInt8] { Array("{\"message\":\(jsonString(text))}\n".utf8) }

    static func errorResponse(_ status: HTTPStatus, _ text: String, extra: HeaderFields) -> [UInt8] {
        let body = message(text)
        var response = HTTPResponseHead(status, headers: extra)
        response.headers.add("Date", HTTPDate.now())
        response.headers.add("Content-Type", "application/json")
        response.headers.add("Content-Length", "\(body.count)")
        response.headers.add("Connection", "close")
        return response.encoded + body
    }

    // MARK: Parts

    private func begin(_ next: State) throws(HandlerMisuse) {
        try state.withLock { (state) throws(HandlerMisuse) in
            guard case .waiting = state else { throw HandlerMisuse(description: "the answer has been begun already") }
            state = next
        }
    }

    private func responseHead(_ status: HTTPStatus, _ headers: HeaderFields) -> HTTPResponseHead {
        var all = connection.server.options.headers
        for field in headers.fields { all[field.name] = field.value }
        all.add("Date", HTTPDate.now())
        if !keepsAlive {
            all.add("Connection", "close")
        } else if head.minorVersion == 0 {
            all.add("Connection", "keep-alive")
        }
        return HTTPResponseHead(status, headers: all)
    }
}

private final class BlockingResponse: ByteSink, Sendable {
    private let writer: ResponseWriter
    private let start: (type: String, headers: HeaderFields)?

    init(_ writer: ResponseWriter, start: (type: String, headers: HeaderFields)? = nil) {
        self.writer = writer
        self.start = start
    }

    func write(_ buffer: UnsafeRawBufferPointer) throws {
        if buffer.isEmpty { return }
        if let start, writer.isUntouched { try writer.startBlocking(type: start.type, headers: start.headers) }
        try writer.writeBlocking(Array(buffer))
    }
}
