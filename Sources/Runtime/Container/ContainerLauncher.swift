import Glibc
package import Kernel
import OCI

/// Starts containers, and processes in them.
///
/// The caller has one thread, stays in the host's namespaces, and is the parent of what it starts. Its own
/// `pid_for_children` becomes the container's: a later `exec` from the same process needs no more than a fork.
package enum ContainerLauncher {
    /// Returns when the program runs, or is held; otherwise throws, and nothing is left of the container.
    package static func launch(_ request: LaunchRequest) throws(RuntimeError) -> LaunchedContainer {
        let home = try enterPidNamespace(request.pidNamespace)
        var launched: LaunchedContainer?
        do throws(RuntimeError) {
            let child = try ForkedChild.fork { channel in ContainerInit.run(request, channel) }
            launched = try supervise(request, child)
        } catch {
            // The next fork must not be born into the namespace of a container that is gone.
            if let home { try? Namespaces.enter(home.raw, .pid) }
            throw error
        }
        guard let launched = launched.take() else {
            throw RuntimeError(.handshake, "the process does not fit, although it was made for its container")
        }
        return launched
    }

    /// With a first process that was forked before, in a new pid namespace, and has got the request already. nil: it does
    /// not fit, and nothing has begun.
    static func launch(_ request: LaunchRequest, with prepared: consuming ForkedChild) throws(RuntimeError)
        -> LaunchedContainer?
    {
        let launched: LaunchedContainer?
        do throws(RuntimeError) {
            launched = try supervise(request, prepared)
        } catch {
            try? leavePidNamespace()
            throw error
        }
        if launched == nil { try leavePidNamespace() }
        return launched
    }

    /// The next forks are born into a new pid namespace; returns the one left.
    static func enterNewPidNamespace() throws(RuntimeError) -> FileDescriptor {
        try attempt(.namespaces, "preparing the pid namespace") { () throws(SyscallError) in
            let home = try Sys.open("/proc/self/ns/pid", O_RDONLY)
            try Namespaces.unshare(.pid)
            return home
        }
    }

    /// Lets the caller's next children be born into its own pid namespace again, instead of the container's: for a
    /// launcher that goes on to do other things, or outlives the container.
    package static func leavePidNamespace() throws(RuntimeError) {
        try attempt(.namespaces, "leaving the pid namespace") { () throws(SyscallError) in
            let home = try Sys.open("/proc/self/ns/pid", O_RDONLY)
            try Namespaces.enter(home.raw, .pid)
        }
    }

    /// Lets a held container go on. Returns when its program runs.
    package static func start(_ descriptor: consuming FileDescriptor) throws(RuntimeError) {
        let channel = LaunchChannel(descriptor)
        try channel.send(.proceed)
        var progress = LaunchProgress()
        while try progress.take(try channel.receive()) {}
    }

    /// Starts a further process in a running container. Returns when the program runs. The process is born into the
    /// pid namespace of the caller's children: enter that first if this process did not launch the container.
    package static func exec(_ request: ExecRequest) throws(RuntimeError) -> LaunchedProcess {
        let child = try ForkedChild.fork { channel in ContainerExec.run(request, channel) }
        var progress = LaunchProgress()
        do {
            while try progress.take(try child.channel.receive()) {}
        } catch {
            child.destroy()
            throw error
        }
        let (pid, warnings) = (child.pid, progress.warnings)
        return LaunchedProcess(
            pid: pid, pidfd: child.takePidfd(), ptyMaster: progress.takeTerminal(), warnings: warnings)
    }

    /// The namespace to return to, when this one was left.
    private static func enterPidNamespace(_ wanted: PidNamespace) throws(RuntimeError) -> FileDescriptor? {
        if wanted == .inherit { return nil }
        return try attempt(.namespaces, "preparing the pid namespace") { () throws(SyscallError) -> FileDescriptor in
            let home = try Sys.open("/proc/self/ns/pid", O_RDONLY)
            // A process that launched before has the old container's as its children's: unshare would nest.
            try Namespaces.enter(home.raw, .pid)
            if case .path(let path) = wanted {
                let namespace = try Sys.open(path, O_RDONLY)
                try Namespaces.enter(namespace.raw, .pid)
            } else {
                try Namespaces.unshare(.pid)
            }
            return home
        }
    }

    private static func supervise(_ request: LaunchRequest, _ child: consuming ForkedChild) throws(RuntimeError)
        -> LaunchedContainer?
    {
        var progress = LaunchProgress()
        do {
            while try progress.take(try child.channel.receive()) {
                if progress.waitsForHooks {
                    progress.waitsForHooks = false
                    let state = RuntimeState(
                        ociVersion: RuntimeSpecVersion.current, id: request.id, status: "creating", pid: child.pid,
                        bundle: request.bundle, annotations: request.annotations)
                    // They run in the namespaces of the runtime, the pid namespace too.
                    try leavePidNamespace()
                    try HookRunner.run(request.runtimeHooks?.prestart, "prestart", state)
                    try HookRunner.run(request.runtimeHooks?.createRuntime, "createRuntime", state)
                    try attempt(.namespaces, "returning to the pid namespace") { () throws(SyscallError) in
                        try Namespaces.enter(child.pidfd.raw, .pid)
                    }
                    try child.channel.send(.proceed)
                }
                if progress.isHeld { break }
                if progress.isUnfit { break }
            }
        } catch {
            child.destroy()
            if let path = progress.cgroupPath { ContainerCgroup.remove(path) }
            throw error
        }
        if progress.isUnfit {
            child.destroy()
            return nil
        }
        let (pid, cgroup, warnings) = (child.pid, progress.cgroupPath, progress.warnings)
        let terminal = progress.takeTerminal()
        let mounts = progress.takeMounts()
        if progress.isHeld && request.startListener == nil {
            let start = try child.channel.duplicateSocket()
            return LaunchedContainer(
                pid: pid, pidfd: child.takePidfd(), ptyMaster: terminal, startDescriptor: start, mounts: mounts,
                cgroupPath: cgroup,
                warnings: warnings)
        }
        return LaunchedContainer(
            pid: pid, pidfd: child.takePidfd(), ptyMaster: terminal, mounts: mounts, cgroupPath: cgroup,
            warnings: warnings)
    }
}

