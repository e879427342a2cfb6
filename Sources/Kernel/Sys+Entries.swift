import CLinux
import Glibc

/// The name of a directory's entry, or a path, as the kernel takes it: bytes ended by NUL in no particular
/// encoding. What archives and images hold need not be UTF-8, which `String` must be.
package typealias RawName = UnsafePointer<CChar>

/// The calls on an entry of an open directory, by raw name. None follows a symlink in the entry's place.
extension Sys {
    package static func open(at directory: Int32, entry: RawName, _ flags: Int32, mode: UInt32 = 0)
        throws(SyscallError) -> FileDescriptor
    {
        FileDescriptor(
            owning: try check("openat", text(entry)) { openat(directory, entry, flags | O_CLOEXEC | O_NOFOLLOW, mode) })
    }

    /// `openat2(2)` on a path of several components. Repeated when a concurrent rename made the walk uncertain.
    package static func open(at directory: Int32, path: RawName, _ flags: Int32, resolve: Resolve)
        throws(SyscallError) -> FileDescriptor
    {
        for _ in 0..<128 {
            do {
                return FileDescriptor(
                    owning: try check("openat2", text(path)) {
                        box_openat2(directory, path, UInt64(UInt32(bitPattern: flags | O_CLOEXEC)), 0, resolve.rawValue)
                    })
            } catch let error where error.errno == EAGAIN {
                continue
            }
        }
        throw SyscallError("openat2", text(path), errno: EAGAIN)
    }

    package static func mkdir(at directory: Int32, entry: RawName, mode: UInt32) throws(SyscallError) {
        _ = try check("mkdirat", text(entry)) { mkdirat(directory, entry, mode) }
    }

    package static func unlink(at directory: Int32, entry: RawName, directory isDirectory: Bool = false)
        throws(SyscallError)
    {
        _ = try check("unlinkat", text(entry)) { unlinkat(directory, entry, isDirectory ? BOX_AT_REMOVEDIR : 0) }
    }

    package static func rename(at from: Int32, entry old: RawName, to: Int32, entry new: RawName)
        throws(SyscallError)
    {
        _ = try check("renameat", "\(text(old)) -> \(text(new))") { renameat(from, old, to, new) }
    }

    package static func symlink(_ target: RawName, at directory: Int32, entry: RawName) throws(SyscallError) {
        _ = try check("symlinkat", "\(text(entry)) -> \(text(target))") { symlinkat(target, directory, entry) }
    }

    package static func link(at from: Int32, entry old: RawName, to: Int32, entry new: RawName)
        throws(SyscallError)
    {
        _ = try check("linkat", "\(text(old)) -> \(text(new))") { linkat(from, old, to, new, 0) }
    }

    /// `mode` carries the type bits.
    package static func mknod(at directory: Int32, entry: RawName, mode: UInt32, major: UInt32, minor: UInt32)
        throws(SyscallError)
    {
        _ = try check("mknodat", text(entry)) { box_mknodat(directory, entry, mode, major, minor) }
    }

    package static func readlink(at directory: Int32, entry: RawName) throws(SyscallError) -> [UInt8] {
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 1)
        defer { buffer.deallocate() }
        let count = try check("readlinkat", text(entry)) {
            readlinkat(directory, entry, buffer.assumingMemoryBound(to: CChar.self), 4096)
        }
        return Array(UnsafeRawBufferPointer(start: buffer, count: count))
    }

    package static func status(at directory: Int32, entry: RawName) throws(SyscallError) -> FileStatus {
        try statx(at: directory, raw: entry, flags: BOX_AT_SYMLINK_NOFOLLOW)
    }

    /// nil when there is no such entry.
    package static func statusIfAny(at directory: Int32, entry: RawName) throws(SyscallError) -> FileStatus? {
        do { return try status(at: directory, entry: entry) } catch let error where error.errno == ENOENT { return nil }
    }

    /// Content when there is no such entry.
    package static func unlinkIfAny(at directory: Int32, entry: RawName) throws(SyscallError) {
        do { try unlink(at: directory, entry: entry) } catch let error where error.errno == ENOENT {}
    }

    /// Writes all of it at a place of a file, `pwrite(2)`.
    package static func writeAll(_ fd: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(SyscallError) {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            done += try check("pwrite", "fd \(fd)") { pwrite(fd, rest.baseAddress, rest.count, Int(offset) + done) }
        }
    }

    private static func text(_ name: RawName) -> String { String(cString: name) }
}

