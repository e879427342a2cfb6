package import Basics
import Glibc
import Kernel

/// What a request carries.
package enum HTTPBody {
    case none
    case bytes([UInt8], type: String)
    /// Sent in chunks, as long as the source gives bytes.
    case stream(any ByteSource, type: String)
}

/// HTTP/1.1 over a unix socket, blocking. Keeps its connections for the next requests. Used by one thread at a time.
package final class HTTPClient {
    private let socketPath: String
    private let host: String
    private var idle: [HTTPConnection] = []

    /// `host` is what the `Host` field says: a server behind a socket does not care, but it must be there.
    package init(unixSocket path: String, host: String = "box") {
        socketPath = path
        self.host = host
    }

    /// Sends a request, and leaves its answer for later: others can be sent meanwhile. Only where the server has just
    /// answered, as nothing is sent again.
    package func begin(_ request: HTTPRequestHead, body: HTTPBody = .none) throws -> HTTPPendingResponse {
        let (head, body) = prepare(request, body)
        return try HTTPPendingResponse(self, try takeIdle() ?? connect(), head, body)
    }

    /// As `begin`, of what `upgrade` sends.
    package func beginUpgrade(_ request: HTTPRequestHead, body: HTTPBody = .none, to name: String = "tcp") throws
        -> HTTPPendingResponse
    {
        var request = request
        request.headers["Connection"] = "Upgrade"
        request.headers["Upgrade"] = name
        return try begin(request, body: body)
    }

    /// Connects as often as requests will follow: the server makes ready for them while it does something else.
    package func connectAhead(_ count: Int) throws {
        while idle.count < count { idle.append(try connect()) }
    }

    private func connect() throws(SyscallError) -> HTTPConnection {
        HTTPConnection(try Sys.connectUnix(.stream, socketPath))
    }

    /// Sends a request and reads the head of the answer. The connection is used again only after the answer's body
    /// was read to its end.
    package func send(_ request: HTTPRequestHead, body: HTTPBody = .none) throws -> HTTPClientResponse {
        let (head, body) = prepare(request, body)
        // A request that changes nothing may be sent again when the kept connection turns out to be dead.
        if let connection = takeIdle() {
            do { return try exchange(connection, head, body) } catch let error as HTTPConnection.NoAnswer {
                guard head.method == .get || head.method == .head else { throw error }
            }
        }
        return try exchange(connect(), head, body)
    }

    /// Sends a request whose answer turns the connection into a plain stream of bytes (attach, exec). When the
    /// answer's `rawConnection()` is nil it is an ordinary answer: an error.
    package func upgrade(_ request: HTTPRequestHead, body: HTTPBody = .none, to name: String = "tcp") throws
        -> HTTPClientResponse
    { try beginUpgrade(request, body: body, to: name).response() }

    private func prepare(_ request: HTTPRequestHead, _ body: HTTPBody) -> (HTTPRequestHead, HTTPBody) {
        var head = request
        if head.headers["Host"] == nil { head.headers.add("Host", host) }
        switch body {
        case .none:
            if head.method == .post || head.method == .put { head.headers["Content-Length"] = "0" }
        case .bytes(let bytes, let type):
            head.headers["Content-Type"] = type
            head.headers["Content-Length"] = "\(bytes.count)"
        case .stream(_, let type):
            head.headers["Content-Type"] = type
            head.headers["Transfer-Encoding"] = "chunked"
        }
        return (head, body)
    }

    private func exchange(_ connection: HTTPConnection, _ head: HTTPRequestHead, _ body: HTTPBody) throws
        -> HTTPClientResponse
    {
        try HTTPPendingResponse(self, connection, head, body).response()
    }

    /// A kept connection, unless the server has closed it (or said something unasked).
    private func takeIdle() -> HTTPConnection? {
        guard let connection = idle.popLast() else { return nil }
        let spoken = try? Sys.poll(connection.descriptor.raw, for: .reading, timeout: 0)
        return spoken == false ? connection : nil
    }

    fileprivate func keep(_ connection: HTTPConnection) { idle.append(connection) }
}

/// A request that was sent, and whose answer nobody has read yet.
package struct HTTPPendingResponse {
    private let client: HTTPClient
    private let connection: HTTPConnection
    private let head: HTTPRequestHead
    private var writeFailure: SyscallError?

    fileprivate init(
        _ client: HTTPClient, _ connection: HTTPConnection, _ head: HTTPRequestHead, _ body: HTTPBody
    ) throws {
        self.client = client
        self.connection = connection
        self.head = head
        do { try connection.write(head, body) } catch let error as SyscallError where error.call == "sendmsg" {
            // The server may have answered (413, say) and closed before it had read everything: that answer says more.
            writeFailure = error
        }
    }

    /// Reads the head of the answer. Once.
    package func response() throws -> HTTPClientResponse {
        do {
            let response = try connection.readHead(answering: head.method)
            let reusable = response.keepsAlive && head.keepsAlive && writeFailure == nil
            return try HTTPClientResponse(response, connection, answering: head.method) { [weak client, connection] in
                if reusable { client?.keep(connection) }
            }
        } catch let error as HTTPConnection.NoAnswer {
            throw writeFailure ?? error
        }
    }
}

/// One connection of a client.
final class HTTPConnection {
    /// The server closed the connection without a word.
    struct NoAnswer: Error, CustomStringConvertible {
        var description: String { "the server closed the connection without an answer" }
    }

    let descriptor: SharedDescriptor
    var input = InputBuffer()

    init(_ descriptor: consuming FileDescriptor) { self.descriptor = SharedDescriptor(descriptor) }

    func write(_ head: HTTPRequestHead, _ body: HTTPBody) throws {
        switch body {
        case .none: try writeAll(head.encoded)
        case .bytes(let bytes, _): try writeAll(head.encoded + bytes)
        case .stream(let source, _):
            try writeAll(head.encoded)
            let sink = ChunkedSink { try self.writeAll($0) }
            try sink.copy(from: source)
            try sink.finish()
        }
    }

    func readHead(answering method: HTTPMethod) throws -> HTTPResponseHead {
        var reader = HeadReader()
        while true {
            while let lines = try reader.next(&input) {
                let head = try HTTPResponseHead(parsing: lines)
                // 100 Continue and its like only announce the answer.
                if head.status.code >= 200 || head.status == .switchingProtocols { return head }
            }
            guard try fill() else {
                if reader.hasBegun { throw HTTPParseError("the answer ends in the middle of its head") }
                throw NoAnswer()
            }
        }
    }

    /// False at the end.
    func fill() throws -> Bool {
        var outcome: Result<Int?, SyscallError> = .success(0)
        let bytes = [UInt8](unsafeUninitializedCapacity: 65536) { buffer, count in
            outcome = Result { () throws(SyscallError) in
                try descriptor.descriptor.read(into: UnsafeMutableRawBufferPointer(buffer))
            }
            if case .success(let read?) = outcome { count = read }
        }
        if case .failure(let error) = outcome {
            if error.errno == ECONNRESET { return false }
            throw error
        }
        input.append(bytes)
        return !bytes.isEmpty
    }

    private func writeAll(_ bytes: [UInt8]) throws(SyscallError) {
        let outcome: Result<Void, SyscallError> = bytes.withUnsafeBytes { buffer in
            Result { () throws(SyscallError) in
                var rest = buffer
                while !rest.isEmpty {
                    // Blocking: there is always a count.
                    let count = try Sys.send(descriptor.raw, rest) ?? 0
                    rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                }
            }
        }
        try outcome.get()
    }
}