/// A new process of ours, and the conversation with it.
struct ForkedChild: ~Copyable {
    let pid: Int32
    let pidfd: FileDescriptor
    let channel: LaunchChannel

    private init(pid: Int32, pidfd: consuming FileDescriptor, channel: LaunchChannel) {
        self.pid = pid
        self.pidfd = pidfd
        self.channel = channel
    }

    static func fork(_ body: (LaunchChannel) -> Never) throws(RuntimeError) -> ForkedChild {
        do throws(SyscallError) {
            // CVE-2016-9962, CVE-2019-5736: between entering the container and its exec, a process of ours is visible
            // to what runs there. Being undumpable is inherited by the fork and ends with the exec.
            try Processes.setDumpable(false)
            var pair = try Sys.socketPair(.packet)
            let ours = pair.takeFirst()
            let theirs = pair.takeSecond()
            let pid = try Processes.fork()
            if pid == 0 {
                // Or it would keep alive the connection whose end tells it that we are gone.
                try? ours.close()
                body(LaunchChannel(theirs))
            }
            // Nobody but us reaps it, so the number is still its.
            return ForkedChild(pid: pid, pidfd: try Processes.openPid(pid), channel: LaunchChannel(ours))
        } catch {
            throw RuntimeError(.process, "starting a process", error)
        }
    }

    consuming func takePidfd() -> FileDescriptor { pidfd }

    /// Kills and reaps it; as pid 1 it takes everything in its pid namespace along.
    func destroy() {
        _ = try? Processes.signal(pidfd, SIGKILL)
        _ = try? Processes.wait(pidfd)
    }
}

/// What a launcher has heard so far.
private struct LaunchProgress: ~Copyable {
    var cgroupPath: String?
    var warnings: [String] = []
    var terminal: FileDescriptor?
    var mounts: FileDescriptor?
    var waitsForHooks = false
    var isHeld = false
    var isUnfit = false
    private var executing = false

    init() {}

    /// False at the end: the program runs.
    mutating func take(_ received: LaunchChannel.Received?) throws(RuntimeError) -> Bool {
        guard let received else {
            if executing { return false }
            throw RuntimeError(.handshake, "the process ended unexpectedly while it was set up")
        }
        switch received.message {
        case .cgroup(let path): cgroupPath = path
        case .warning(let text): warnings.append(text)
        case .terminal:
            guard let descriptor = received.descriptor else {
                throw RuntimeError(.handshake, "the terminal's message came without a descriptor")
            }
            terminal = FileDescriptor(owning: descriptor)
        case .mounts:
            guard let descriptor = received.descriptor else {
                throw RuntimeError(.handshake, "the message about the mounts came without a descriptor")
            }
            mounts = FileDescriptor(owning: descriptor)
        case .hooks: waitsForHooks = true
        case .held: isHeld = true
        case .executing: executing = true
        case .failed(let error): throw error
        case .unfit: isUnfit = true
        case .proceed, .overlay:
            throw RuntimeError(.handshake, "the new process said «\(received.message)», which is not its to say")
        }
        return true
    }

    mutating func takeTerminal() -> FileDescriptor? { terminal.take() }
    mutating func takeMounts() -> FileDescriptor? { mounts.take() }
}
