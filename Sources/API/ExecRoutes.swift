import APIModel
import Engine
import Glibc
import HTTP
import HTTPServer
import Kernel
import Reactor
import Synchronization

extension API {
    func addExecs(to router: inout Router) {
        let engine = engine
        router.add(.post, "/containers/{id}/exec") { request, response in
            let wanted = try await request.document(ExecCreateRequest.self)
            _ = try DetachKeys(wanted.detachKeys)
            let session = try await engine.createExec(in: request.capture("id"), wanted)
            try await response.respond(.created, json: IDResponse(id: session.id))
        }
        router.add(.post, "/exec/{id}/start") { request, response in
            let wanted = try await request.optionalDocument(ExecStartRequest.self) ?? ExecStartRequest()
            let session = try engine.exec(request.capture("id"))
            if wanted.detach {
                _ = try await session.start(detach: true, consoleSize: wanted.consoleSize)
                return try await response.respond(.ok)
            }
            try await Self.serve(session, wanted, request, response)
        }
        router.add(.post, "/exec/{id}/resize") { request, response in
            let size = try request.terminalSize()
            try await engine.exec(request.capture("id")).resize(rows: size.rows, columns: size.columns)
            try await response.respond(.ok)
        }
        router.add(.get, "/exec/{id}/json") { request, response in
            try await response.respond(json: await engine.exec(request.capture("id")).inspect())
        }
    }

    private static func serve(
        _ session: ExecSession, _ wanted: ExecStartRequest, _ request: HTTPRequest, _ response: ResponseWriter
    ) async throws {
        guard case .created = await session.state else {
            throw EngineError(.conflict, "exec \(session.id) has already been started")
        }
        let tty = session.request.tty
        let keys = try DetachKeys(session.request.detachKeys)
        let raw = try await response.hijack(type: StreamOutput.type(framed: !tty, request.version))
        let output = StreamOutput(framed: !tty) { try await raw.write($0) }
        let input: ProgramInput
        let outputs: [(StreamKind, AsyncSocket?)]
        do { (input, outputs) = try await start(session, wanted) } catch {
            // The answer has begun, and the exit code is asked for afterwards: the reason goes where the output would.
            return try await output.write(.standardOutput, Array("\(ErrorMapping.map(error).1)\r\n".utf8))
        }
        try await HijackedStreams.run(
            raw, output: { try await pump(outputs, to: output, until: session) },
            input: {
                var keys = keys
                while true {
                    let bytes = try await raw.read()
                    if bytes.isEmpty { break }
                    let (forward, detached) = tty ? keys.feed(bytes) : (bytes, false)
                    if try await !input.write(forward) { return .goOn }
                    if detached {
                        await session.detached()
                        return .detach
                    }
                }
                input.close()
                return .goOn
            })
    }

    /// In a function of its own: a local of the caller would be one more owner of the input until the caller ends.
    private static func start(_ session: ExecSession, _ wanted: ExecStartRequest) async throws
        -> (ProgramInput, [(StreamKind, AsyncSocket?)])
    {
        let streams = try await session.start(detach: false, consoleSize: wanted.consoleSize)
        return (ProgramInput(streams.input), [(.standardOutput, streams.output), (.standardError, streams.errors)])
    }

    /// Passes on what the program prints until it has ended. A child that it leaves behind may hold its output open for
    /// ever: what is there at the end is passed on, and nothing is waited for.
    private static func pump(
        _ outputs: [(StreamKind, AsyncSocket?)], to output: StreamOutput, until session: ExecSession
    ) async throws {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for case (let kind, let socket?) in outputs {
                group.addTask {
                    while let bytes = try await readOrEnd(socket) {
                        // In a task of its own: the program's end must not cut a piece that a slow client is taking.
                        try await Task { try await output.write(kind, bytes) }.value
                    }
                    return false
                }
            }
            group.addTask {
                _ = try await session.exit()
                return true
            }
            while let programEnded = try await group.next() {
                if programEnded { break }
            }
            group.cancelAll()
            // Readers end at their next wait; a piece that one has read is still written.
            while let result = await group.nextResult() {
                if case .failure(let error) = result, !(error is CancellationError) { throw error }
            }
        }
        for case (let kind, let socket?) in outputs {
            while let bytes = try? socket.readNow(max: 65536), !bytes.isEmpty { try await output.write(kind, bytes) }
        }
    }

    private static func readOrEnd(_ socket: AsyncSocket) async throws -> [UInt8]? {
        do {
            let bytes = try await socket.read()
            return bytes.isEmpty ? nil : bytes
        } catch let error as SyscallError where error.errno == EIO {
            // A terminal that nobody has open any more.
            return nil
        }
    }
}

/// A program's standard input, closed when the client has no more: it must have no other owner.
private final class ProgramInput: Sendable {
    private let socket: Mutex<AsyncSocket?>
    init(_ socket: AsyncSocket?) { self.socket = Mutex(socket) }

    /// False when the program reads no more.
    func write(_ bytes: [UInt8]) async throws -> Bool {
        guard let socket = socket.withLock({ $0 }) else { return true }
        do {
            try await socket.write(bytes)
            return true
        } catch let error as SyscallError where error.errno == EPIPE {
            return false
        }
    }

    func close() { socket.withLock { $0 = nil } }
}
