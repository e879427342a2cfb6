import Glibc
import Kernel

/// `linux.maskedPaths` and `linux.readonlyPaths`; a path that is not there is skipped.
enum HiddenPaths {
    /// - Parameter prepared: an empty, read-only directory, mounted nowhere.
    static func mask(_ paths: [String]?, with prepared: SharedDescriptor? = nil, in root: borrowing RootedDirectory)
        throws(RuntimeError)
    {
        guard let paths, !paths.isEmpty else { return }
        // CVE-2025-31133: the host's device, and proven to be it; never what the container calls /dev/null.
        let null = try attempt(.paths, "opening /dev/null") { () throws(SyscallError) -> FileDescriptor in
            let file = try Sys.open("/dev/null", Sys.openPath | O_NOFOLLOW)
            let status = try file.status()
            guard status.kind == .characterDevice, status.deviceMajor == 1, status.deviceMinor == 3 else {
                throw SyscallError("open", "/dev/null is not the null device", errno: ENODEV)
            }
            return file
        }
        var shown: SharedDescriptor?
        for path in paths {
            guard let target = try open(path, in: root) else { continue }
            do {
                if try target.status().kind != .directory {
                    try Mounts.attach(try Mounts.cloneTree(at: null.raw, "", recursive: false), onto: target.raw)
                } else if let shown {
                    try Mounts.attach(try Mounts.cloneTree(at: shown.raw, "", recursive: false), onto: target.raw)
                } else {
                    let empty = if let prepared { prepared } else { SharedDescriptor(try emptyDirectory()) }
                    try Mounts.attach(empty.descriptor, onto: target.raw)
                    shown = empty
                }
            } catch {
                throw RuntimeError(.paths, "masking \(path)", error)
            }
        }
    }

    static func makeReadOnly(_ paths: [String]?, in root: borrowing RootedDirectory) throws(RuntimeError) {
        for path in paths ?? [] {
            guard let target = try open(path, in: root) else { continue }
            do {
                let tree = try Mounts.cloneTree(at: target.raw, "", recursive: true)
                try Mounts.setAttributes(tree.raw, set: .readOnly, recursive: true)
                try Mounts.attach(tree, onto: target.raw)
            } catch {
                throw RuntimeError(.paths, "making \(path) read-only", error)
            }
        }
    }

    /// nil: not there.
    private static func open(_ path: String, in root: borrowing RootedDirectory) throws(RuntimeError) -> FileDescriptor?
    {
        do {
            return try root.open(path, Sys.openPath)
        } catch let error where error.errno == ENOENT || error.errno == ENOTDIR {
            return nil
        } catch {
            throw RuntimeError(.paths, "opening \(path), which is to be hidden", error)
        }
    }

    /// One for all masked directories of the container.
    static func emptyDirectory() throws(SyscallError) -> FileDescriptor {
        let context = try Mounts.openFileSystem("tmpfs")
        try Mounts.configure(context, "nr_blocks", "1")
        try Mounts.configure(context, "nr_inodes", "1")
        try Mounts.create(context)
        return try Mounts.makeDetached(context, [.readOnly, .noSuid, .noDev, .noExec])
    }
}
