import Kernel

/// One client: bytes in, bytes out. Requests are answered in the order they came in, one at a time.
final class Connection {
    enum Phase {
        case head
        case body(Request, Body)
        /// The answer to this request is due later; what the client sends meanwhile waits in `input`.
        case waiting(Request, body: [UInt8])
        case webSocket
        /// All has been said; closed when `output` is sent.
        case ending
        /// As `ending`, but the client may still be sending what nobody wants: read and dropped, so that the kernel does
        /// not answer it with a reset, which could overtake our last words.
        case lingering
    }

    struct Body {
        var bytes: [UInt8] = []
        var missing = 0
        var chunks: ChunkedDecoder?
    }

    /// What the server has to do for the connection.
    enum Need {
        case nothing
        /// More requests wait, and there is no room for their answers: call `process` again when they are sent.
        case room
        /// Call `answerLate` after so many milliseconds.
        case time(Int)
    }

    private static let longestInput = 64 << 10
    private static let longestOutput = 256 << 10

    let descriptor: FileDescriptor
    let token: UInt64
    private var phase = Phase.head
    private var output: [UInt8] = []
    private var sent = 0
    private var input: [UInt8] = []
    private var consumed = 0
    /// The client will send no more.
    private var isHalfClosed = false
    var lastActivity: Int64
    var interest = Epoll.Interest.read

    init(_ descriptor: consuming FileDescriptor, token: UInt64, now: Int64) {
        self.descriptor = descriptor
        self.token = token
        lastActivity = now
    }

    /// No request has begun, and all that was said is sent.
    var isIdle: Bool {
        guard case .head = phase else { return false }
        return consumed == input.count && sent == output.count
    }
    var hasUnsent: Bool { sent < output.count }
    var isFinished: Bool {
        guard sent == output.count else { return false }
        switch phase {
        case .ending: return true
        case .lingering: return isHalfClosed
        case .waiting: return false
        default: return isHalfClosed
        }
    }
    var wantedInterest: Epoll.Interest {
        var wanted: Epoll.Interest = []
        let hasRoom: Bool =
            switch phase {
            // A frame may be longer than what is read ahead of requests; the limit of frames holds.
            case .webSocket: output.count - sent < Self.longestOutput
            default: input.count < Self.longestInput && output.count - sent < Self.longestOutput
            }
        if !isHalfClosed, hasRoom { wanted.insert(.read) }
        if sent < output.count { wanted.insert(.write) }
        return wanted
    }

    /// One read. False when the connection is broken.
    func receive(_ buffer: UnsafeMutableRawBufferPointer) -> Bool {
        do {
            guard let count = try descriptor.read(into: buffer) else { return true }
            if count == 0 {
                isHalfClosed = true
                if case .webSocket = phase { phase = .ending }
            } else if case .lingering = phase {
                return true
            } else {
                input.append(contentsOf: buffer[..<count])
            }
            return true
        } catch {
            return false
        }
    }

    /// Serves what has arrived.
    func process(_ responder: inout Responder, draining: Bool) -> Need {
        var need = Need.nothing
        serving: while true {
            if output.count - sent >= Self.longestOutput {
                need = .room
                break
            }
            do {
                switch phase {
                case .head:
                    guard let request = try nextHead() else { break serving }
                    need = begin(request, &responder, draining)
                case .body(let request, var body):
                    // Not held twice while it is appended to.
                    phase = .ending
                    let isComplete = try collect(&body, request)
                    phase = .body(request, body)
                    guard isComplete else { break serving }
                    need = complete(request, body.bytes, &responder, draining)
                case .webSocket: guard echoFrame() else { break serving }
                case .waiting, .ending, .lingering: break serving
                }
            } catch {
                refuse(error, &responder)
            }
        }
        forgetConsumed()
        return need
    }

    private func forgetConsumed() {
        if consumed == input.count {
            input.removeAll(keepingCapacity: input.capacity <= Self.longestInput)
        } else {
            input.removeFirst(consumed)
        }
        consumed = 0
    }

    /// The delay that `process` asked for is over.
    func answerLate(_ responder: inout Responder, draining: Bool) {
        guard case .waiting(let request, let body) = phase else { return }
        respond(request, body, &responder, draining)
    }

