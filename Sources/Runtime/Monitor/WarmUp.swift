import Cgroups
import Kernel
import OCI
import Supervision

/// Does once, for nothing, what every start does: the Swift runtime looks up conformances and makes metadata when they
/// are first used, which takes longer than the work itself. Processes forked from here have all that.
///
/// Nothing depends on it, and what fails here fails with a reason where it is needed.
enum WarmUp {
    static func run() {
        // Instructions that nobody else uses count as memory of the one that did; these are not needed again.
        defer { Processes.releaseMemory() }
        metadata()
        monitor()
        guard let spec = configure() else { return }
        var request = LaunchRequest(id: "warm-up", bundle: "/", stdio: .descriptors(stdin: 0, stdout: 1, stderr: 2))
        request.overlay = OverlayRootfs(lower: ["/"])
        guard let namespaces = try? NamespacePlan(spec.linux?.namespaces) else { return }
        try? ContainerConfig.check(spec, request, namespaces)
        for mount in spec.mounts ?? [] { _ = MountOptions(mount.options ?? []) }
        for name in (spec.linux?.sysctl ?? [:]).keys { _ = try? KernelParameters.path(of: name, namespaces) }
        failing(namespaces)
        cgroup(spec)
        tree()
        guard let process = spec.process, let program = try? Program(process) else { return }
        _ = try? program.find()
        try? program.execute("/dev/null/warm-up")
        _ = try? Credentials(process, filter: nil)
    }

    /// Reads a configuration. In a process that waits for one: the pages that this needs are its own by then.
    @discardableResult
    static func configure() -> RuntimeSpec? { try? ContainerConfig.decode(Array(configuration.utf8), "warm-up") }

    /// Of types that are copied, or let go of, only where there is a container.
    private static func metadata() {
        use(FileDescriptor?.self)
        use(LaunchMessage?.self)
        use(OverlayRootfs?.self)
        use(RootSpec?.self)
        use(RuntimeSpec?.self)
        use([UInt8]?.self)
    }

    /// Neither optimized nor without an answer, so that the caller has to make what it is given.
    @_optimize(none) @inline(never) @discardableResult
    static func use<Value: ~Copyable>(_: Value.Type) -> Int { MemoryLayout<Value>.size }

    private static func monitor() {
        let options = MonitorOptions(
            id: "warm-up", bundle: "/", runDirectory: "/", logDirectory: "/", lower: ["/"], upper: "/", work: "/",
            seccomp: "/")
        let order = SpareMonitor.order(options) ?? []
        _ = try? MonitorOptions(parsing: SpareMonitor.arguments(order[...]))
        for message in [LaunchMessage.cgroup("/"), .executing] { _ = LaunchMessage(message.bytes) }
        _ = MonitorMessage.started(pid: 1, terminal: false).encoded
        let record = ExitRecord(pid: 1, exitCode: 0, started: 0, finished: 0)
        _ = MonitorMessage.exited(record).encoded
        _ = ExitRecord(parsing: record.encoded)
        // Not a directory, and so never written.
        try? Supervision.ProcessIdentity(ofRunning: 1)?.write("/dev/null/warm-up")
        SupervisedContainer.warmUp(options)
        _ = options.pidNamespace != .new
        // A word that each monitor writes for itself costs it a page that all would share.
        _ = MonitorLoop.warmUp()
        Monitor.Surroundings.warmUp()
        MonitorNursery.warmUp()
        PreparedContainer.warmUp()
        _ = try? Pipes()
        // Detached, and gone at once.
        _ = PreparedMounts()
    }

    /// Where the cgroups are does not change while boxd runs, which looks once itself; so this is remembered.
    private static func cgroup(_ spec: RuntimeSpec) {
        let resources = DeviceNodes.allowing(spec.linux?.devices, in: spec.linux?.resources)
        guard let path = try? ContainerCgroup.path("/box-warm-up/none", id: ""),
            let cgroup = try? ContainerCgroup.host().cgroup(path)
        else { return }
        // There is none of this name.
        _ = try? cgroup.processes()
        try? cgroup.apply(LinuxResources(devices: resources?.devices))
        _ = (cgroup.exists, cgroup.oomKills())
    }

    /// What would change something, each with something that cannot be.
    private static func failing(_ namespaces: NamespacePlan) {
        guard let proc = try? HostProc() else { return }
        _ = try? proc.openForWriting("self/warm-up")
        try? KernelParameters.apply(["warm-up": ""], namespaces, proc)
        _ = try? ProcessAttributes(ProcessSpec(cwd: "/"), proc)
        try? Mounts.setPropagation("/dev/null/warm-up", [.slave, .recursive])
    }

    /// Finds what is there already.
    private static func tree() {
        guard let root = try? RootedDirectory(path: "/") else { return }
        _ = try? root.openMountTarget("/proc/self", directory: true, withoutSymlinks: false)
        _ = try? root.makeDirectories("/dev")
        _ = try? root.parent(of: "/dev/null")
    }

    /// A configuration as boxd writes it, with one of each.
    private static let configuration = """
        {"ociVersion":"1.0.2","root":{"path":"/","readonly":false},"hostname":"box",
        "process":{"terminal":false,"cwd":"/","args":["true"],"env":["PATH=/warm:/bin"],"noNewPrivileges":false,
        "user":{"uid":0,"gid":0,"umask":18,"additionalGids":[0]},"oomScoreAdj":0,
        "rlimits":[{"type":"RLIMIT_NOFILE","soft":1024,"hard":1024}],
        "capabilities":{"bounding":["CAP_CHOWN"],"effective":["CAP_CHOWN"],"permitted":["CAP_CHOWN"]}},
        "mounts":[{"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["nosuid","mode=755","ro"]},
        {"destination":"/etc/hosts","type":"bind","source":"/","options":["rbind","rprivate"]}],
        "annotations":{"a":"b"},
        "linux":{"cgroupsPath":"/box/warm-up","namespaces":[{"type":"pid"},{"type":"mount"},{"type":"network"}],
        "sysctl":{"net.ipv4.ip_unprivileged_port_start":"0"},"maskedPaths":["/proc/kcore"],
        "readonlyPaths":["/proc/sys"],"devices":[],"resources":{"memory":{"limit":1048576,"swap":1048576},
        "cpu":{"shares":2,"quota":1,"period":1,"cpus":"0"},"pids":{"limit":1},"blockIO":{"weight":10},
        "devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":1,"minor":3,"access":"rwm"}]}}}
        """
}
