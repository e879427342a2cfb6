import Glibc
import Kernel
import NameServer
import Supervision

/// `box-runtime monitor`: the parent of one container.
///
/// It starts the container, keeps its streams, writes its log, reaps its processes, and leaves its exit record; all
/// without the daemon, which may end at any time and finds the container again by the monitor's socket. If the
/// monitor itself is killed, the kernel kills the container with it: nobody would know its end.
package enum Monitor {
    /// The connection to whoever spawned the monitor.
    private static let controlDescriptor: Int32 = 3
    /// With `MonitorOptions.networkNamespace`.
    private static let networkDescriptor: Int32 = 4

    /// `arguments`: those after `monitor`. Returns the exit code of the monitor, 0 when the container ran.
    package static func main(arguments: [String]) -> Int32 {
        do {
            if arguments.first == MonitorNursery.option {
                return try MonitorNursery.run(control: FileDescriptor(owning: controlDescriptor))
            }
            return try run(arguments)
        } catch {
            // The spawner closed standard error, or collects it in a file.
            report("\(error)")
            return 125
        }
    }

    private static func run(_ arguments: [String]) throws -> Int32 {
        let options = try MonitorOptions(parsing: arguments)
        var control: FileDescriptor? = FileDescriptor(owning: controlDescriptor)
        if (try? control?.setNonBlocking()) == nil {
            // Started by hand, without a connection. The number is not ours to close.
            _ = control.take()?.release()
        }
        let network = options.networkNamespace ? FileDescriptor(owning: networkDescriptor) : nil
        return try run(options, try Surroundings(), control.take(), network: network)
    }

    /// What a monitor is to the processes around it; the same for every container.
    struct Surroundings: ~Copyable {
        let signals: SignalDescriptor
        private static let unheeded = [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2]
        private static let heeded = [SIGCHLD]

        /// See `WarmUp`. None of them is blocked.
        static func warmUp() {
            try? Signals.unblock(unheeded)
            try? Signals.unblock(heeded)
        }

        init() throws(SyscallError) {
            // A session of its own: a terminal's signals, or its end, do not concern it.
            try? Processes.newSession()
            // With --pid=host, what the container's processes leave behind becomes the monitor's, which reaps it.
            try Processes.becomeSubreaper()
            // It lives as long as its container, whatever it is told; the container's children get theirs reset.
            Signals.ignorePipe()
            try Signals.block(Self.unheeded)
            signals = try SignalDescriptor(Self.heeded)
        }

        consuming func takeSignals() -> SignalDescriptor { signals }
    }

    /// - Parameters:
    ///   - control: the connection to who wants the container, not blocking.
    ///   - network: closed after the start, as the namespace must not outlive its container.
    static func run(
        _ options: MonitorOptions, _ surroundings: consuming Surroundings, _ control: consuming FileDescriptor?,
        network: consuming FileDescriptor?, _ prepared: PreparedContainer? = nil
    ) throws -> Int32 {
        var control = control
        var network = network
        let signals = surroundings.takeSignals()
        // Before the start: whoever sees the container running finds it.
        let files = RunFiles(directory: options.runDirectory)
        let listener = try Sys.listenUnix(.packet, in: files.directory, name: files.socketName, backlog: 64)

        let epoll = try Epoll()
        let buffer = try AnonymousMemory(size: MonitorLoop.bufferSize)
        let supervised: SupervisedContainer
        let names: NameServer?
        do throws(RuntimeError) {
            // Before the start: the first thing that the container does may be to ask.
            names = try nameServer(options, network?.raw)
            supervised = try SupervisedContainer.start(options, network: network?.raw, prepared)
            network = nil
        } catch {
            try? Sys.unlink(files.socket)
            if let control = control.take() {
                let message = MonitorMessage.failed(
                    stage: "\(error.stage)", errno: error.errno, exitCode: error.exitCode, text: error.message)
                _ = try? MonitorChannel(control).send(message)
            }
            report("container \(options.id): \(error)")
            return 1
        }
        do {
            try MonitorLoop(
                options, supervised, names, listener, signals, control.take(), epoll: epoll, buffer: buffer
            ).run()
            return 0
        } catch {
            // Nobody would read the container's output or know its end: better an end with a reason.
            let ending = ContainerEnding(supervised)
            ending.destroy(options, reason: "its monitor failed: \(error)")
            throw error
        }
    }

    private static func nameServer(_ options: MonitorOptions, _ network: Int32?) throws(RuntimeError) -> NameServer? {
        guard let file = options.resolver, let network else { return nil }
        do {
            return try NameServer(file: file, try NameServerSockets.open(in: network))
        } catch {
            throw RuntimeError(.namespaces, "starting the name server: \(error)")
        }
    }

    static func report(_ message: String) {
        let line = Array("box-runtime monitor: \(message)\n".utf8)
        _ = try? line.withUnsafeBytes { (bytes) throws(SyscallError) in try Sys.write(2, bytes) }
    }
}