    /// One write of what is waiting. False when the connection is broken.
    func flush() -> Bool {
        guard sent < output.count else { return true }
        do {
            let taken = try output.withUnsafeBytes {
                try descriptor.write(UnsafeRawBufferPointer(rebasing: $0[sent...]))
            }
            sent += taken ?? 0
        } catch {
            return false
        }
        if sent == output.count {
            output.removeAll(keepingCapacity: output.capacity <= Self.longestInput)
            sent = 0
            if case .lingering = phase { try? Sys.shutdownWrite(descriptor.raw) }
        }
        return true
    }

    /// The server stops: what is under way ends, nothing begins. With `patience` a connection on which nothing is
    /// asked stays: its next request may be on the way, and is the last one.
    func drain(patience: Bool) {
        switch phase {
        case .head where isIdle && !patience: phase = .ending
        case .webSocket:
            output.append(contentsOf: WebSocket.closeFrame(.goingAway))
            phase = .ending
        default: break
        }
    }

    // MARK: - Requests

    private func nextHead() throws(Refusal) -> Request? {
        guard consumed < input.count else { return nil }
        let outcome: Result<(request: Request, length: Int)?, Refusal> = input.withUnsafeBytes { bytes in
            Result { () throws(Refusal) in try RequestParser.parse(UnsafeRawBufferPointer(rebasing: bytes[consumed...]))
            }
        }
        guard let (request, length) = try outcome.get() else { return nil }
        consumed += length
        return request
    }

    private func begin(_ request: Request, _ responder: inout Responder, _ draining: Bool) -> Need {
        if request.path == "/ws", let key = request.webSocketKey, request.method == "GET", request.body == .none {
            output.append(contentsOf: WebSocket.accept(key).utf8)
            phase = .webSocket
            if draining { drain(patience: false) }
            return .nothing
        }
        var body = Body()
        switch request.body {
        case .none: return complete(request, [], &responder, draining)
        case .length(let length): body.missing = length
        case .chunked: body.chunks = ChunkedDecoder()
        }
        if request.expectsContinue { output.append(contentsOf: "HTTP/1.1 100 Continue\r\n\r\n".utf8) }
        phase = .body(request, body)
        return .nothing
    }

    /// Whether the body is complete.
    private func collect(_ body: inout Body, _ request: Request) throws(Refusal) -> Bool {
        guard body.chunks != nil else {
            let count = min(body.missing, input.count - consumed)
            body.bytes.append(contentsOf: input[consumed..<(consumed + count)])
            consumed += count
            body.missing -= count
            return body.missing == 0
        }
        let outcome: Result<Int, Refusal> = input.withUnsafeBytes { bytes in
            Result { () throws(Refusal) in
                try body.chunks?.decode(UnsafeRawBufferPointer(rebasing: bytes[consumed...]), into: &body.bytes) ?? 0
            }
        }
        consumed += try outcome.get()
        return body.chunks?.isDone ?? true
    }

    private func complete(_ request: Request, _ body: [UInt8], _ responder: inout Responder, _ draining: Bool) -> Need {
        let delay = responder.delay(of: request)
        guard delay > 0 else {
            respond(request, body, &responder, draining)
            return .nothing
        }
        phase = .waiting(request, body: body)
        return .time(delay)
    }

    private func respond(_ request: Request, _ body: [UInt8], _ responder: inout Responder, _ draining: Bool) {
        let keepsAlive = request.keepsAlive && !draining && !responder.isLame
        let response = responder.answer(request, body: body)
        response.write(to: &output, fields: responder.fields, keepsAlive: keepsAlive, hasBody: request.method != "HEAD")
        phase = keepsAlive ? .head : .ending
    }

    private func refuse(_ refusal: Refusal, _ responder: inout Responder) {
        Response("\(refusal.reason)\n", status: refusal.status)
            .write(to: &output, fields: responder.fields, keepsAlive: false, hasBody: true)
        consumed = input.count
        phase = .lingering
    }

    /// False when no whole frame is there.
    private func echoFrame() -> Bool {
        let rest = input.count - consumed
        guard rest > 0 else { return false }
        let answer = input.withUnsafeBytes { bytes in
            WebSocket.answer(UnsafeRawBufferPointer(rebasing: bytes[consumed...]), into: &output)
        }
        guard let (length, closes) = answer else { return false }
        consumed += length
        if closes { phase = .ending }
        return true
    }
}
