import Basics
import Glibc
import Kernel
import NameServer
import Supervision

/// What a monitor does between the start and the end of its container: one thread that waits in epoll and does
/// nothing that could block, but start further processes.
final class MonitorLoop {
    /// What an event is about: the kind above, a number below.
    private enum Token {
        static let signal: UInt64 = 1 << 32
        static let listener: UInt64 = 2 << 32
        static let output: UInt64 = 3 << 32
        static let client: UInt64 = 4 << 32
        static let names: UInt64 = 5 << 32
    }

    /// More would be somebody's mistake.
    private static let maximumClients = 64
    private static let outputBuffer = 64 << 10
    /// After the container's end its output is over, unless another process was given its pipe. Such a one is
    /// waited for no longer than it takes to say what it was saying.
    private static let patience: Int64 = 1_000_000_000
    /// So long who hears of the container's end has to remove it, or to make ready for its next start: that would wait
    /// for the disk, which is busy as long as file systems are being unmounted.
    private static let courtesy: Int64 = 20_000_000

    let options: MonitorOptions
    let container: SupervisedContainer
    private let listener: FileDescriptor
    private let signals: SignalDescriptor
    private let epoll: Epoll
    private let log: LogWriter
    private let buffer: AnonymousMemory
    private var bufferIsDirty = false
    /// More than copying output was done, the start of the container for example.
    private var hasWorked = true
    private var clients: [UInt32: MonitorClient] = [:]
    private var nextClient: UInt32 = 0
    /// Further processes by pid: who asked for them, and under which number.
    private var execs: [Int32: (client: UInt32, request: UInt32)] = [:]
    /// By their place in `container.outputs`.
    private var openOutputs: Set<Int> = []
    /// Terminals that nobody has open at the moment.
    private var outputsAtEdge: Set<Int> = []
    private var exit: Processes.Exit?
    private var names: NameServer?

    /// Of the memory that everything goes through.
    static let bufferSize = max(outputBuffer, MonitorChannel.maximumPacket)

    /// `epoll`, and `buffer` of `bufferSize`: made while the container is being started.
    init(
        _ options: MonitorOptions, _ container: SupervisedContainer, _ names: NameServer?,
        _ listener: consuming FileDescriptor, _ signals: consuming SignalDescriptor,
        _ control: consuming FileDescriptor?, epoll: consuming Epoll, buffer: consuming AnonymousMemory
    ) throws {
        self.options = options
        self.container = container
        self.listener = listener
        self.signals = signals
        self.epoll = epoll
        self.buffer = buffer
        log = LogWriter(
            directory: options.logDirectory, maximumSize: options.logMaximumSize, maximumFiles: options.logMaximumFiles)
        try self.epoll.add(self.signals.descriptor.raw, .read, token: Token.signal)
        try self.epoll.add(self.listener.raw, .read, token: Token.listener)
        for (index, output) in container.outputs.enumerated() {
            try self.epoll.add(output.descriptor.raw, .read, token: Token.output | UInt64(index))
            openOutputs.insert(index)
        }
        if let names { try follow(names) }
        // Who waits for the start first.
        if let control, let client = admit(control) {
            client.send(
                .started(pid: container.pid, terminal: container.terminal != nil), descriptors: [container.pidfd.raw])
        }
        if let identity = Supervision.ProcessIdentity(ofRunning: container.pid) {
            try identity.write(RunFiles(directory: options.runDirectory).pid)
        }
    }

    /// See `WarmUp`: makes the types of what a loop keeps.
    @inline(never) static func warmUp() -> Int {
        var numbers: Set<Int> = []
        numbers.insert(0)
        var clients: [UInt32: MonitorClient] = [:]
        if var pair = try? Sys.socketPair(.packet) {
            let client = MonitorClient(0, MonitorChannel(pair.takeFirst()))
            clients[client.number] = client
        }
        var execs: [Int32: (client: UInt32, request: UInt32)] = [:]
        execs.reserveCapacity(1)
        if let epoll = try? Epoll(), var pair = try? Sys.socketPair(.packet) {
            let ours = pair.takeFirst()
            try? epoll.add(ours.raw, .write, token: 0)
            _ = try? epoll.wait(timeout: 0)
        }
        return numbers.count + clients.capacity + execs.capacity
    }

