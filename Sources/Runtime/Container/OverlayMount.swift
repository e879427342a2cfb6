import Glibc
import Kernel

/// The overlay file system of a container's layers.
enum OverlayMount {
    /// Mounts it over the directory at `path`, which `place` is open on; returns the root of the new mount.
    ///
    /// - Parameter made: what `makeDetached` made of it.
    static func mount(
        _ overlay: OverlayRootfs, onto place: borrowing FileDescriptor, path: String, made: consuming FileDescriptor?
    ) throws(RuntimeError) -> FileDescriptor {
        let raw = place.raw
        var tree = made.take()
        if tree == nil { tree = try makeDetached(overlay) }
        guard let tree = tree.take() else {
            return try attempt(.rootfs, purpose) { () throws(SyscallError) in
                try mountByData(overlay, onto: raw, path: path)
            }
        }
        try attempt(.rootfs, purpose) { () throws(SyscallError) in try Mounts.attach(tree, onto: raw) }
        return tree
    }

    private static let purpose = "mounting the layers of the root file system"

    /// Mounts it nowhere yet. nil: on a kernel before 6.13, which does not take layers by descriptors.
    ///
    /// By descriptors the number of layers and the length of their paths do not matter.
    static func makeDetached(_ overlay: OverlayRootfs) throws(RuntimeError) -> FileDescriptor? {
        guard let top = overlay.lower.first else {
            throw RuntimeError(.rootfs, "the root file system has no layer")
        }
        guard (overlay.upper == nil) == (overlay.work == nil) else {
            throw RuntimeError(.rootfs, "an overlay needs both an upper and a work directory, or neither")
        }
        return try attempt(.rootfs, purpose) { () throws(SyscallError) -> FileDescriptor? in
            if overlay.upper == nil && overlay.lower.count == 1 {
                // The kernel wants two layers at least; one, read-only, is a bind mount.
                let tree = try Mounts.cloneTree(at: Sys.currentDirectory, top, recursive: false)
                try Mounts.setAttributes(tree.raw, set: .readOnly)
                return tree
            }
            let context = try Mounts.openFileSystem("overlay")
            guard try setLayers(context, overlay) else { return nil }
            for (key, value) in Self.options { try Mounts.configure(context, key, value) }
            try Mounts.create(context)
            return try Mounts.makeDetached(context)
        }
    }

    /// Renamed directories and metadata-only copies would make the upper layer unreadable as a layer of its own, which
    /// is what a commit makes of it; and without an index the same layers can be mounted often.
    private static let options = [("redirect_dir", "off"), ("metacopy", "off"), ("index", "off")]

    /// False on a kernel before 6.13, which takes no descriptors.
    private static func setLayers(_ context: borrowing FileDescriptor, _ overlay: OverlayRootfs)
        throws(SyscallError) -> Bool
    {
        try Mounts.configure(context, "source", "overlay")
        for (index, path) in overlay.lower.enumerated() {
            let layer = try openDirectory(path)
            do {
                try Mounts.configure(context, "lowerdir+", descriptor: layer.raw)
            } catch let error where index == 0 && (error.errno == EINVAL || error.errno == EBADF) {
                return false
            }
        }
        guard let upper = overlay.upper, let work = overlay.work else { return true }
        let upperDirectory = try openDirectory(upper)
        let workDirectory = try openDirectory(work)
        try Mounts.configure(context, "upperdir", descriptor: upperDirectory.raw)
        try Mounts.configure(context, "workdir", descriptor: workDirectory.raw)
        return true
    }

    /// The old way: all options in one page, with short names for the layers.
    private static func mountByData(_ overlay: OverlayRootfs, onto place: Int32, path: String)
        throws(SyscallError) -> FileDescriptor
    {
        var opened: [Int32] = []
        defer { for fd in opened { _ = close(fd) } }
        func short(_ path: String) throws(SyscallError) -> String {
            let fd = try openDirectory(path).release()
            opened.append(fd)
            return "/proc/self/fd/\(fd)"
        }
        var lower: [String] = []
        for path in overlay.lower { lower.append(try short(path)) }
        var data = "lowerdir=" + lower.joined(separator: ":")
        if let upper = overlay.upper, let work = overlay.work {
            data += ",upperdir=\(try short(upper)),workdir=\(try short(work))"
        }
        for (key, value) in Self.options { data += ",\(key)=\(value)" }
        try Mounts.mount("overlay", "/proc/self/fd/\(place)", type: "overlay", data: data)
        return try Sys.open(path, Sys.openPath | O_DIRECTORY | O_NOFOLLOW)
    }

    private static func openDirectory(_ path: String) throws(SyscallError) -> FileDescriptor {
        try Sys.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    }
}
