import Glibc
import Kernel
import OCI

/// The container's root: made in its own mount namespace, and then turned into `/`.
///
/// All of it by descriptors: a path of the image is never walked outside of `openat2(RESOLVE_IN_ROOT)`.
enum RootFilesystem {
    /// Propagation while the container is set up: mounts of the host still arrive, nothing of ours goes back. Only a
    /// configuration that asks for shared mounts keeps the namespaces in one peer group, as its bind mounts need that.
    static func isolate(_ propagation: Propagation?, rootPath: String) throws(RuntimeError) {
        try attempt(.rootfs, "setting the propagation of the mounts") { () throws(SyscallError) in
            guard let propagation, propagation.kind == .shared else {
                try Mounts.setPropagation("/", [.slave, .recursive])
                return
            }
            // What is mounted below a shared mount appears on the host; the root must not.
            let id = try Sys.status(rootPath, follow: true).mountID
            if let point = try MountTable.mountPoint(ofMount: id) { try Mounts.setPropagation(point, .private) }
        }
    }

    /// Mounts the root at its path, and returns a descriptor on it: from now on the only way to it.
    ///
    /// - Parameter made: the overlay, if somebody has made it.
    static func mount(path: String, overlay: OverlayRootfs?, made: consuming FileDescriptor?) throws(RuntimeError)
        -> RootedDirectory
    {
        let place = try attempt(.rootfs, "opening the root file system \(path)") { () throws(SyscallError) in
            // A symlink here would let whoever made the bundle's content choose any directory of the host.
            try Sys.open(path, Sys.openPath | O_DIRECTORY | O_NOFOLLOW)
        }
        if let overlay {
            return RootedDirectory(try OverlayMount.mount(overlay, onto: place, path: path, made: made))
        }
        return RootedDirectory(
            try attempt(.rootfs, "binding the root file system \(path)") { () throws(SyscallError) in
                let tree = try Mounts.cloneTree(at: place.raw, "", recursive: true)
                try Mounts.attach(tree, onto: place.raw)
                return tree
            })
    }

    static func makeReadOnly(_ root: borrowing RootedDirectory) throws(RuntimeError) {
        let raw = root.raw
        try attempt(.rootfs, "making the root file system read-only") { () throws(SyscallError) in
            try Mounts.setAttributes(raw, set: .readOnly)
        }
    }

    /// Makes the container's root `/`, and lets go of the host's.
    static func pivot(to root: consuming RootedDirectory, _ propagation: Propagation?) throws(RuntimeError) {
        let root = root
        try attempt(.rootfs, "changing to the root file system of the container") { () throws(SyscallError) in
            let old = try Sys.open("/", Sys.openPath | O_DIRECTORY)
            // pivot_root(2), "pivot_root(".", ".")": the old root comes to lie over the new one, with no directory in
            // the image needed to hold it.
            try Sys.changeDirectory(root.raw)
            try Mounts.pivotRoot(".", ".")
            try Sys.changeDirectory(old.raw)
            // Else unmounting it would be passed on to the host where mounts are shared.
            try Mounts.setPropagation(".", [.slave, .recursive])
            try Mounts.unmount(".")
            try Sys.changeDirectory("/")
            if let propagation { try Mounts.setPropagation("/", propagation.flags) }
        }
    }

    /// `linux.rootfsPropagation`
    struct Propagation: Equatable {
        let kind: Mounts.Flags
        let recursive: Bool
        var flags: Mounts.Flags { recursive ? [kind, .recursive] : kind }

        init?(_ name: String?) throws(RuntimeError) {
            guard let name, !name.isEmpty else { return nil }
            guard let option = MountOptions([name]).propagation.first else {
                throw RuntimeError(
                    .config,
                    "linux.rootfsPropagation is «\(name)»; known are shared, slave, private and unbindable, and "
                        + "those with an r before them")
            }
            (kind, recursive) = (option.kind, option.recursive)
        }
    }
}

/// `/proc/self/mountinfo`, proc_pid_mountinfo(5).
enum MountTable {
    /// Where the mount with this id is mounted; nil when it is none of this namespace.
    static func mountPoint(ofMount id: UInt64) throws(SyscallError) -> String? {
        for line in try Sys.readText("/proc/self/mountinfo").split(separator: "\n") {
            let fields = line.split(separator: " ", maxSplits: 5)
            if fields.count > 4, UInt64(fields[0]) == id { return unescape(fields[4]) }
        }
        return nil
    }

    /// Blanks and backslashes in names are written as three octal digits.
    static func unescape(_ field: some StringProtocol) -> String {
        var bytes: [UInt8] = []
        var rest = Array(field.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\\"), rest.count >= 3,
                let value = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8)
            {
                bytes.append(value)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
