import APIModel
import Archive
import Basics
import Glibc
import Kernel
import Reactor
import Storage

/// A container's files as seen from outside, whether it runs or not.
///
/// A running one is entered through its init's root directory, mounts and all. For a stopped one its layers are
/// put together, and its volumes on top, on a thread with a mount namespace of its own.
struct ContainerFiles: Sendable {
    let record: ContainerRecord
    /// While it runs.
    let running: (pid: Int32, pidfd: SharedDescriptor)?
    let lowers: [String]
    let directory: String
    /// Where a root is mounted, each time in a mount namespace of its own.
    let place: String
    /// Volumes and bind mounts, parents first.
    let mounts: [Mount]

    struct Mount: Sendable {
        let destination: String
        /// Where its files are on the host.
        let source: String
        /// The part of `source` that is mounted; empty for all.
        let subpath: String
        let readOnly: Bool

        /// Nil when the source is not there. Symlinks in the subpath lead nowhere outside the source. Blocks.
        func clone() throws(SyscallError) -> FileDescriptor? {
            let origin: FileDescriptor
            do {
                origin =
                    subpath.isEmpty
                    ? try Sys.open(source, Sys.openPath)
                    : try RootedDirectory(path: source).open(subpath, Sys.openPath)
            } catch {
                guard error.isNotFound else { throw error }
                return nil
            }
            let tree = try Mounts.cloneTree(at: origin.raw, "", recursive: true)
            if readOnly { try Mounts.setAttributes(tree.raw, set: .readOnly, recursive: true) }
            return tree
        }
    }

    /// Calls `body` with the container's root directory. Blocks.
    ///
    /// - Parameter withMounts: for a stopped container: its volumes and bind mounts are in their places.
    func withRoot<Value: Sendable>(
        withMounts: Bool, _ body: @escaping @Sendable (borrowing RootedDirectory) throws -> Value
    ) throws -> Value {
        if let running { return try body(try Self.root(of: running.pid, running.pidfd)) }
        let upper = directory + "/upper"
        // Without a work directory the overlay is read-only, as the container's own is.
        let work = record.hostConfig.readonlyRootfs ? nil : directory + "/work"
        guard withMounts, !mounts.isEmpty else {
            return try body(try OverlayMount.open(lowers: lowers, upper: upper, work: work))
        }
        return try NamespaceThread.run { [self] in
            try Namespaces.unshare([.mount])
            try Mounts.setPropagation("/", [.private, .recursive])
            try OverlayMount.mount(lowers: lowers, upper: upper, work: directory + "/work", over: place)
            let root = RootedDirectory(try Sys.open(place, Sys.openDirectory))
            for mount in mounts {
                // Its source may be gone meanwhile, which keeps it from starting, not from being looked at.
                guard let tree = try mount.clone() else { continue }
                let target = try Self.target(mount.destination, for: tree, in: root)
                try Mounts.attach(tree, onto: target.raw)
            }
            // Only now: the places of the mounts had to be made first.
            if record.hostConfig.readonlyRootfs { try Mounts.setAttributes(root.raw, set: .readOnly) }
            return try body(root)
        }
    }

    /// The place of a mount. Made when it is missing, as the container's first start would make it.
    private static func target(
        _ destination: String, for tree: borrowing FileDescriptor, in root: borrowing RootedDirectory
    ) throws(SyscallError) -> FileDescriptor {
        do {
            return try root.open(destination, Sys.openPath)
        } catch {
            guard error.isNotFound else { throw error }
        }
        if try tree.status().kind == .directory { return try root.makeDirectories(destination) }
        var components = destination.split(separator: "/").map(String.init)
        let name = components.removeLast()
        let parent = try root.makeDirectories("/" + components.joined(separator: "/"))
        return try Sys.open(at: parent.raw, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, mode: 0o755)
    }

    private static func root(of pid: Int32, _ pidfd: SharedDescriptor) throws -> RootedDirectory {
        let root = try Sys.open("/proc/\(pid)/root", Sys.openDirectory)
        // Only now is it sure that the number had not become another process: it still is the one behind the pidfd.
        guard try Processes.signal(pidfd.descriptor, 0) else {
            throw EngineError(.conflict, "the container has ended")
        }
        return RootedDirectory(root)
    }
}

/// What Docker tells of a file in a container: the header `X-Docker-Container-Path-Stat`.
package struct PathStatus: Codable, Sendable {
    package let name: String
    package let size: Int64
    /// As Go's `os.FileMode`.
    package let mode: UInt32
    package let mtime: String
    package let linkTarget: String

    init(name: String, _ status: FileStatus, linkTarget: String) {
        self.name = name
        size = Int64(status.size)
        mode = Self.goMode(status)
        mtime =
            Timestamp(
                nanosecondsSince1970: status.modified.seconds * 1_000_000_000 + Int64(status.modified.nanoseconds)
            ).description
        self.linkTarget = linkTarget
    }

    private static func goMode(_ status: FileStatus) -> UInt32 {
        var mode = status.permissions & 0o777
        if status.permissions & 0o4000 != 0 { mode |= 1 << 23 }
        if status.permissions & 0o2000 != 0 { mode |= 1 << 22 }
        if status.permissions & 0o1000 != 0 { mode |= 1 << 20 }
        switch status.kind {
        case .directory: mode |= 1 << 31
        case .symlink: mode |= 1 << 27
        case .characterDevice: mode |= 1 << 26 | 1 << 21
        case .blockDevice: mode |= 1 << 26
        case .fifo: mode |= 1 << 25
        case .socket: mode |= 1 << 24
        case .regular, .unknown: break
        }
        return mode
    }
}
