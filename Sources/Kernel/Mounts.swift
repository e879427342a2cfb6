import CLinux
import Glibc

/// mount(2) and the newer mount system calls.
package enum Mounts {
    package struct Flags: OptionSet, Sendable {
        package let rawValue: UInt
        package init(rawValue: UInt) { self.rawValue = rawValue }
        package static let readOnly = Flags(rawValue: BOX_MS_RDONLY)
        package static let noSuid = Flags(rawValue: BOX_MS_NOSUID)
        package static let noDev = Flags(rawValue: BOX_MS_NODEV)
        package static let noExec = Flags(rawValue: BOX_MS_NOEXEC)
        package static let synchronous = Flags(rawValue: BOX_MS_SYNCHRONOUS)
        package static let remount = Flags(rawValue: BOX_MS_REMOUNT)
        package static let dirSync = Flags(rawValue: BOX_MS_DIRSYNC)
        package static let noSymlinkFollow = Flags(rawValue: BOX_MS_NOSYMFOLLOW)
        package static let noAccessTime = Flags(rawValue: BOX_MS_NOATIME)
        package static let noDirectoryAccessTime = Flags(rawValue: BOX_MS_NODIRATIME)
        package static let bind = Flags(rawValue: BOX_MS_BIND)
        package static let move = Flags(rawValue: BOX_MS_MOVE)
        package static let recursive = Flags(rawValue: BOX_MS_REC)
        package static let silent = Flags(rawValue: BOX_MS_SILENT)
        package static let unbindable = Flags(rawValue: BOX_MS_UNBINDABLE)
        package static let `private` = Flags(rawValue: BOX_MS_PRIVATE)
        package static let slave = Flags(rawValue: BOX_MS_SLAVE)
        package static let shared = Flags(rawValue: BOX_MS_SHARED)
        package static let relativeAccessTime = Flags(rawValue: BOX_MS_RELATIME)
        package static let inodeVersion = Flags(rawValue: BOX_MS_I_VERSION)
        package static let strictAccessTime = Flags(rawValue: BOX_MS_STRICTATIME)
        package static let lazyTime = Flags(rawValue: BOX_MS_LAZYTIME)
    }

    /// Per-mount attributes of mount_setattr(2).
    package struct Attributes: OptionSet, Sendable {
        package let rawValue: UInt64
        package init(rawValue: UInt64) { self.rawValue = rawValue }
        package static let readOnly = Attributes(rawValue: BOX_MOUNT_ATTR_RDONLY)
        package static let noSuid = Attributes(rawValue: BOX_MOUNT_ATTR_NOSUID)
        package static let noDev = Attributes(rawValue: BOX_MOUNT_ATTR_NODEV)
        package static let noExec = Attributes(rawValue: BOX_MOUNT_ATTR_NOEXEC)
        package static let noAccessTime = Attributes(rawValue: BOX_MOUNT_ATTR_NOATIME)
        package static let strictAccessTime = Attributes(rawValue: BOX_MOUNT_ATTR_STRICTATIME)
        package static let noDirectoryAccessTime = Attributes(rawValue: BOX_MOUNT_ATTR_NODIRATIME)
        package static let noSymlinkFollow = Attributes(rawValue: BOX_MOUNT_ATTR_NOSYMFOLLOW)
        /// All bits of the access-time choice: clear them before setting one.
        package static let accessTimeMask = Attributes(rawValue: BOX_MOUNT_ATTR__ATIME)
    }

    package static func mount(
        _ source: String, _ target: String, type: String? = nil, _ flags: Flags = [], data: String? = nil
    ) throws(SyscallError) {
        _ = try check("mount", "\(source) -> \(target)") { () -> Int32 in
            guard let data else { return Glibc.mount(source, target, type, flags.rawValue, nil) }
            return data.withCString { Glibc.mount(source, target, type, flags.rawValue, $0) }
        }
    }

    package static func unmount(_ target: String, detach: Bool = true) throws(SyscallError) {
        _ = try check("umount2", target) { umount2(target, (detach ? BOX_MNT_DETACH : 0) | BOX_UMOUNT_NOFOLLOW) }
    }

    /// Changes the propagation of a mount (and, recursively, what is below it).
    package static func setPropagation(_ target: String, _ propagation: Flags) throws(SyscallError) {
        try mount("none", target, propagation)
    }

    package static func pivotRoot(_ newRoot: String, _ putOld: String) throws(SyscallError) {
        _ = try check("pivot_root", newRoot) { box_pivot_root(newRoot, putOld) }
    }

    /// fsopen(2): a file system to be configured and mounted.
    package static func openFileSystem(_ type: String) throws(SyscallError) -> FileDescriptor {
        FileDescriptor(owning: try check("fsopen", type) { box_fsopen(type, 1) })
    }

    package static func configure(_ context: borrowing FileDescriptor, _ key: String, _ value: String?)
        throws(SyscallError)
    {
        let raw = context.raw
        _ = try check("fsconfig", "\(key)=\(value ?? "")") { () -> Int32 in
            guard let value else { return box_fsconfig(raw, BOX_FSCONFIG_SET_FLAG, key, nil, 0) }
            return box_fsconfig(raw, BOX_FSCONFIG_SET_STRING, key, value, 0)
        }
    }

    package static func configure(_ context: borrowing FileDescriptor, _ key: String, descriptor: Int32)
        throws(SyscallError)
    {
        let raw = context.raw
        _ = try check("fsconfig", "\(key)=fd \(descriptor)") {
            box_fsconfig(raw, BOX_FSCONFIG_SET_FD, key, nil, descriptor)
        }
    }

    package static func create(_ context: borrowing FileDescriptor) throws(SyscallError) {
        let raw = context.raw
        _ = try check("fsconfig", "create") { box_fsconfig(raw, BOX_FSCONFIG_CMD_CREATE, nil, nil, 0) }
    }

    /// fsmount(2): a mount of a created file system, attached nowhere yet.
    package static func makeDetached(_ context: borrowing FileDescriptor, _ attributes: Attributes = [])
        throws(SyscallError) -> FileDescriptor
    {
        let raw = context.raw
        return FileDescriptor(
            owning: try check("fsmount") { box_fsmount(raw, 1, UInt32(truncatingIfNeeded: attributes.rawValue)) })
    }

    /// open_tree(2) with OPEN_TREE_CLONE: a detached copy of a mount, for a bind mount by descriptor.
    package static func cloneTree(at directory: Int32, _ path: String, recursive: Bool) throws(SyscallError)
        -> FileDescriptor
    {
        let flags =
            BOX_OPEN_TREE_CLONE | UInt32(bitPattern: O_CLOEXEC)
            | UInt32(bitPattern: (recursive ? BOX_AT_RECURSIVE : 0) | (path.isEmpty ? BOX_AT_EMPTY_PATH : 0))
        return FileDescriptor(owning: try check("open_tree", path) { box_open_tree(directory, path, flags) })
    }

    /// move_mount(2): attaches a detached mount on what `target` is open on.
    package static func attach(_ mount: borrowing FileDescriptor, onto target: Int32) throws(SyscallError) {
        let raw = mount.raw
        _ = try check("move_mount", "fd \(target)") {
            box_move_mount(raw, "", target, "", BOX_MOVE_MOUNT_F_EMPTY_PATH | BOX_MOVE_MOUNT_T_EMPTY_PATH)
        }
    }

    /// mount_setattr(2) on an open mount. `propagation`: one of `.private .slave .shared .unbindable`, or none.
    package static func setAttributes(
        _ mount: Int32, set: Attributes = [], clear: Attributes = [], propagation: Flags = [], recursive: Bool = false,
        idMapping userNamespace: Int32? = nil
    ) throws(SyscallError) {
        let flags = UInt32(bitPattern: BOX_AT_EMPTY_PATH | (recursive ? BOX_AT_RECURSIVE : 0))
        let bits = set.rawValue | (userNamespace == nil ? 0 : BOX_MOUNT_ATTR_IDMAP)
        _ = try check("mount_setattr", "fd \(mount)") {
            box_mount_setattr(mount, "", flags, bits, clear.rawValue, UInt64(propagation.rawValue), userNamespace ?? -1)
        }
    }
}
