import Basics
import Glibc
import Kernel
import OCI

/// `create` and `run`
struct CreateCommand {
    let store: ContainerStore
    let log: RuntimeLog
    private var id = ""
    private var bundle = "."
    private var consoleSocket: String?
    private var pidFile: String?
    private var preserved: Int32 = 0
    private var detach = false
    private var keepInit = false
    private var lower: [String] = []
    private var upper: String?
    private var work: String?

    init(store: ContainerStore, log: RuntimeLog, _ arguments: CommandArguments) throws(RuntimeError) {
        self.store = store
        self.log = log
        var arguments = arguments
        while let option = arguments.nextOption() {
            switch option.name {
            case "bundle", "b": bundle = try arguments.value(option)
            case "init": keepInit = try arguments.flag(option)
            case "lower": lower.append(try RuntimeCommand.absolute(try arguments.value(option)))
            case "upper": upper = try RuntimeCommand.absolute(try arguments.value(option))
            case "work": work = try RuntimeCommand.absolute(try arguments.value(option))
            case "console-socket": consoleSocket = try arguments.value(option)
            case "pid-file": pidFile = try arguments.value(option)
            case "preserve-fds": preserved = try arguments.number(option)
            case "detach" where arguments.command == "run", "d" where arguments.command == "run":
                detach = try arguments.flag(option)
            case "no-pivot":
                if try arguments.flag(option) {
                    throw RuntimeError(
                        .request,
                        "--no-pivot is not supported: without pivot_root the container could get back at the "
                            + "host's root")
                }
            default: throw arguments.unknown(option)
            }
        }
        id = try arguments.words("ID")[0]
        bundle = try Self.resolve(bundle)
        guard !lower.isEmpty || (upper == nil && work == nil) else {
            throw RuntimeError(.request, "--upper and --work belong to an overlay, which needs --lower as well")
        }
        guard preserved <= 1024 else { throw RuntimeError(.request, "--preserve-fds is at most 1024") }
        for fd in 3..<(3 + preserved) where fcntl(fd, F_GETFD) == -1 {
            throw RuntimeError(.request, "--preserve-fds \(preserved): descriptor \(fd) is not open")
        }
    }

    private static func resolve(_ path: String) throws(RuntimeError) -> String {
        let path = try RuntimeCommand.absolute(path)
        return try attempt(.request, "opening the bundle \(path)") { () throws(SyscallError) in
            let directory = try Sys.open(path, Sys.openPath | O_DIRECTORY)
            return try Sys.readlink(directory.procPath)
        }
    }

    /// Everything but the program, which `start` lets go.
    func create() throws(RuntimeError) -> Int32 {
        try make { spec throws(RuntimeError) in
            guard (spec.process?.terminal ?? false) == (consoleSocket != nil) else {
                throw RuntimeError(
                    .request,
                    consoleSocket == nil
                        ? "process.terminal is true: create needs --console-socket, to hand over the terminal"
                        : "--console-socket is given, and process.terminal is not true")
            }
            let listener = try attempt(.state, "making the start socket") { () throws(SyscallError) in
                try Sys.listenUnix(.packet, in: store.directory(id), name: ContainerStore.startSocketName)
            }
            var request = request(spec)
            request.startListener = listener.raw
            var container = try ContainerLauncher.launch(request)
            try finish(&container, spec)
        }
        return 0
    }

    func run() throws(RuntimeError) -> Int32 {
        var code: Int32 = 0
        try make { spec throws(RuntimeError) in
            let terminal = spec.process?.terminal ?? false
            if terminal && detach && consoleSocket == nil {
                throw RuntimeError(.request, "process.terminal is true: run --detach needs --console-socket")
            }
            if !terminal && consoleSocket != nil {
                throw RuntimeError(.request, "--console-socket is given, and process.terminal is not true")
            }
            var container = try ContainerLauncher.launch(request(spec))
            // Hooks, which come still, are processes of the host.
            try ContainerLauncher.leavePidNamespace()
            let record = try finish(&container, spec)
            if let start = container.startDescriptor.take() { try ContainerLauncher.start(start) }
            do throws(RuntimeError) {
                try HookRunner.run(spec.hooks?.poststart, "poststart", RuntimeCommand.state(of: record, .running))
            } catch {
                _ = try? Processes.signal(container.pidfd, SIGKILL)
                throw error
            }
            if detach { return }
            code = try ForegroundProcess.wait(container.pidfd, terminal: container.ptyMaster.take())
            try RuntimeCommand.destroy(record, store, log)
        }
        return code
    }

