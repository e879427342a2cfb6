import Basics
import Glibc
import Kernel
import Supervision
import Synchronization

/// Monitors that wait for a container: made ahead, so that a start does not wait for one to be executed.
///
/// The nursery, a process of its own, forks them. Each is handed out once. All of them end with their connection, and so
/// with boxd. Without a nursery monitors are executed; it is started again with the next refill.
final class SpareMonitors: Sendable {
    private struct State {
        var isOpen = false
        var nursery: (connection: SharedDescriptor, process: SharedDescriptor)?
        /// Somebody is going to refill.
        var isPlanned = false
        /// What the last container wanted, as the next one most likely will.
        var kind = SpareMonitor.Kind.anyNetwork
        /// Connections, the oldest first. Ours to close: a `FileDescriptor` does not go into an array.
        var waiting: [Int32] = []
    }

    /// box-runtime, by a path that works in any process of this host.
    let program: String
    /// How many wait.
    private let count: Int
    private let logger: Logger
    private let state = Mutex(State())

    init(program: String, count: Int, logger: Logger) {
        self.program = program
        self.count = count
        self.logger = logger
    }

    /// Begins to make them. Blocks.
    func open() {
        state.withLock { $0.isOpen = true }
        refill()
    }

    /// Ends those that wait, and the nursery; returns when it has ended. Blocks.
    func close() {
        state.withLock { state in
            state.isOpen = false
            for connection in state.waiting { _ = FileDescriptor(owning: connection) }
            state.waiting = []
            endNursery(&state)
        }
    }

    /// Gives a monitor its container.
    ///
    /// - Parameter kind: what fits the container best.
    /// - Returns: the connection to it, not blocking; nil when there is no monitor, and nothing has begun.
    func assign(
        _ options: MonitorOptions, _ kind: SpareMonitor.Kind, standardError: Int32, network: Int32?
    ) -> FileDescriptor? {
        guard let order = SpareMonitor.order(options) else { return nil }
        state.withLock { $0.kind = kind }
        // One that ended while it waited is found out here. The last attempt is a fresh one.
        for _ in 0...count {
            guard let connection = take() else { return nil }
            let taken = try? SpareMonitor.send(
                order, to: connection.raw, standardError: standardError, network: network)
            if taken == true { return connection }
        }
        return nil
    }

    /// One that waits; or, after many at once, one that the nursery is only about to fork.
    private func take() -> FileDescriptor? {
        state.withLock { state in
            if !state.waiting.isEmpty { return FileDescriptor(owning: state.waiting.removeFirst()) }
            return try? request(&state)
        }
    }

    var isEmpty: Bool { state.withLock { $0.waiting.isEmpty } }

    /// False when somebody has promised to refill and has not done it yet.
    func planRefill() -> Bool {
        state.withLock { state in
            defer { state.isPlanned = true }
            return !state.isPlanned
        }
    }

    /// Makes as many as are missing. Blocks for a moment.
    func refill() {
        state.withLock { state in
            state.isPlanned = false
            guard state.isOpen else { return }
            do {
                if state.nursery == nil { state.nursery = try startNursery() }
                while state.waiting.count < count, let connection = try request(&state) {
                    state.waiting.append(connection.release())
                }
            } catch {
                logger.warn("monitors cannot be made ahead, so that starts take longer: \(error)")
                endNursery(&state)
            }
        }
    }

    /// nil: there is no nursery, or it does not keep up.
    private func request(_ state: inout State) throws(SyscallError) -> FileDescriptor? {
        guard let nursery = state.nursery else { return nil }
        var pair = try Sys.socketPair(.packet)
        let ours = pair.takeFirst()
        try ours.setNonBlocking()
        let theirs = pair.takeSecond()
        guard try SpareMonitor.request(nursery.connection.raw, state.kind, connection: theirs.raw) else { return nil }
        return ours
    }

    private func startNursery() throws(SyscallError) -> (SharedDescriptor, SharedDescriptor) {
        var pair = try Sys.socketPair(.packet)
        let ours = pair.takeFirst()
        try ours.setNonBlocking()
        let theirs = pair.takeSecond()
        // Room for the arguments that its monitors show, by which one sees whose they are.
        let room = String(repeating: "-", count: 400)
        var spawn = Spawn(
            program, ["monitor", "--nursery", room], environment: [], directory: "/",
            descriptors: [nil, nil, nil, theirs.raw], newSession: true)
        spawn.argumentZero = "box-runtime"
        let process = try spawn.start()
        return (SharedDescriptor(ours), SharedDescriptor(process.takePidfd()))
    }

    private func endNursery(_ state: inout State) {
        guard let nursery = state.nursery.take() else { return }
        // It ends by itself with its connection; one that cannot must not keep us.
        _ = try? Processes.signal(nursery.process.descriptor, SIGKILL)
        _ = try? Processes.wait(nursery.process.descriptor)
    }
}
