import CLinux
import Glibc

extension Sys {
    /// `AT_FDCWD`.
    package static let currentDirectory: Int32 = BOX_AT_FDCWD
    package static let openPath: Int32 = BOX_O_PATH
    /// To list a directory and open what is in it.
    package static let openDirectory: Int32 = O_RDONLY | O_DIRECTORY
    package static let openTemporary: Int32 = BOX_O_TMPFILE

    /// How `openat2(2)` walks a path.
    package struct Resolve: OptionSet, Sendable {
        package let rawValue: UInt64
        package init(rawValue: UInt64) { self.rawValue = rawValue }
        package static let noCrossing = Resolve(rawValue: BOX_RESOLVE_NO_XDEV)
        package static let noMagicLinks = Resolve(rawValue: BOX_RESOLVE_NO_MAGICLINKS)
        package static let noSymlinks = Resolve(rawValue: BOX_RESOLVE_NO_SYMLINKS)
        package static let beneath = Resolve(rawValue: BOX_RESOLVE_BENEATH)
        package static let inRoot = Resolve(rawValue: BOX_RESOLVE_IN_ROOT)
    }

    package static func read(_ fd: Int32, into buffer: UnsafeMutableRawBufferPointer) throws(SyscallError) -> Int? {
        do {
            return try check("read", "fd \(fd)") { Glibc.read(fd, buffer.baseAddress, buffer.count) }
        } catch {
            if error.errno == EAGAIN { return nil }
            throw error
        }
    }

    package static func write(_ fd: Int32, _ buffer: UnsafeRawBufferPointer) throws(SyscallError) -> Int? {
        do {
            return try check("write", "fd \(fd)") { Glibc.write(fd, buffer.baseAddress, buffer.count) }
        } catch {
            if error.errno == EAGAIN { return nil }
            throw error
        }
    }

    package static func open(
        at directory: Int32 = currentDirectory, _ path: String, _ flags: Int32, mode: UInt32 = 0
    ) throws(SyscallError) -> FileDescriptor {
        FileDescriptor(owning: try check("openat", path) { openat(directory, path, flags | O_CLOEXEC, mode) })
    }

    /// `openat2(2)`. Repeated when a concurrent rename made the walk uncertain (`EAGAIN`).
    package static func open(
        at directory: Int32, _ path: String, _ flags: Int32, mode: UInt32 = 0, resolve: Resolve
    ) throws(SyscallError) -> FileDescriptor {
        let mode = flags & O_CREAT != 0 || flags & BOX_O_TMPFILE == BOX_O_TMPFILE ? UInt64(mode) : 0
        for _ in 0..<128 {
            do {
                return FileDescriptor(
                    owning: try check("openat2", path) {
                        box_openat2(
                            directory, path, UInt64(UInt32(bitPattern: flags | O_CLOEXEC)), mode, resolve.rawValue)
                    })
            } catch let error where error.errno == EAGAIN {
                continue
            }
        }
        throw SyscallError("openat2", path, errno: EAGAIN)
    }

    package static func mkdir(at directory: Int32 = currentDirectory, _ path: String, mode: UInt32 = 0o755)
        throws(SyscallError)
    {
        _ = try check("mkdirat", path) { mkdirat(directory, path, mode) }
    }

    /// Removes a file, or with `directory: true` an empty directory.
    package static func unlink(at parent: Int32 = currentDirectory, _ path: String, directory: Bool = false)
        throws(SyscallError)
    {
        _ = try check("unlinkat", path) { unlinkat(parent, path, directory ? BOX_AT_REMOVEDIR : 0) }
    }

    package static func rename(
        at from: Int32 = currentDirectory, _ old: String, to: Int32 = currentDirectory, _ new: String,
        noReplace: Bool = false, exchange: Bool = false
    ) throws(SyscallError) {
        let flags = (noReplace ? BOX_RENAME_NOREPLACE : 0) | (exchange ? BOX_RENAME_EXCHANGE : 0)
        _ = try check("renameat2", "\(old) -> \(new)") { box_renameat2(from, old, to, new, flags) }
    }

    package static func symlink(_ target: String, at directory: Int32 = currentDirectory, _ path: String)
        throws(SyscallError)
    {
        _ = try check("symlinkat", "\(path) -> \(target)") { symlinkat(target, directory, path) }
    }

    /// A hard link; the last component of `old` is not followed.
    package static func link(
        at from: Int32 = currentDirectory, _ old: String, to: Int32 = currentDirectory, _ new: String
    ) throws(SyscallError) {
        _ = try check("linkat", "\(old) -> \(new)") { linkat(from, old, to, new, 0) }
    }

