import Basics
import Glibc
import Kernel
import Reactor
import Supervision
import Synchronization

/// The connection to a container's monitor: what it reports, and what can be asked of it.
///
/// Its loss says nothing of the container unless the monitor itself is gone, and then so is the container: the
/// kernel kills it with its monitor.
final class MonitorLink: Sendable {
    /// The container's first process, as the monitor introduced it.
    struct Introduced: Sendable {
        let pid: Int32
        let pidfd: SharedDescriptor?
    }

    struct ExecProcess: Sendable {
        let pid: Int32
        let pidfd: SharedDescriptor?
        /// The pty's master.
        let terminal: SharedDescriptor?
    }

    private typealias Received = MonitorChannel.Received<MonitorMessage>
    private struct State {
        var nextRequest: UInt32 = 1
        var pending: [UInt32: CheckedContinuation<Received, any Error>] = [:]
        var execExits: [UInt32: @Sendable (Int32) async -> Void] = [:]
        var closed = false
        var exit: ExitRecord?
        var exitWaiter: CheckedContinuation<ExitRecord?, Never>?
    }

    private let channel: MonitorChannel
    private let loop: EventLoop
    private let state = Mutex(State())
    private let end = Latch()

    private init(_ channel: consuming MonitorChannel, _ loop: EventLoop) {
        self.channel = channel
        self.loop = loop
    }