    private func request(_ spec: RuntimeSpec) -> LaunchRequest {
        let terminal = spec.process?.terminal ?? false
        var request = LaunchRequest(
            id: id, bundle: bundle, stdio: terminal ? .terminal : .descriptors(stdin: 0, stdout: 1, stderr: 2),
            pidNamespace: (try? NamespacePlan(spec.linux?.namespaces).pid) ?? .new)
        request.holdBeforeExec = true
        request.initProcess = keepInit
        if !lower.isEmpty { request.overlay = OverlayRootfs(lower: lower, upper: upper, work: work) }
        request.preservedDescriptors = preserved
        request.runtimeHooks = spec.hooks ?? Hooks()
        request.annotations = spec.annotations
        request.spec = spec
        return request
    }

    /// Runs `body` with the container's directory claimed; a failure leaves the world as it was.
    private func make(_ body: (RuntimeSpec) throws(RuntimeError) -> Void) throws(RuntimeError) {
        try ContainerStore.check(id: id)
        let spec = try ContainerConfig.read(bundle: bundle)
        try store.claim(id)
        do {
            try body(spec)
        } catch {
            if let record = try? store.read(id) {
                if let pidfd = try? Processes.openPid(record.pid) { _ = try? Processes.signal(pidfd, SIGKILL) }
                try? RuntimeCommand.destroy(record, store, log)
            }
            try? store.remove(id)
            if let pidFile { try? Sys.unlink(pidFile) }
            throw error
        }
    }

    /// Hands over the terminal and records the container, which waits to be started.
    @discardableResult
    private func finish(_ container: inout LaunchedContainer, _ spec: RuntimeSpec) throws(RuntimeError)
        -> ContainerRecord
    {
        for warning in container.warnings { log.write(.warn, warning) }
        let record = ContainerRecord(
            id: id, bundle: bundle, pid: container.pid, startTime: ProcessIdentity.startTime(container.pid) ?? 0,
            created: Timestamp(nanosecondsSince1970: Clock.realtime()).description, cgroupPath: container.cgroupPath,
            rootfs: spec.root.map { $0.path.hasPrefix("/") ? $0.path : "\(bundle)/\($0.path)" } ?? "",
            annotations: spec.annotations, hooks: spec.hooks, process: spec.process, seccomp: spec.linux?.seccomp)
        do {
            if let socket = consoleSocket, let master = container.ptyMaster.take() {
                try ConsoleSocket.send(master, to: socket, name: id)
            }
            try store.write(record)
            if let pidFile { try PidFile.write(container.pid, pidFile) }
            return record
        } catch {
            _ = try? Processes.signal(container.pidfd, SIGKILL)
            _ = try? Processes.wait(container.pidfd)
            if let path = container.cgroupPath { ContainerCgroup.remove(path) }
            throw error
        }
    }
}

enum PidFile {
    static func write(_ pid: Int32, _ path: String) throws(RuntimeError) {
        try attempt(.state, "writing the pid file") { () throws(SyscallError) in
            try Sys.replaceFile(path, "\(pid)".utf8, mode: 0o644)
        }
    }
}

/// `--console-socket`: the caller listens there for the master of the terminal (runc's `docs/terminals.md`).
enum ConsoleSocket {
    static func send(_ master: borrowing FileDescriptor, to path: String, name: String) throws(RuntimeError) {
        do throws(SyscallError) {
            let socket = try Sys.connectUnix(.stream, path)
            _ = try Sys.send(socket.raw, Array(name.utf8), descriptors: [master.raw])
        } catch {
            throw RuntimeError(.terminal, "sending the terminal to \(path)", error)
        }
    }
}
