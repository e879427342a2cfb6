import APIModel
import OCI

/// The file systems that every container has, and the parts of them that it may not see or change.
enum DefaultMounts {
    static let shmSize: Int64 = 64 << 20

    /// In the order in which they are made: parents first.
    ///
    /// - Parameter sharedShm: the directory on the host that several containers have as /dev/shm; nil for one of the
    ///   container's own, which is not possible for who joins another's IPC namespace.
    static func mounts(_ host: HostConfig, _ modes: NamespaceModes, sharedShm: String?) throws(SpecError)
        -> [MountSpec]
    {
        let access = host.privileged ? "rw" : "ro"
        let quiet = ["nosuid", "noexec", "nodev"]
        var mounts = [
            MountSpec(destination: "/proc", type: "proc", source: "proc", options: quiet),
            MountSpec(
                destination: "/dev", type: "tmpfs", source: "tmpfs",
                options: ["nosuid", "strictatime", "mode=755", "size=65536k"]),
            MountSpec(
                destination: "/dev/pts", type: "devpts", source: "devpts",
                options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
            MountSpec(destination: "/sys", type: "sysfs", source: "sysfs", options: quiet + [access]),
            MountSpec(destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: quiet + [access]),
        ]
        // Of whatever IPC namespace the container is in: each has one file system of its queues, also the host's.
        mounts.append(MountSpec(destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: quiet))
        if let shm = try shm(host, modes, sharedShm) { mounts.append(shm) }
        return mounts
    }

    private static func shm(_ host: HostConfig, _ modes: NamespaceModes, _ shared: String?) throws(SpecError)
        -> MountSpec?
    {
        let quiet = ["nosuid", "noexec", "nodev"]
        func bound(_ source: String) -> MountSpec {
            MountSpec(destination: "/dev/shm", type: "bind", source: source, options: ["bind", "rprivate"] + quiet)
        }
        switch modes.ipc {
        case .none: return nil
        case .host: return bound("/dev/shm")
        case .container:
            guard let shared else {
                throw .unsupported("--ipc \(host.ipcMode)", "that container has no /dev/shm to share")
            }
            return bound(shared)
        case .private, .shareable: if let shared { return bound(shared) }
        }
        let size = host.shmSize > 0 ? host.shmSize : shmSize
        return MountSpec(
            destination: "/dev/shm", type: "tmpfs", source: "shm", options: quiet + ["mode=1777", "size=\(size)"])
    }

    /// Docker's, which grew by what was found to tell of the host, or of other containers' secrets.
    private static let masked = [
        "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
        "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap",
        "/sys/firmware",
    ]
    private static let readOnly = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]

    static func maskedPaths(_ config: HostConfig, _ host: HostFacts) -> [String] {
        config.maskedPaths ?? (config.privileged ? [] : masked + host.thermalPaths)
    }

    static func readonlyPaths(_ config: HostConfig) -> [String] {
        config.readonlyPaths ?? (config.privileged ? [] : readOnly)
    }
}
