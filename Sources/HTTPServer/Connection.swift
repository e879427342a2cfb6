import Basics
import HTTP
import Kernel
import Reactor
import Synchronization

/// One client's connection: reads requests one after the other and has each answered before it looks at the next.
final class Connection: Sendable {
    let socket: AsyncSocket
    let server: HTTPServer
    /// Bytes read and not used: of the next head, the body, or the next request.
    let input = Mutex(InputBuffer())

    init(_ socket: AsyncSocket, _ server: HTTPServer) {
        self.socket = socket
        self.server = server
    }

    func serve() async {
        var isFirst = true
        while true {
            do {
                guard let head = try await readHead(isFirst: isFirst) else { return }
                isFirst = false
                guard try await answer(head) else { return await linger() }
            } catch let error as HTTPParseError {
                // What follows on the connection cannot be told apart any more.
                await refuse(error)
                return await linger()
            } catch {
                // The client is gone or silent: there is nobody to tell.
                return
            }
        }
    }

    // MARK: Reading

    /// nil when the client has nothing more to ask.
    private func readHead(isFirst: Bool) async throws -> HTTPRequestHead? {
        var reader = HeadReader(limits: server.options.limits)
        var deadline = isFirst ? Clock.boottime() + server.options.headTimeout : nil
        while true {
            let lines = try input.withLock { (input) throws(HTTPParseError) in try reader.next(&input) }
            if let lines { return try HTTPRequestHead(parsing: lines) }
            // From its first byte on, a head has a time in which to come, however many bytes trickle in meanwhile.
            if reader.hasBegun && deadline == nil { deadline = Clock.boottime() + server.options.headTimeout }
            do {
                let timeout = deadline.map { $0 - Clock.boottime() } ?? server.options.idleTimeout
                // Heads are short, and there may be thousands of connections at it.
                guard try await fill(max: 8192, timeout: timeout) else {
                    if reader.hasBegun { throw HTTPParseError("the request ends in the middle of its head") }
                    return nil
                }
            } catch is TimedOut {
                guard reader.hasBegun else { return nil }
                throw HTTPParseError(.requestTimeout, "the request did not arrive in time")
            }
        }
    }

    /// Reads what is there, waiting for something; false at the end.
    func fill(max: Int = 65536, timeout: Int64? = nil) async throws -> Bool {
        let bytes = try await socket.read(max: max, timeout: timeout)
        input.withLock { $0.append(bytes) }
        return !bytes.isEmpty
    }

    // MARK: Answering

    /// Whether the connection can be used for another request.
    private func answer(_ head: HTTPRequestHead) async throws -> Bool {
        let (path, query) = try head.pathAndQuery()
        let body = try RequestBody(head, self)
        let writer = ResponseWriter(head, self, body)
        let request = HTTPRequest(head: head, path: path, query: query, body: body, connection: self)
        do {
            try await server.handler(request, writer)
            try await writer.finish()
        } catch {
            try await writer.fail(error)
        }
        if writer.isHijacked || !writer.keepsAlive { return false }
        // The next request begins where this body ends. A client that goes on for long is better cut off.
        return try await body.skip(limit: 256 << 10)
    }

    private func refuse(_ error: HTTPParseError) async {
        let bytes = ResponseWriter.errorResponse(error.status, error.message, extra: server.options.headers)
        try? await socket.write(bytes, timeout: 5_000_000_000)
    }

    /// Ends the connection so that the client can read the last answer: closing while bytes of the client are unread
    /// would reset it.
    private func linger() async {
        guard (try? socket.shutdownWrite()) != nil else { return }
        var left = 4 << 20
        let deadline = Clock.boottime() + 2_000_000_000
        while left > 0, let bytes = try? await socket.read(timeout: deadline - Clock.boottime()), !bytes.isEmpty {
            left -= bytes.count
        }
    }
}