    package static func readlink(at directory: Int32 = currentDirectory, _ path: String) throws(SyscallError) -> String
    {
        let buffer = UnsafeMutablePointer<CChar>.allocate(capacity: 4097)
        defer { buffer.deallocate() }
        let count = try check("readlinkat", path) { readlinkat(directory, path, buffer, 4096) }
        return String(decoding: UnsafeRawBufferPointer(start: buffer, count: count), as: UTF8.self)
    }

    /// A device node, FIFO, socket or empty file; `mode` carries the type bits.
    package static func mknod(
        at directory: Int32 = currentDirectory, _ path: String, mode: UInt32, major: UInt32 = 0, minor: UInt32 = 0
    ) throws(SyscallError) {
        _ = try check("mknodat", path) { box_mknodat(directory, path, mode, major, minor) }
    }

    /// `statx(2)`; the last component is not followed unless `follow`.
    package static func status(at directory: Int32 = currentDirectory, _ path: String, follow: Bool = false)
        throws(SyscallError) -> FileStatus
    {
        try statx(at: directory, path, flags: follow ? 0 : BOX_AT_SYMLINK_NOFOLLOW)
    }

    static func statx(at directory: Int32, _ path: String, flags: Int32) throws(SyscallError) -> FileStatus {
        let outcome: Result<FileStatus, SyscallError> = path.withCString { raw in
            Result { () throws(SyscallError) in try statx(at: directory, raw: raw, flags: flags) }
        }
        return try outcome.get()
    }

    static func statx(at directory: Int32, raw path: RawName, flags: Int32) throws(SyscallError) -> FileStatus {
        var s = box_stat()
        _ = try check("statx", String(cString: path)) { box_statx(directory, path, flags, &s) }
        return FileStatus(
            mode: s.mode, uid: s.uid, gid: s.gid, linkCount: s.nlink, inode: s.ino, size: s.size, blocks: s.blocks,
            mountID: s.mnt_id, device: UInt64(s.dev_major) << 32 | UInt64(s.dev_minor),
            deviceMajor: s.rdev_major, deviceMinor: s.rdev_minor,
            accessed: .init(seconds: s.atime_sec, nanoseconds: s.atime_nsec),
            modified: .init(seconds: s.mtime_sec, nanoseconds: s.mtime_nsec),
            changed: .init(seconds: s.ctime_sec, nanoseconds: s.ctime_nsec), isMountRoot: s.is_mount_root != 0)
    }

    package static func exists(at directory: Int32 = currentDirectory, _ path: String) -> Bool {
        faccessat(directory, path, F_OK, BOX_AT_SYMLINK_NOFOLLOW) == 0
    }

    package static func chmod(at directory: Int32 = currentDirectory, _ path: String, mode: UInt32)
        throws(SyscallError)
    {
        _ = try check("fchmodat", path) { fchmodat(directory, path, mode, 0) }
    }

    /// Changes the owner; never follows the last component.
    package static func chown(at directory: Int32 = currentDirectory, _ path: String, uid: UInt32, gid: UInt32)
        throws(SyscallError)
    {
        _ = try check("fchownat", path) {
            fchownat(directory, path, uid, gid, BOX_AT_SYMLINK_NOFOLLOW | (path.isEmpty ? BOX_AT_EMPTY_PATH : 0))
        }
    }

    /// Sets both times; never follows the last component.
    package static func setTimes(
        at directory: Int32 = currentDirectory, _ path: String, accessed: FileStatus.Time, modified: FileStatus.Time
    ) throws(SyscallError) {
        let times = [
            timespec(tv_sec: Int(accessed.seconds), tv_nsec: Int(accessed.nanoseconds)),
            timespec(tv_sec: Int(modified.seconds), tv_nsec: Int(modified.nanoseconds)),
        ]
        _ = try check("utimensat", path) { utimensat(directory, path, times, BOX_AT_SYMLINK_NOFOLLOW) }
    }

    /// A pipe, both ends close-on-exec: `first` reads, `second` writes.
    package static func pipe(nonBlocking: Bool = false) throws(SyscallError) -> DescriptorPair {
        var fds: (Int32, Int32) = (-1, -1)
        _ = try check("pipe2") {
            withUnsafeMutablePointer(to: &fds) {
                $0.withMemoryRebound(to: Int32.self, capacity: 2) {
                    box_pipe2($0, O_CLOEXEC | (nonBlocking ? O_NONBLOCK : 0))
                }
            }
        }
        return DescriptorPair(owning: fds.0, fds.1)
    }

