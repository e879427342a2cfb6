package import OCI

/// One container's cgroup: one directory on cgroup v2, one per hierarchy on v1.
///
/// All paths are below the mount points, never relative to the caller's own cgroup. Nothing outside of the
/// given directory is changed, except that missing parents are made and, on v2, pass controllers down.
package protocol Cgroup: Sendable {
    /// Absolute, below the mount points.
    var path: String { get }

    var exists: Bool { get }

    /// Makes it, with what is missing above it. One that is there is made anew, if no process is in it; else an error.
    func create() throws(CgroupError)

    /// Moves the calling process, which must have one thread, into it.
    func join() throws(CgroupError)

    /// Moves another process with all its threads into it.
    func add(_ pid: Int32) throws(CgroupError)

    /// Sets the limits that are given, and leaves the others; also while processes run in it. Limits that this
    /// machine cannot keep are an error that names them.
    func apply(_ resources: LinuxResources) throws(CgroupError)

    /// Returns when everything in it stands still.
    @available(*, noasync)
    func freeze() throws(CgroupError)
    func thaw() throws(CgroupError)
    func isFrozen() throws(CgroupError) -> Bool

    /// Kills every process in it and below, frozen ones too. Returns when none is left.
    @available(*, noasync)
    func kill() throws(CgroupError)

    /// The processes in it and below; none when it does not exist.
    func processes() throws(CgroupError) -> [Int32]

    /// How much was used, and by what limits. What this machine does not count is absent.
    func statistics() throws(CgroupError) -> CgroupStatistics

    /// How often the kernel killed a process of it for want of memory; 0 when it does not exist.
    func oomKills() -> UInt64

    /// Removes it and all below; fine when it is not there. An error when processes are in it still after a while.
    @available(*, noasync)
    func remove() throws(CgroupError)
}