    /// Returns when the container has ended and all of that is recorded.
    func run() throws {
        // A child that ended before its signal was waited for.
        reap()
        while exit == nil { _ = try turn(timeout: bufferIsDirty || hasWorked ? 1000 : -1) }
        // Its sockets would keep the network namespace.
        names = nil
        let ending = ContainerEnding(container)
        if options.pidNamespace != .new { ending.killRest() }
        reap()
        // Without waiting to be told: most often all is there, and its end.
        for index in openOutputs { while drain(index) == .more {} }
        var deadline = Clock.boottime() + Self.patience
        while !openOutputs.isEmpty, Clock.boottime() < deadline {
            if try turn(timeout: 100) { deadline = Clock.boottime() + Self.patience }
        }
        let record = ending.record(options, exit)
        for client in clients.values { client.send(.exited(record)) }
        deadline = Clock.boottime() + Self.courtesy
        while !clients.isEmpty, Clock.boottime() < deadline { _ = try turn(timeout: 20) }
        // Who starts the container again waits for the end of our connection.
        ending.clean(options)
    }

    /// Waits for something and does what it asks. True when output came.
    private func turn(timeout: Int32) throws -> Bool {
        let events = try epoll.wait(timeout: timeout)
        // One that is about to end gives all of its memory back.
        if events.isEmpty, exit == nil { settle() }
        var hadOutput = false
        for event in events {
            let number = UInt32(truncatingIfNeeded: event.token)
            switch event.token & 0xffff_ffff_0000_0000 {
            case Token.signal:
                while signals.next() != nil {}
                reap()
            case Token.listener: accept()
            case Token.names: serveNames()
            case Token.output: if drain(Int(number)) != .ended { hadOutput = true }
            default: if let client = clients[number] { serve(client) }
            }
        }
        for client in clients.values where client.isGone { drop(client) }
        return hadOutput
    }

    /// A quiet container's monitor keeps no memory that it does not need.
    private func settle() {
        if bufferIsDirty { buffer.giveBack() }
        if hasWorked { Processes.releaseMemory() }
        bufferIsDirty = false
        hasWorked = false
    }

    // MARK: Output

