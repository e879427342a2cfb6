import Glibc
import Kernel

/// Accepts, reads, writes and waits: one thread, one epoll.
final class Server {
    private enum Event {
        case listen
        case exit
        case answer(UInt64)
        case sweep
        case loseSilent
        case loseIdle
    }
    private static let listenerToken: UInt64 = 1
    private static let signalToken: UInt64 = 2
    private static let datagramToken: UInt64 = 3
    /// Connections on which nothing happens for so long are closed.
    private static let longestSilence: Int64 = 75_000_000_000
    private static let sweepInterval: Int64 = 5_000_000_000
    /// After SIGUSR1 every answer is the last one of its connection, for so long.
    private static let lameTime: Int64 = 10_000_000_000

    private let epoll: Epoll
    private let signals: SignalDescriptor
    private var listener: SharedDescriptor?
    private var datagrams: SharedDescriptor?
    private var responder: Responder
    private var connections: [UInt64: Connection] = [:]
    private var lastToken: UInt64 = 16
    /// Sorted, the next one last.
    private var timeline: [(time: Int64, event: Event)] = []
    private var now = Clock.boottime()
    private var isDraining = false
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)

    init(_ configuration: Configuration) throws(SyscallError) {
        responder = Responder(configuration)
        epoll = try Epoll()
        signals = try SignalDescriptor([SIGTERM, SIGINT, SIGUSR1])
        Signals.ignorePipe()
        // As the first process of a container: what is orphaned there is ours, and gone when it ends.
        _ = signal(SIGCHLD, SIG_IGN)
        try epoll.add(signals.descriptor.raw, .read, token: Self.signalToken)
    }

    deinit { buffer.deallocate() }

    /// Returns the exit code.
    func run() throws(SyscallError) -> Int32 {
        schedule(.listen, after: responder.configuration.startDelay)
        schedule(.sweep, after: Int(Self.sweepInterval / 1_000_000))
        if let delay = responder.configuration.exitAfter { schedule(.exit, after: delay) }
        while true {
            let ready = try epoll.wait(timeout: waitTime)
            now = Clock.boottime()
            responder.stamp()
            for event in ready {
                switch event.token {
                case Self.listenerToken: accept()
                case Self.datagramToken: answerDatagrams()
                case Self.signalToken: if let code = handleSignals() { return code }
                default: if let connection = connections[event.token] { serve(connection, event.ready) }
                }
            }
            if let code = try handleTimeline() { return code }
            if isDraining && connections.isEmpty { return 0 }
        }
    }

    // MARK: - Time

    private var waitTime: Int32 {
        guard let next = timeline.last?.time else { return -1 }
        return Int32(clamping: max(0, (next - now + 999_999) / 1_000_000))
    }

    private func schedule(_ event: Event, after milliseconds: Int) {
        let time = now + Int64(milliseconds) * 1_000_000
        var (low, high) = (0, timeline.count)
        while low < high {
            let middle = (low + high) / 2
            if timeline[middle].time > time { low = middle + 1 } else { high = middle }
        }
        timeline.insert((time, event), at: low)
    }

    /// The exit code when it is time to exit.
    private func handleTimeline() throws(SyscallError) -> Int32? {
        while let next = timeline.last, next.time <= now {
            timeline.removeLast()
            switch next.event {
            case .listen: try listen()
            case .exit: return responder.configuration.exitCode
            case .answer(let token):
                guard let connection = connections[token] else { continue }
                connection.answerLate(&responder, draining: isDraining)
                advance(connection)
            case .sweep:
                for connection in connections.values where now - connection.lastActivity > Self.longestSilence {
                    close(connection)
                }
                schedule(.sweep, after: Int(Self.sweepInterval / 1_000_000))
            case .loseIdle:
                for connection in connections.values where connection.isIdle { close(connection) }
            case .loseSilent:
                for connection in connections.values {
                    connection.drain(patience: false)
                    advance(connection)
                }
            }
        }
        return nil
    }

    // MARK: - Connections

    private func listen() throws(SyscallError) {
        if isDraining { return }
        let socket = try Sys.listenTCP(port: responder.configuration.port)
        try epoll.add(socket.raw, .read, token: Self.listenerToken)
        listener = SharedDescriptor(socket)
        guard let port = responder.configuration.datagramPort else { return }
        let bound = try Sys.bindInternet(.datagram, [0, 0, 0, 0], port: port)
        try epoll.add(bound.raw, .read, token: Self.datagramToken)
        datagrams = SharedDescriptor(bound)
    }

    private func answerDatagrams() {
        guard let socket = datagrams?.descriptor.raw else { return }
        while let received = try? Sys.receiveDatagram(socket, into: buffer) {
            // Whom it does not reach asks again.
            _ = try? Sys.sendDatagram(socket, responder.identity, to: received.source)
        }
    }

    private func accept() {
        guard let listener else { return }
        do {
            while let accepted = try Sys.accept(listener.descriptor) {
                lastToken += 1
                try? Sys.setNoDelay(accepted)
                try epoll.add(accepted.raw, .read, token: lastToken)
                connections[lastToken] = Connection(accepted, token: lastToken, now: now)
            }
        } catch {
            // No descriptor or memory left: those that wait are taken when others have gone.
            say("\(error)")
            Clock.sleep(nanoseconds: 10_000_000)
        }
    }

    private func serve(_ connection: Connection, _ ready: Epoll.Interest) {
        connection.lastActivity = now
        if !ready.isDisjoint(with: [.read, .hangup, .error]), !connection.receive(buffer) { return close(connection) }
        advance(connection)
    }

    /// Answers what has come, sends what can be sent, and waits for the rest.
    private func advance(_ connection: Connection) {
        while true {
            let need = connection.process(&responder, draining: isDraining)
            guard connection.flush() else { return close(connection) }
            if case .time(let delay) = need { schedule(.answer(connection.token), after: delay) }
            if case .room = need, !connection.hasUnsent { continue }
            break
        }
        if isDraining { connection.drain(patience: true) }
        if connection.isFinished { return close(connection) }
        let wanted = connection.wantedInterest
        if wanted != connection.interest {
            connection.interest = wanted
            guard (try? epoll.modify(connection.descriptor.raw, wanted, token: connection.token)) != nil else {
                return close(connection)
            }
        }
    }

    private func close(_ connection: Connection) {
        // The descriptor is closed, and so leaves the epoll, with the last reference.
        connections[connection.token] = nil
    }

    // MARK: - The end

    private func handleSignals() -> Int32? {
        while let number = signals.next() {
            if number == SIGUSR1 {
                responder.becomeLame(for: Self.lameTime)
                schedule(.loseIdle, after: 1000)
            } else if number == SIGINT || responder.configuration.termination == .graceful {
                // Those that are connected, in the kernel's queue, are not turned away.
                accept()
                listener = nil
                isDraining = true
                schedule(.loseSilent, after: 1000)
                for connection in connections.values {
                    // What was sent before the signal is answered.
                    guard connection.receive(buffer) else {
                        close(connection)
                        continue
                    }
                    advance(connection)
                }
            } else if responder.configuration.termination == .abrupt {
                return 128 + SIGTERM
            }
        }
        return nil
    }
}

func say(_ text: String) {
    var line = "web: \(text)\n"
    line.withUTF8 { _ = Glibc.write(2, $0.baseAddress, $0.count) }
}
