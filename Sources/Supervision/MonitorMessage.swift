/// What a monitor tells whoever is connected to it. One message, one packet.
///
///     on the connection it was spawned with:  started [pidfd] | failed
///     on every later one:                     hello [pidfd]
///     to requests:  reply [descriptors] | execStarted [pidfd, pty master] … execExited | execFailed
///     at the end:   exited, and the connection's end
package enum MonitorMessage: Sendable, Hashable {
    package enum State: UInt8, Sendable { case running = 1, exited }

    /// With the pidfd of the container's first process, while that is there.
    case hello(state: State, pid: Int32)
    /// The container's program runs; with its pidfd.
    case started(pid: Int32, terminal: Bool)
    /// The container could not be started, nothing of it is left, and the monitor ends. `exitCode` is what Docker
    /// would tell (125, 126, 127), `errno` 0 when it was no system call that failed.
    case failed(stage: String, errno: Int32, exitCode: Int32, text: String)
    /// All output is in the log and the exit record is written.
    case exited(ExitRecord)
    /// The answer to `attachInput` (with the descriptor to write to), `closeInput`, `resize` and `startResolver`.
    /// nil: it worked.
    case reply(request: UInt32, error: String?)
    /// With its pidfd, and with a terminal its master.
    case execStarted(request: UInt32, pid: Int32)
    case execFailed(request: UInt32, exitCode: Int32, text: String)
    case execExited(request: UInt32, exitCode: Int32)

    package var encoded: [UInt8] {
        var wire = WireWriter()
        switch self {
        case .hello(let state, let pid):
            wire.put(UInt8(1)); wire.put(state.rawValue); wire.put(pid)
        case .started(let pid, let terminal):
            wire.put(UInt8(2)); wire.put(pid); wire.put(terminal)
        case .failed(let stage, let errno, let exitCode, let text):
            wire.put(UInt8(3)); wire.put(stage); wire.put(errno); wire.put(exitCode); wire.put(text)
        case .exited(let record):
            wire.put(UInt8(4)); wire.put(record.encoded)
        case .reply(let request, let error):
            wire.put(UInt8(5)); wire.put(request); wire.put(error)
        case .execStarted(let request, let pid):
            wire.put(UInt8(6)); wire.put(request); wire.put(pid)
        case .execFailed(let request, let exitCode, let text):
            wire.put(UInt8(7)); wire.put(request); wire.put(exitCode); wire.put(text)
        case .execExited(let request, let exitCode):
            wire.put(UInt8(8)); wire.put(request); wire.put(exitCode)
        }
        return wire.bytes
    }

    package init(decoding bytes: ArraySlice<UInt8>) throws(MonitorProtocolError) {
        var wire = WireReader(bytes)
        let type = try wire.number(UInt8.self)
        switch type {
        case 1:
            guard let state = State(rawValue: try wire.number()) else { throw .malformed }
            self = .hello(state: state, pid: try wire.number())
        case 2: self = .started(pid: try wire.number(), terminal: try wire.flag())
        case 3:
            self = .failed(
                stage: try wire.text(), errno: try wire.number(), exitCode: try wire.number(), text: try wire.text())
        case 4:
            guard let record = ExitRecord(parsing: try wire.text()) else { throw .malformed }
            self = .exited(record)
        case 5: self = .reply(request: try wire.number(), error: try wire.optionalText())
        case 6: self = .execStarted(request: try wire.number(), pid: try wire.number())
        case 7: self = .execFailed(request: try wire.number(), exitCode: try wire.number(), text: try wire.text())
        case 8: self = .execExited(request: try wire.number(), exitCode: try wire.number())
        default: throw .unknown(type)
        }
        try wire.finish()
    }
}
