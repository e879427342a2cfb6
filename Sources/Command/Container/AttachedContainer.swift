import Basics
import Glibc
import HTTP
import Kernel

/// A container whose streams this process carries: `run`, `start -a`, `attach`.
struct AttachedContainer {
    let client: EngineClient
    let id: String
    var options: AttachSession.Options

    /// A terminal there needs one here: what is typed comes key by key.
    static func checkTerminal(stdin: Bool, tty: Bool, _ environment: ProcessEnvironment) throws(CommandError) {
        if stdin, tty, !environment.stdinIsTerminal {
            throw CommandError("the input device is not a TTY", status: 1)
        }
    }

    private func beginAttaching() throws -> EngineClient.Pending {
        var query: Query = ["stream": "1"]
        if options.stdin { query.add("stdin", "1") }
        if options.stdout { query.add("stdout", "1") }
        if options.stderr { query.add("stderr", "1") }
        return try client.beginHijack(Path.container(id, "attach"), query)
    }

    private func session(_ attaching: EngineClient.Pending) throws -> AttachSession {
        try AttachSession(
            try attaching.connection(), options,
            onSignal: { try? client.perform(.post, Path.container(id, "kill"), ["signal": SignalName.of($0)]) },
            onResize: resize)
    }

    private func resize(_ size: Terminal.Size) {
        // Nothing is broken when it fails, and the next change of size comes anyway.
        try? client.perform(.post, Path.container(id, "resize"), ["h": "\(size.rows)", "w": "\(size.columns)"])
    }

    private func resizeToTerminal() {
        if options.tty, let size = try? Terminal.size(Terminal.isTerminal(1) ? 1 : 0) { resize(size) }
    }

    /// Attaches, waits for the exit, starts; in this order, so that neither output nor exit is missed.
    /// - Parameter removes: the container is removed when it exits, and this returns only after that.
    func start(removes: Bool) throws -> Int32 {
        let attaching = try beginAttaching()
        let waiting = try client.begin(
            .post, Path.container(id, "wait"), ["condition": removes ? "removed" : "next-exit"])
        let session = try session(attaching)
        let wait = try waiting.response()
        do { try client.perform(.post, Path.container(id, "start")) } catch let error as DaemonError {
            // It never ran, so nobody else removes it.
            if removes { try? client.perform(.delete, Path.container(id), ["force": "1", "v": "1"]) }
            throw RunCommand.startFailure(error)
        }
        resizeToTerminal()
        return try finish(session) { try wait.bytes() }
    }

    /// Attaches to a running container.
    func join() throws -> Int32 {
        let session = try session(try beginAttaching())
        let wait = try client.send(.post, Path.container(id, "wait"))
        resizeToTerminal()
        return try finish(session) { try wait.bytes() }
    }

    private func finish(_ session: AttachSession, exit: () throws -> [UInt8]) throws -> Int32 {
        switch try session.run() {
        case .detached:
            Output.complain("read escape sequence")
            return 0
        case .interrupted(let signal): return 128 + signal
        case .ended: break
        }
        let bytes: [UInt8]
        do { bytes = try exit() } catch {
            throw CommandError(
                "the connection to boxd at \(client.host) broke before the container's exit was known: \(error)",
                status: 125)
        }
        return try Self.status(bytes)
    }

    static func status(_ bytes: [UInt8]) throws -> Int32 {
        guard let answer = try? JSONValue(parsing: bytes), let code = answer["StatusCode"].integer else {
            throw CommandError("boxd did not say how the container ended", status: 125)
        }
        if let message = answer["Error"]["Message"].string, !message.isEmpty {
            throw CommandError("Error waiting for container: \(message)", status: 125)
        }
        return Int32(truncatingIfNeeded: code)
    }
}
