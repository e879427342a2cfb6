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
    /// Keeps its file systems mounted; see `LaunchRequest.handsOverMounts`.
    private var mounts: FileDescriptor?

    private init(_ options: MonitorOptions, _ launched: consuming LaunchedContainer, _ pipes: Pipes?) {
        for warning in launched.warnings { Monitor.report("warning: \(warning)") }
        started = Clock.realtime()
        pid = launched.pid
        cgroupPath = launched.cgroupPath
        if let master = launched.ptyMaster.take() { terminal = SharedDescriptor(master) } else { terminal = nil }
        mounts = launched.mounts.take()
        pidfd = launched.pidfd
        input = options.openInput ? pipes?.input : nil
        outputs = pipes?.outputs ?? terminal.map { [OutputSource($0, .stdout, isTerminal: true)] } ?? []
    }

    /// See `WarmUp`: one that there is not.
    static func warmUp(_ options: MonitorOptions) {
        guard let process = try? Processes.openPid(getpid()) else { return }
        let container = SupervisedContainer(options, LaunchedContainer(pid: 0, pidfd: process, warnings: []), nil)
        _ = ContainerEnding(container)
    }

    /// Returns when its program runs; otherwise throws, and nothing of it is left.
    ///
    /// - Parameters:
    ///   - network: a prepared network namespace.
    ///   - prepared: what there is of it already.
    static func start(_ options: MonitorOptions, network: Int32?, _ prepared: PreparedContainer?) throws(RuntimeError)
        -> SupervisedContainer
    {
        var pipes = prepared?.takePipes()
        if pipes == nil, !options.terminal {
            pipes = try attempt(.process, "making the container's streams") { () throws(SyscallError) in try Pipes() }
        }
        if options.terminal { pipes = nil }
        var request = request(options, pipes, network: network)
        var launched: LaunchedContainer?
        if let prepared, let process = try prepared.takeProcess() {
            defer { if launched == nil { prepared.removeCgroup() } }
            launched = try ContainerLauncher.launch(request, with: process)
        }
        if launched == nil {
            if let path = options.seccomp { request.seccompProgram = try seccompProgram(path) }
            launched = try ContainerLauncher.launch(request)
        }
        guard let launched = launched.take() else { preconditionFailure("it is launched, or this has thrown") }
        let container = SupervisedContainer(options, launched, pipes)
        for output in container.outputs { try? output.descriptor.descriptor.setNonBlocking() }
        return container
    }

    /// Has its file system written to the disk, and unmounted; blocks as long as that takes.
    func unmount() { mounts = nil }

    /// All but the seccomp program, which is read where it is needed.
    static func request(_ options: MonitorOptions, _ pipes: Pipes?, network: Int32?) -> LaunchRequest {
        var request = LaunchRequest(id: options.id, bundle: options.bundle, stdio: .terminal)
        request.networkNamespace = network
        switch options.pidNamespace {
        case .new: request.pidNamespace = .new
        case .host: request.pidNamespace = .inherit
        case .path(let path): request.pidNamespace = .path(path)
        }
        request.overlay = overlay(options)
        request.initProcess = options.addInit
        request.dieWithParent = true
        request.handsOverMounts = true
        if let pipes, !options.terminal { request.stdio = pipes.stdio(openInput: options.openInput) }
        return request
    }

    static func overlay(_ options: MonitorOptions) -> OverlayRootfs? {
        if options.lower.isEmpty { return nil }
        return OverlayRootfs(lower: options.lower, upper: options.upper, work: options.work)
    }

    static func seccompProgram(_ path: String) throws(RuntimeError) -> [UInt8] {
        try attempt(.seccomp, "reading the seccomp program") { () throws(SyscallError) in
            try Sys.readFile(path, limit: 8 * 4096)
        }
    }
}

/// The streams of a container without a terminal. Its own ends are closed with this; without that the monitor
/// would never see their end.
final class Pipes {
    private let null: SharedDescriptor
    private let theirs: (stdin: SharedDescriptor, stdout: SharedDescriptor, stderr: SharedDescriptor)
    let outputs: [OutputSource]
    /// Of a container that has an input.
    let input: SharedDescriptor

    init() throws(SyscallError) {
        var stdin = try Sys.pipe()
        var stdout = try Sys.pipe()
        var stderr = try Sys.pipe()
        outputs = [
            OutputSource(SharedDescriptor(stdout.takeFirst()), .stdout),
            OutputSource(SharedDescriptor(stderr.takeFirst()), .stderr),
        ]
        input = SharedDescriptor(stdin.takeSecond())
        theirs = (
            SharedDescriptor(stdin.takeFirst()), SharedDescriptor(stdout.takeSecond()),
            SharedDescriptor(stderr.takeSecond())
        )
        null = SharedDescriptor(try Sys.open("/dev/null", O_RDONLY))
    }

    func stdio(openInput: Bool) -> ContainerStdio {
        .descriptors(
            stdin: openInput ? theirs.stdin.raw : null.raw, stdout: theirs.stdout.raw, stderr: theirs.stderr.raw)
    }
}