/// Attributes of what a descriptor is open on, also when it was opened with `O_PATH`: no name is looked up, so
/// nobody can put another file, or a symlink, in its place.
extension FileDescriptor {
    package func setOwner(uid: UInt32, gid: UInt32) throws(SyscallError) {
        _ = try check("fchownat", "fd \(raw)") { fchownat(raw, "", uid, gid, BOX_AT_EMPTY_PATH) }
    }

    /// Not for a symlink, which has no mode of its own (`EOPNOTSUPP`).
    package func setMode(_ mode: UInt32) throws(SyscallError) {
        do {
            _ = try check("fchmod", "fd \(raw)") { fchmod(raw, mode) }
        } catch let error where error.errno == EBADF {
            // Opened with O_PATH; fchmodat2(2) is younger (6.6) than this way.
            _ = try check("chmod", "fd \(raw)") { Glibc.chmod(procPath, mode) }
        }
    }

    package func setTimes(accessed: FileStatus.Time, modified: FileStatus.Time) throws(SyscallError) {
        var times = (
            timespec(tv_sec: Int(accessed.seconds), tv_nsec: Int(accessed.nanoseconds)),
            timespec(tv_sec: Int(modified.seconds), tv_nsec: Int(modified.nanoseconds))
        )
        _ = try check("utimensat", "fd \(raw)") {
            withUnsafePointer(to: &times) {
                $0.withMemoryRebound(to: timespec.self, capacity: 2) { utimensat(raw, "", $0, BOX_AT_EMPTY_PATH) }
            }
        }
    }

    /// The names of all extended attributes; those that are not UTF-8 are left out. None where the file system
    /// has no extended attributes.
    package func attributeNames() throws(SyscallError) -> [String] {
        do {
            // Through /proc because flistxattr(2) refuses O_PATH; a magic link leads to the open file itself, even
            // if that is a symlink.
            let path = procPath
            let size = try check("listxattr", path) { box_listxattr(path, nil, 0) }
            if size == 0 { return [] }
            let buffer = UnsafeMutablePointer<CChar>.allocate(capacity: size)
            defer { buffer.deallocate() }
            let count = try check("listxattr", path) { box_listxattr(path, buffer, size) }
            return UnsafeRawBufferPointer(start: buffer, count: count).split(separator: 0)
                .compactMap { String(validating: $0, as: UTF8.self) }
        } catch let error where error.errno == EOPNOTSUPP {
            return []
        }
    }

    /// nil when there is no such attribute.
    package func attribute(_ name: String) throws(SyscallError) -> [UInt8]? {
        do {
            let path = procPath
            let size = try check("getxattr", name) { box_getxattr(path, name, nil, 0) }
            if size == 0 { return [] }
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 1)
            defer { buffer.deallocate() }
            let count = try check("getxattr", name) { box_getxattr(path, name, buffer.baseAddress, size) }
            return Array(buffer[..<count])
        } catch let error where error.errno == ENODATA || error.errno == EOPNOTSUPP {
            return nil
        }
    }

    package func setAttribute(_ name: String, _ value: [UInt8]) throws(SyscallError) {
        let path = procPath
        _ = try check("setxattr", name) { box_setxattr(path, name, value, value.count, 0) }
    }

    package func removeAttribute(_ name: String) throws(SyscallError) {
        let path = procPath
        _ = try check("removexattr", name) { box_removexattr(path, name) }
    }
}
