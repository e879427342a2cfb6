import Cgroups
import Glibc
import Kernel
import OCI

/// The cgroup of a container, from `linux.cgroupsPath` and `linux.resources`.
enum ContainerCgroup {
    /// Where containers go whose configuration names no absolute place.
    static let defaultParent = "/box-runtime"

    /// Looked at once: a launcher needs it for the limits, for the container's mount of it, and in the end.
    private static let detected: Result<CgroupHost, CgroupError> = Result { () throws(CgroupError) in
        try CgroupHost.detect()
    }
    static func host() throws(CgroupError) -> CgroupHost { try detected.get() }

    /// Absolute, below the mount points.
    static func path(_ configured: String?, id: String) throws(RuntimeError) -> String {
        guard let configured, !configured.isEmpty else { return "\(defaultParent)/\(id)" }
        if configured.hasPrefix("/") { return configured }
        guard !configured.contains(":") else {
            throw RuntimeError(
                .config,
                "linux.cgroupsPath is «\(configured)», which names a slice of systemd; that is not supported, "
                    + "give a path such as /box/\(id)")
        }
        return "\(defaultParent)/\(configured)"
    }

    static func create(_ path: String) throws(RuntimeError) {
        do { try host().cgroup(path).create() } catch {
            throw RuntimeError(.cgroup, "cgroup \(path): \(error)", errno: error.errno)
        }
    }

    /// Sets its limits, and moves the calling process there.
    static func enter(_ path: String, _ resources: LinuxResources?) throws(RuntimeError) {
        do {
            let cgroup = try host().cgroup(path)
            if let resources { try cgroup.apply(resources) }
            try cgroup.join()
        } catch {
            throw RuntimeError(.cgroup, "cgroup \(path): \(error)", errno: error.errno)
        }
    }

    static func join(_ path: String) throws(RuntimeError) {
        do { try host().cgroup(path).join() } catch {
            throw RuntimeError(.cgroup, "joining the cgroup \(path): \(error)", errno: error.errno)
        }
    }

    /// After a failure; there is nobody left to tell of another.
    static func remove(_ path: String) {
        guard let cgroup = try? open(path) else { return }
        try? cgroup.kill()
        try? cgroup.remove()
    }
}

/// What the commands do with the cgroup of a container that runs.
extension ContainerCgroup {
    private static func open(_ path: String) throws(CgroupError) -> any Cgroup { try host().cgroup(path) }

    static func isFrozen(_ path: String) -> Bool { (try? open(path).isFrozen()) ?? false }

    static func freeze(_ path: String, _ on: Bool) throws(RuntimeError) {
        do throws(CgroupError) {
            if on { try open(path).freeze() } else { try open(path).thaw() }
        } catch {
            throw RuntimeError(.cgroup, "cgroup \(path): \(error)", errno: error.errno)
        }
    }

    static func processes(_ path: String) throws(RuntimeError) -> [Int32] {
        do { return try open(path).processes() } catch {
            throw RuntimeError(.cgroup, "cgroup \(path): \(error)", errno: error.errno)
        }
    }

    static func signalAll(_ path: String, _ number: Int32) throws(RuntimeError) {
        if number == SIGKILL {
            do { return try open(path).kill() } catch {
                throw RuntimeError(.cgroup, "cgroup \(path): \(error)", errno: error.errno)
            }
        }
        for pid in try processes(path) {
            _ = try attempt(.cgroup, "sending signal \(number) to process \(pid)") { () throws(SyscallError) in
                try Processes.kill(pid, number)
            }
        }
    }

    /// Kills what is left in it, and removes it.
    static func destroy(_ path: String) throws(RuntimeError) {
        do throws(CgroupError) {
            let cgroup = try open(path)
            try cgroup.kill()
            try cgroup.remove()
        } catch {
            throw RuntimeError(.cgroup, "cgroup \(path): \(error)", errno: error.errno)
        }
    }
}