    /// A file in memory; `sealable` allows `F_ADD_SEALS` later.
    package static func memoryFile(_ name: String, sealable: Bool = false) throws(SyscallError) -> FileDescriptor {
        FileDescriptor(owning: try check("memfd_create", name) { box_memfd_create(name, sealable ? 3 : 1) })
    }

    /// An exclusive `flock(2)` without waiting: false when somebody else holds it.
    package static func tryLock(_ fd: borrowing FileDescriptor) throws(SyscallError) -> Bool {
        let raw = fd.raw
        do {
            _ = try check("flock", "fd \(raw)") { flock(raw, LOCK_EX | LOCK_NB) }
            return true
        } catch let error where error.errno == EWOULDBLOCK {
            return false
        }
    }

    /// Reads a whole small file, such as one of `/proc`.
    package static func readFile(at directory: Int32 = currentDirectory, _ path: String, limit: Int = 16 << 20)
        throws(SyscallError) -> [UInt8]
    {
        let file = try open(at: directory, path, O_RDONLY)
        do { return try file.readAll(limit: limit) } catch { throw error.about(path) }
    }

    package static func readText(at directory: Int32 = currentDirectory, _ path: String) throws(SyscallError) -> String
    {
        String(decoding: try readFile(at: directory, path), as: UTF8.self)
    }

    /// Writes to an existing file in one `write(2)`: for the control files of `/proc`, `/sys` and cgroups.
    package static func writeControl(at directory: Int32 = currentDirectory, _ path: String, _ value: String)
        throws(SyscallError)
    {
        let file = try open(at: directory, path, O_WRONLY)
        let raw = file.raw
        var value = value
        _ = try check("write", "\(path) <- \(value)") { value.withUTF8 { Glibc.write(raw, $0.baseAddress, $0.count) } }
    }

    /// Makes a file, or overwrites the one that there is, in its place: where it is mounted, the new content is seen.
    package static func writeFile(_ path: String, _ bytes: some Sequence<UInt8>, mode: UInt32 = 0o600)
        throws(SyscallError)
    {
        let file = try open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: mode)
        try file.writeAll(bytes)
    }

    /// Replaces a file as a whole: a reader sees the old content or the new. Not synced to the disk.
    package static func replaceFile(
        at directory: Int32 = currentDirectory, _ path: String, _ bytes: some Sequence<UInt8>, mode: UInt32 = 0o600,
        sync: Bool = false
    ) throws(SyscallError) {
        let temporary = path + ".new"
        do {
            let file = try open(at: directory, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: mode)
            try file.writeAll(bytes)
            if sync { try file.syncData() }
        }
        try rename(at: directory, temporary, to: directory, path)
    }

    /// Names in an open directory, without `.` and `..`, in the file system's order.
    package static func list(_ directory: borrowing FileDescriptor) throws(SyscallError) -> [DirectoryEntry] {
        try list(raw: directory.raw)
    }

    static func list(raw: Int32) throws(SyscallError) -> [DirectoryEntry] {
        _ = try check("lseek", "fd \(raw)") { lseek(raw, 0, SEEK_SET) }
        let size = 65536
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 8)
        defer { buffer.deallocate() }
        var entries: [DirectoryEntry] = []
        while true {
            let count = try check("getdents64", "fd \(raw)") { box_getdents64(raw, buffer, size) }
            if count == 0 { return entries }
            var offset = 0
            while offset < count {
                // struct linux_dirent64: u64 inode, s64 offset, u16 record length, u8 type, char name[].
                let record = buffer + offset
                let length = Int(record.loadUnaligned(fromByteOffset: 16, as: UInt16.self))
                let type = record.loadUnaligned(fromByteOffset: 18, as: UInt8.self)
                let name = (record + 19).assumingMemoryBound(to: CChar.self)
                offset += length
                let bytes = UnsafeRawBufferPointer(start: name, count: strlen(name))
                if bytes.elementsEqual(".".utf8) || bytes.elementsEqual("..".utf8) { continue }
                entries.append(
                    DirectoryEntry(name: String(decoding: bytes, as: UTF8.self), rawName: Array(bytes), type: type))
            }
        }
    }

    package static func list(at directory: Int32 = currentDirectory, _ path: String) throws(SyscallError)
        -> [DirectoryEntry]
    {
        try list(try open(at: directory, path, O_RDONLY | O_DIRECTORY))
    }
}

/// One name in a directory.
package struct DirectoryEntry: Sendable {
    /// The name as text; not faithful when it is no UTF-8, which `rawName` is.
    package let name: String
    package let rawName: [UInt8]
    /// `DT_*` of `readdir(3)`; 0 when the file system does not say.
    package let type: UInt8
    package var isDirectory: Bool { type == 4 }
}
