package import APIModel
import Basics
import Kernel
package import Reactor
import Supervision

/// One `exec`: a further program in a running container.
package actor ExecSession {
    package nonisolated let id: String
    package nonisolated let container: Container
    package nonisolated let request: ExecCreateRequest

    package enum State: Sendable {
        case created
        case starting
        case running(pid: Int32)
        case exited(code: Int32)
    }
    package private(set) var state = State.created
    package private(set) var pid: Int32 = 0
    /// Of the terminal, set by `resize` before or while it runs.
    private var size: (rows: UInt16, columns: UInt16)?
    private var terminal: AsyncSocket?
    private var exitWaiters: [Int: CheckedContinuation<Int32, any Error>] = [:]
    private var nextWaiter = 0
    private var pidfd: SharedDescriptor?

    init(container: Container, request: ExecCreateRequest) {
        id = Identifier().hex
        self.container = container
        self.request = request
    }

    /// The program's streams: what it prints, and where it reads. With a terminal all of it is in `output`.
    package struct Streams: Sendable {
        package var input: AsyncSocket?
        package var output: AsyncSocket?
        package var errors: AsyncSocket?
    }

    /// Starts the program. Its streams are the caller's to serve; nil ones are not there.
    package func start(detach: Bool, consoleSize: [UInt16]?) async throws -> Streams {
        guard case .created = state else {
            throw EngineError(.conflict, "exec \(id) has already been started")
        }
        state = .starting
        if let consoleSize, consoleSize.count == 2 { size = (consoleSize[0], consoleSize[1]) }
        do {
            // In turn with pausing: a monitor that starts a process in a frozen cgroup waits until it is thawed.
            return try await container.gate.run {
                let (process, seccomp) = try await container.execProcess(request, size: size)
                return try await run(process, seccomp: seccomp, detach: detach)
            }
        } catch {
            await ended(code: (error as? LaunchError)?.exitCode ?? 126)
            throw error
        }
    }

    private func run(_ process: [UInt8], seccomp: String?, detach: Bool) async throws -> Streams {
        let link = try await container.requireLink()
        let loop = container.engine.loop
        var streams = Streams()
        var inside: [SharedDescriptor?] = [nil, nil, nil]
        if !request.tty, !detach {
            if request.attachStdin {
                var pipe = try Sys.pipe()
                inside[0] = SharedDescriptor(pipe.takeFirst())
                streams.input = try AsyncSocket(pipe.takeSecond(), loop: loop)
            }
            if request.attachStdout {
                var pipe = try Sys.pipe()
                streams.output = try AsyncSocket(pipe.takeFirst(), loop: loop)
                inside[1] = SharedDescriptor(pipe.takeSecond())
            }
            if request.attachStderr {
                var pipe = try Sys.pipe()
                streams.errors = try AsyncSocket(pipe.takeFirst(), loop: loop)
                inside[2] = SharedDescriptor(pipe.takeSecond())
            }
        }
        let started = try await link.exec(
            process, terminal: request.tty, seccomp: seccomp, descriptors: inside,
            onExit: { code in await self.ended(code: code) })
        if case .starting = state { state = .running(pid: started.pid) }
        pid = started.pid
        pidfd = started.pidfd
        if request.tty, let master = started.terminal {
            let socket = AsyncSocket(master, loop: loop)
            terminal = socket
            streams = Streams(input: request.attachStdin ? socket : nil, output: socket, errors: nil)
            if let size { try Terminal.setSize(master.raw, .init(rows: size.rows, columns: size.columns)) }
        }
        await container.publish(
            "exec_start: \(request.command.joined(separator: " "))", ["execID": id])
        return streams
    }

    func ended(code: Int32) async {
        if case .exited = state { return }
        state = .exited(code: code)
        terminal = nil
        for waiter in exitWaiters.values { waiter.resume(returning: code) }
        exitWaiters = [:]
        await container.publish("exec_die", ["execID": id, "exitCode": "\(code)"])
    }

    /// The exit code, when it has ended.
    package func exit() async throws -> Int32 {
        if case .exited(let code) = state { return code }
        nextWaiter += 1
        let number = nextWaiter
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                if Task.isCancelled {
                    continuation.resume(throwing: CancellationError())
                } else {
                    exitWaiters[number] = continuation
                }
            }
        } onCancel: {
            Task { await self.cancelWaiter(number) }
        }
    }

    private func cancelWaiter(_ number: Int) {
        exitWaiters.removeValue(forKey: number)?.resume(throwing: CancellationError())
    }

    package func resize(rows: UInt16, columns: UInt16) throws {
        size = (rows, columns)
        if let terminal { try Terminal.setSize(terminal.raw, .init(rows: rows, columns: columns)) }
    }

    /// The client leaves by its detach keys.
    package func detached() async { await container.publish("exec_detach", ["execID": id]) }

    /// Nothing when it does not run.
    package func kill() {
        guard case .running = state, let pidfd else { return }
        _ = try? Processes.signal(pidfd.descriptor, 9)
    }

    package func inspect() -> ExecInspect {
        var running = false
        var code: Int?
        switch state {
        case .created: break
        case .starting, .running: running = true
        case .exited(let exit): code = Int(exit)
        }
        return ExecInspect(
            id: id, running: running, exitCode: code,
            processConfig: ExecProcess(
                tty: request.tty, entrypoint: request.command.first ?? "",
                arguments: Array(request.command.dropFirst()),
                privileged: request.privileged, user: request.user),
            openStdin: request.attachStdin, openStderr: request.attachStderr, openStdout: request.attachStdout,
            canRemove: code != nil, containerID: container.id, detachKeys: request.detachKeys ?? "", pid: Int(pid))
    }
}