    /// Starts a monitor, and with it the container; returns when its program runs. The first messages of a
    /// link are read here, all others by `follow`.
    ///
    /// - Parameter network: the container's network namespace, with `MonitorOptions.networkNamespace`.
    static func spawn(
        _ options: MonitorOptions, _ kind: SpareMonitor.Kind, network: SharedDescriptor?, _ spares: SpareMonitors,
        _ loop: EventLoop
    ) async throws -> (MonitorLink, Introduced) {
        let log = try Sys.open(options.runDirectory + "/monitor.log", O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
        let link: MonitorLink
        if let connection = spares.assign(options, kind, standardError: log.raw, network: network?.raw) {
            link = MonitorLink(MonitorChannel(connection), loop)
        } else {
            link = try execute(options, network: network?.raw, log: log.raw, program: spares.program, loop)
        }
        try log.close()
        while true {
            guard let received = try await link.receive() else {
                throw LaunchError(
                    exitCode: 125, message: "the container's monitor ended before it started the container")
            }
            switch received.message {
            case .started(let pid, _):
                Task { await link.follow() }
                return (link, Introduced(pid: pid, pidfd: received.descriptors.first))
            case .failed(_, _, let exitCode, let text):
                throw LaunchError(exitCode: exitCode, message: text)
            default: continue
            }
        }
    }

    /// Without a monitor that waits.
    private static func execute(
        _ options: MonitorOptions, network: Int32?, log: Int32, program: String, _ loop: EventLoop
    ) throws -> MonitorLink {
        var pair = try Sys.socketPair(.packet)
        let ours = pair.takeFirst()
        try ours.setNonBlocking()
        let theirs = pair.takeSecond()
        var monitorProgram = Spawn(
            program, options.arguments, environment: [], directory: "/",
            // Not our standard error: who reads ours would wait for the end of every container.
            descriptors: [nil, nil, log, theirs.raw] + (network.map { [$0] } ?? []), newSession: true)
        monitorProgram.argumentZero = "box-runtime"
        let monitor = try monitorProgram.start()
        let monitorPid = SharedDescriptor(monitor.takePidfd())
        // The monitor is our child for as long as we live; without this it would stay a zombie at its end.
        Task { [loop] in
            try? await loop.processExit(monitorPid)
            _ = try? Processes.wait(monitorPid.descriptor, block: false)
        }
        return MonitorLink(MonitorChannel(ours), loop)
    }

    /// Finds the monitor of a container that an earlier daemon started.
    static func connect(_ socket: String, _ loop: EventLoop) async throws -> (MonitorLink, Introduced) {
        let link = MonitorLink(try MonitorChannel.connect(socket, nonBlocking: true), loop)
        guard let received = try await link.receive(), case .hello(_, let pid) = received.message else {
            throw SyscallError("connect", socket, errno: ECONNRESET)
        }
        Task { await link.follow() }
        return (link, Introduced(pid: pid, pidfd: received.descriptors.first))
    }

    /// How the container ended; nil when the monitor vanished without telling.
    func exitRecord() async -> ExitRecord? {
        await withCheckedContinuation { continuation in
            let known = state.withLock { state -> ExitRecord?? in
                if let exit = state.exit { return .some(exit) }
                if state.closed { return .some(nil) }
                state.exitWaiter = continuation
                return nil
            }
            if let known { continuation.resume(returning: known) }
        }
    }

    // MARK: Requests

    /// The descriptor to write the container's input to; nil when it has none.
    func attachInput() async throws -> SharedDescriptor? {
        let received = try await request { .attachInput(request: $0) }
        try Self.check(received)
        return received.descriptors.first
    }

    func closeInput() async throws {
        try Self.check(try await request { .closeInput(request: $0) })
    }

    func resize(rows: UInt16, columns: UInt16) async throws {
        try Self.check(try await request { .resize(request: $0, rows: rows, columns: columns) })
    }

    /// Starts the container's name server, if it has none yet.
    ///
    /// - Parameter file: the path of its `ResolverFile`, which must be there.
    func startResolver(_ file: String) async throws {
        try Self.check(try await request { .startResolver(request: $0, file: file) })
    }

    /// Runs a further process.
    ///
    /// - Parameters:
    ///   - process: the runtime specification's `process` object.
    ///   - descriptors: its standard streams without a terminal; nil is `/dev/null`.
    ///   - onExit: gets the exit code, once.
    func exec(
        _ process: [UInt8], terminal: Bool, seccomp: String?, descriptors: [SharedDescriptor?],
        onExit: @escaping @Sendable (Int32) async -> Void
    ) async throws -> ExecProcess {
        let null = try Sys.open("/dev/null", O_RDWR)
        let raw = terminal ? [] : descriptors.map { $0?.raw ?? null.raw }
        let received = try await request(descriptors: raw, onExit: onExit) {
            .exec(request: $0, .init(process: process, terminal: terminal, seccomp: seccomp))
        }
        switch received.message {
        case .execStarted(_, let pid):
            let fds = received.descriptors
            return ExecProcess(pid: pid, pidfd: fds.first, terminal: terminal ? fds.dropFirst().first : nil)
        case .execFailed(_, let exitCode, let text): throw LaunchError(exitCode: exitCode, message: text)
        default: throw LaunchError(exitCode: 126, message: "the container's monitor gave an answer that fits no exec")
        }
    }

    private static func check(_ received: Received) throws {
        if case .reply(_, .some(let error)) = received.message { throw EngineError(.failed, error) }
    }

    private func request(
        descriptors: [Int32] = [], onExit: (@Sendable (Int32) async -> Void)? = nil,
        _ make: (UInt32) -> MonitorRequest
    ) async throws -> Received {
        let number = state.withLock { state in
            state.nextRequest += 1
            if let onExit { state.execExits[state.nextRequest] = onExit }
            return state.nextRequest
        }
        let message = make(number)
        return try await withCheckedThrowingContinuation { continuation in
            let open = state.withLock { state in
                if !state.closed { state.pending[number] = continuation }
                return !state.closed
            }
            guard open else { return continuation.resume(throwing: Self.gone) }
            do {
                // A monitor answers at once and its queue is never full but when it is stopped by a debugger.
                guard try channel.send(message, descriptors: descriptors) else {
                    throw EngineError(.failed, "the container's monitor does not take requests")
                }
            } catch {
                let waiting = state.withLock { $0.pending.removeValue(forKey: number) }
                waiting?.resume(throwing: error)
            }
        }
    }

    private static var gone: EngineError { EngineError(.conflict, "the container has ended") }

    // MARK: What comes in

    private func receive() async throws -> Received? {
        while true {
            switch try channel.receiveMessage() {
            case .message(let received): return received
            case .end: return nil
            case .none: try await loop.readable(channel.socket.raw)
            }
        }
    }

    /// Hands out what the monitor says, until it ends.
    private func follow() async {
        while let received = try? await receive() {
            switch received.message {
            case .reply(let request, _), .execStarted(let request, _): answer(request, received)
            case .execFailed(let request, _, _):
                state.withLock { $0.execExits[request] = nil }
                answer(request, received)
            case .execExited(let request, let code):
                let onExit = state.withLock { $0.execExits.removeValue(forKey: request) }
                await onExit?(code)
            case .exited(let record): ended(record)
            case .hello, .started, .failed: break
            }
        }
        ended(nil)
        end.open()
    }

    /// Returns when the monitor is gone, and nothing uses the container's layers any more: later than it has reported
    /// the container's end, as it has the kernel write these to the disk.
    func hasEnded() async {
        // Tells it that nothing is to be done before it cleans up.
        try? Sys.shutdownWrite(channel.socket.raw)
        await end.wait()
    }

    private func answer(_ request: UInt32, _ received: Received) {
        state.withLock { $0.pending.removeValue(forKey: request) }?.resume(returning: received)
    }

    private func ended(_ record: ExitRecord?) {
        let (pending, waiter, exit) = state.withLock { state in
            state.closed = true
            if state.exit == nil { state.exit = record }
            defer {
                state.pending = [:]
                state.exitWaiter = nil
            }
            return (state.pending, state.exitWaiter, state.exit)
        }
        for waiting in pending.values { waiting.resume(throwing: Self.gone) }
        waiter?.resume(returning: exit)
    }
}