    private func drain(_ index: Int) -> OutputSource.Progress {
        let output = container.outputs[index]
        let bytes = UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[..<Self.outputBuffer])
        bufferIsDirty = true
        let progress = output.drain(to: log, through: bytes)
        if progress == .ended {
            if output.isTerminal, exit == nil {
                // Its program closed it, and may open it again: told by an edge, as the level stays as it is.
                try? epoll.modify(output.descriptor.raw, [.read, .edge], token: Token.output | UInt64(index))
                outputsAtEdge.insert(index)
            } else {
                try? epoll.remove(output.descriptor.raw)
                openOutputs.remove(index)
            }
        } else if outputsAtEdge.remove(index) != nil {
            try? epoll.modify(output.descriptor.raw, .read, token: Token.output | UInt64(index))
        }
        return progress
    }

    // MARK: Children

    private func reap() {
        while let ended = Processes.reapAny() {
            if ended.pid == container.pid {
                exit = ended
            } else if let exec = execs.removeValue(forKey: ended.pid) {
                clients[exec.client]?.send(.execExited(request: exec.request, exitCode: ended.code))
            }
        }
    }

    // MARK: Names

    private func follow(_ server: NameServer) throws(SyscallError) {
        try epoll.add(server.descriptor, .read, token: Token.names)
        names = server
    }

    private func serveNames() {
        bufferIsDirty = true
        hasWorked = true
        do throws(SyscallError) {
            try names?.serve(using: buffer.bytes)
        } catch {
            // Without it the container still has its output and its exit code.
            Monitor.report("the name server ends: \(error)")
            names = nil
        }
    }

    private func startNames(_ file: String) throws {
        if names != nil { return }
        try follow(try NameServer(file: file, try NameServerSockets.open(in: container.pidfd.raw)))
    }

    // MARK: Clients

    private func accept() {
        while let connection = try? Sys.accept(listener) {
            guard clients.count < Self.maximumClients, let peer = try? Sys.peer(of: connection.raw),
                peer.uid == geteuid(),
                let client = admit(connection)
            else { continue }
            client.send(
                .hello(state: exit == nil ? .running : .exited, pid: container.pid), descriptors: [container.pidfd.raw])
        }
    }

    private func admit(_ connection: consuming FileDescriptor) -> MonitorClient? {
        let client = MonitorClient(nextClient, MonitorChannel(connection))
        guard (try? epoll.add(client.channel.socket.raw, .read, token: Token.client | UInt64(nextClient))) != nil else {
            return nil
        }
        nextClient &+= 1
        clients[client.number] = client
        return client
    }

    private func drop(_ client: MonitorClient) {
        try? epoll.remove(client.channel.socket.raw)
        clients[client.number] = nil
    }

    private func serve(_ client: MonitorClient) {
        bufferIsDirty = true
        hasWorked = true
        do {
            for _ in 0..<16 {
                switch try client.channel.receiveRequest(using: buffer.bytes) {
                case .none: return
                case .end: return drop(client)
                case .message(let received): answer(received, client)
                }
            }
        } catch {
            Monitor.report("a client is dropped: \(error)")
            drop(client)
        }
    }

    private func answer(_ received: MonitorChannel.Received<MonitorRequest>, _ client: MonitorClient) {
        func reply(_ error: String?, descriptors: [Int32] = []) {
            client.send(.reply(request: received.message.request, error: error), descriptors: descriptors)
        }
        if exit != nil { return reply("the container has ended") }
        switch received.message {
        case .attachInput:
            guard let input = container.terminal ?? container.input else {
                return reply("the container has no input, or it is closed")
            }
            reply(nil, descriptors: [input.raw])
        case .closeInput:
            if container.terminal != nil { return reply("the input of a terminal does not end") }
            container.input = nil
            reply(nil)
        case .resize(_, let rows, let columns):
            guard let terminal = container.terminal else { return reply("the container has no terminal") }
            do throws(SyscallError) {
                try Terminal.setSize(terminal.raw, .init(rows: rows, columns: columns))
                reply(nil)
            } catch {
                reply("setting the terminal's size: \(error)")
            }
        case .exec(let request, let exec): start(exec, received.descriptors, request, client)
        case .startResolver(_, let file):
            do {
                try startNames(file)
                reply(nil)
            } catch {
                reply("starting the name server: \(error)")
            }
        }
    }

    private func start(
        _ exec: MonitorRequest.Exec, _ streams: [SharedDescriptor], _ request: UInt32, _ client: MonitorClient
    ) {
        do throws(RuntimeError) {
            let stdio: ContainerStdio =
                exec.terminal
                ? .terminal : .descriptors(stdin: streams[0].raw, stdout: streams[1].raw, stderr: streams[2].raw)
            var wanted = ExecRequest(container: container.pidfd.raw, process: exec.process, stdio: stdio)
            wanted.cgroupPath = container.cgroupPath
            if let path = exec.seccomp { wanted.seccompProgram = try SupervisedContainer.seccompProgram(path) }
            var process = try ContainerLauncher.exec(wanted)
            for warning in process.warnings { Monitor.report("warning: \(warning)") }
            execs[process.pid] = (client.number, request)
            var descriptors = [process.pidfd.raw]
            // Closed here once it is sent: the terminal hangs up when whoever asked for it is gone.
            let terminal: SharedDescriptor?
            if let master = process.ptyMaster.take() { terminal = SharedDescriptor(master) } else { terminal = nil }
            if let terminal { descriptors.append(terminal.raw) }
            client.send(.execStarted(request: request, pid: process.pid), descriptors: descriptors)
            withExtendedLifetime(terminal) {}
        } catch {
            client.send(.execFailed(request: request, exitCode: error.exitCode, text: error.message))
        }
    }
}
