package import Kernel
package import OCI

/// Where a container's standard streams lead.
package enum ContainerStdio: Sendable, Equatable {
    /// These become its descriptors 0, 1 and 2; they stay the caller's.
    case descriptors(stdin: Int32, stdout: Int32, stderr: Int32)
    /// A pty made inside the container, whose master the launcher returns.
    case terminal
}

/// The layers of a root file system, mounted by the container's first process at `root.path`, in its own mount
/// namespace: the host never sees the mount.
package struct OverlayRootfs: Sendable, Equatable {
    /// Directories, the topmost layer first.
    package var lower: [String]
    /// nil: read-only.
    package var upper: String?
    /// An empty directory on the file system of `upper`.
    package var work: String?

    package init(lower: [String], upper: String? = nil, work: String? = nil) {
        self.lower = lower
        self.upper = upper
        self.work = work
    }
}

/// Which pid namespace a container gets; must agree with its `config.json`. It is known before the configuration is
/// read, because the first process of a new one is the first fork after the unshare.
package enum PidNamespace: Sendable, Equatable {
    case new
    case inherit
    case path(String)
}

/// How a container is started; the same for `box-runtime create`/`run` and `box-runtime monitor`.
package struct LaunchRequest: Sendable {
    package var id: String
    /// The directory with `config.json`.
    package var bundle: String
    package var stdio: ContainerStdio
    /// nil: `root.path` is a tree already.
    package var overlay: OverlayRootfs?
    /// Compiled BPF, `struct sock_filter`s; nil: compiled from `config.json` if it has `linux.seccomp`.
    package var seccompProgram: [UInt8]?
    /// Stops right before the program is executed, until `ContainerLauncher.start(_:)`.
    package var holdBeforeExec = false
    /// While held, the container listens on this packet socket for a `start` by another process, instead of on the
    /// descriptor that the launcher returns: what `create` and `start` as two commands need.
    package var startListener: Int32?
    package var pidNamespace: PidNamespace
    /// The container is killed when the launching process ends.
    package var dieWithParent = false
    /// The launcher gets what keeps the overlay mounted, and all else that is nobody else's business. The container's end
    /// would wait for its unmounting: the kernel writes the whole file system of `upper` to the disk first, and waits
    /// for a grace period of RCU. What the container has of the host's own files is given back with its end all the
    /// same.
    package var handsOverMounts = false
    /// Keeps a small init of ours as pid 1, which forwards signals and reaps zombies, as `docker run --init`.
    package var initProcess = false
    /// A prepared network namespace, taken for the new one that `config.json` asks for.
    package var networkNamespace: Int32?
    /// The cgroup that the launcher makes meanwhile, for a process that was forked before its container was known.
    var cgroup: String?
    /// So does the launcher with the overlay.
    var awaitsOverlay = false
    /// Descriptors 3 and following that the program gets besides its streams.
    package var preservedDescriptors: Int32 = 0
    /// Hooks that run outside of the container, by the launcher. nil: a configuration that has such hooks is refused,
    /// because somebody who cannot run them launches it.
    package var runtimeHooks: Hooks?
    /// The configuration, by a launcher that has read it; nil: the new process reads it from the bundle.
    package var spec: RuntimeSpec?
    /// What hooks and nobody else need to know of the container.
    package var annotations: [String: String]?

    package init(id: String, bundle: String, stdio: ContainerStdio, pidNamespace: PidNamespace = .new) {
        self.id = id
        self.bundle = bundle
        self.stdio = stdio
        self.pidNamespace = pidNamespace
    }
}

/// A container whose program runs, or that is held right before it.
package struct LaunchedContainer: ~Copyable, Sendable {
    /// Of its first process, in the launcher's pid namespace. The launcher is its parent and reaps it.
    package let pid: Int32
    package var pidfd: FileDescriptor
    /// With `.terminal`.
    package var ptyMaster: FileDescriptor?
    /// With `holdBeforeExec` and no `startListener`: for `ContainerLauncher.start(_:)`.
    package var startDescriptor: FileDescriptor?
    /// With `handsOverMounts`, of a container with an overlay.
    package var mounts: FileDescriptor?
    /// Its cgroup below the mount points of cgroup file systems; nil when it stays in its launcher's.
    package var cgroupPath: String?
    /// What was asked for and could not be given, where that is no failure.
    package var warnings: [String]
}

/// A further process in a running container.
package struct ExecRequest: Sendable {
    /// A pidfd of the container's first process.
    package var container: Int32
    /// A `process` object of the runtime specification, as JSON; decoded in the new process only.
    package var process: [UInt8]
    package var stdio: ContainerStdio
    package var seccompProgram: [UInt8]?
    /// The cgroup to join, below the mount points of cgroup file systems; nil: the caller's own.
    package var cgroupPath: String?
    package var preservedDescriptors: Int32 = 0

    package init(container: Int32, process: [UInt8], stdio: ContainerStdio) {
        self.container = container
        self.process = process
        self.stdio = stdio
    }
}

/// A process that was started in a container; a child of the caller, who reaps it.
package struct LaunchedProcess: ~Copyable, Sendable {
    package let pid: Int32
    package var pidfd: FileDescriptor
    /// With `.terminal`.
    package var ptyMaster: FileDescriptor?
    package var warnings: [String]
}
