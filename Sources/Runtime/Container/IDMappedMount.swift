import Glibc
import Kernel
import OCI

/// Bind mounts whose files appear with other owners: mount_setattr(2), MOUNT_ATTR_IDMAP.
enum IDMappedMount {
    /// Nothing to do for a mount that has no mappings of its own.
    static func apply(
        _ mount: MountSpec, _ options: MountOptions, to tree: borrowing FileDescriptor, name: String
    ) throws(RuntimeError) {
        if mount.uidMappings == nil && mount.gidMappings == nil {
            guard options.idMapped == nil else {
                throw RuntimeError(
                    .mounts, "\(name): idmap is asked for, and the mount has no uidMappings and gidMappings")
            }
            return
        }
        guard let users = mount.uidMappings, let groups = mount.gidMappings, !users.isEmpty, !groups.isEmpty else {
            throw RuntimeError(.mounts, "\(name): uidMappings and gidMappings must be given together")
        }
        let raw = tree.raw
        let recursive = options.idMapped?.recursive ?? false
        try attempt(.mounts, "\(name): mapping its owners") { () throws(SyscallError) in
            let namespace = try UserNamespaceFile.make(users: users, groups: groups)
            try Mounts.setAttributes(raw, recursive: recursive, idMapping: namespace.raw)
        }
    }
}

/// A user namespace that nobody lives in: only its id mappings count.
enum UserNamespaceFile {
    static func make(users: [IDMapping], groups: [IDMapping]) throws(SyscallError) -> FileDescriptor {
        var pair = try Sys.socketPair(.packet)
        let ours = pair.takeFirst()
        let theirs = pair.takeSecond()
        let pid = try Processes.fork()
        if pid == 0 { live(theirs, ours.release()) }
        _ = consume theirs
        defer {
            _ = try? Processes.kill(pid, SIGKILL)
            _ = try? Processes.wait(pid: pid)
        }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1, alignment: 1)
        defer { buffer.deallocate() }
        // Its own /proc/self: our number for it is not the one that the host's /proc shows.
        guard let directory = try Sys.receive(ours.raw, into: buffer)?.descriptors.first else {
            throw SyscallError("unshare", "user namespace", errno: EPERM)
        }
        let process = FileDescriptor(owning: directory)
        try Sys.writeControl(at: process.raw, "uid_map", text(users))
        try Sys.writeControl(at: process.raw, "gid_map", text(groups))
        return try Sys.open(at: process.raw, "ns/user", O_RDONLY)
    }

    /// The lines of `uid_map`, user_namespaces(7).
    static func text(_ mappings: [IDMapping]) -> String {
        mappings.map { "\($0.containerID) \($0.hostID) \($0.size)\n" }.joined()
    }

    /// Enters the namespace, shows itself, and stays until it is killed or its maker ends.
    private static func live(_ connection: consuming FileDescriptor, _ makersEnd: Int32) -> Never {
        _ = close(makersEnd)
        do {
            try Namespaces.unshare(.user)
            let own = try Sys.open("/proc/self", O_RDONLY | O_DIRECTORY)
            _ = try Sys.send(connection.raw, [1], descriptors: [own.raw])
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1, alignment: 1)
            _ = try Sys.receive(connection.raw, into: buffer)
        } catch {
            _exit(1)
        }
        _exit(0)
    }
}
