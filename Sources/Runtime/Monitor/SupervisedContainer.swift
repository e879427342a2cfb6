import Glibc
import Kernel
import Supervision

/// A started container, with the monitor's ends of its streams.
final class SupervisedContainer {
    let pid: Int32
    let pidfd: FileDescriptor
    let cgroupPath: String?
    /// Nanoseconds since 1970.
    let started: Int64
    /// Where its output comes from: two pipes, or its terminal.
    let outputs: [OutputSource]
    let terminal: SharedDescriptor?
    /// Where its input goes: its pipe's end, which is kept so that the input does not end with a client. nil: it
    /// has none (any more).
    var input: SharedDescriptor?

    private init(_ launched: consuming LaunchedContainer, _ pipes: Pipes?) {
        for warning in launched.warnings { Monitor.report("warning: \(warning)") }
        started = Clock.realtime()
        pid = launched.pid
        cgroupPath = launched.cgroupPath
        if let master = launched.ptyMaster.take() { terminal = SharedDescriptor(master) } else { terminal = nil }
        pidfd = launched.pidfd
        input = pipes?.input
        outputs = pipes?.outputs ?? terminal.map { [OutputSource($0, .stdout, isTerminal: true)] } ?? []
    }

    /// Returns when its program runs; otherwise throws, and nothing of it is left.
    ///
    /// - Parameter network: a prepared network namespace.
    static func start(_ options: MonitorOptions, network: Int32?) throws(RuntimeError) -> SupervisedContainer {
        var request = LaunchRequest(id: options.id, bundle: options.bundle, stdio: .terminal)
        request.networkNamespace = network
        switch options.pidNamespace {
        case .new: request.pidNamespace = .new
        case .host: request.pidNamespace = .inherit
        case .path(let path): request.pidNamespace = .path(path)
        }
        if !options.lower.isEmpty {
            request.overlay = OverlayRootfs(lower: options.lower, upper: options.upper, work: options.work)
        }
        if let path = options.seccomp { request.seccompProgram = try seccompProgram(path) }
        request.initProcess = options.addInit
        request.dieWithParent = true
        let pipes =
            options.terminal
            ? nil
            : try attempt(.process, "making the container's streams") {
                () throws(SyscallError) in try Pipes(openInput: options.openInput)
            }
        if let stdio = pipes?.stdio { request.stdio = stdio }
        let container = SupervisedContainer(try ContainerLauncher.launch(request), pipes)
        for output in container.outputs { try? output.descriptor.descriptor.setNonBlocking() }
        return container
    }

    static func seccompProgram(_ path: String) throws(RuntimeError) -> [UInt8] {
        try attempt(.seccomp, "reading the seccomp program") { () throws(SyscallError) in
            try Sys.readFile(path, limit: 8 * 4096)
        }
    }
}

/// The streams of a container without a terminal. Its own ends are closed with this; without that the monitor
/// would never see their end.
private final class Pipes {
    private let theirs: [SharedDescriptor]
    let outputs: [OutputSource]
    let input: SharedDescriptor?

    init(openInput: Bool) throws(SyscallError) {
        var stdout = try Sys.pipe()
        var stderr = try Sys.pipe()
        outputs = [
            OutputSource(SharedDescriptor(stdout.takeFirst()), .stdout),
            OutputSource(SharedDescriptor(stderr.takeFirst()), .stderr),
        ]
        let stdin: SharedDescriptor
        if openInput {
            var pipe = try Sys.pipe()
            stdin = SharedDescriptor(pipe.takeFirst())
            input = SharedDescriptor(pipe.takeSecond())
        } else {
            stdin = SharedDescriptor(try Sys.open("/dev/null", O_RDONLY))
            input = nil
        }
        theirs = [stdin, SharedDescriptor(stdout.takeSecond()), SharedDescriptor(stderr.takeSecond())]
    }

    var stdio: ContainerStdio {
        .descriptors(stdin: theirs[0].raw, stdout: theirs[1].raw, stderr: theirs[2].raw)
    }
}
