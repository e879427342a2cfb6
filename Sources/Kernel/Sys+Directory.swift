import CLinux
import Glibc

/// Where a process stands, and what it may reach from there.
extension Sys {
    package static func changeDirectory(_ fd: Int32) throws(SyscallError) {
        _ = try check("fchdir", "fd \(fd)") { fchdir(fd) }
    }
    package static func changeDirectory(_ path: String) throws(SyscallError) {
        _ = try check("chdir", path) { chdir(path) }
    }

    /// The kernel's getcwd(2), not libc's: a directory outside of the root is told as `(unreachable)/…`.
    package static func workingDirectory() throws(SyscallError) -> String {
        let buffer = UnsafeMutablePointer<CChar>.allocate(capacity: 4096)
        defer { buffer.deallocate() }
        _ = try check("getcwd") { box_getcwd(buffer, 4096) }
        return String(cString: buffer)
    }

    /// Of an open file.
    package static func status(of fd: Int32) throws(SyscallError) -> FileStatus {
        try statx(at: fd, "", flags: BOX_AT_EMPTY_PATH)
    }

    package static func setFileCreationMask(_ mask: UInt32) { _ = umask(mode_t(mask)) }

    /// Whether this process, with its effective ids, may execute the file: faccessat(2).
    package static func checkExecutable(_ path: String) throws(SyscallError) {
        _ = try check("faccessat", path) { faccessat(currentDirectory, path, X_OK, BOX_AT_EACCESS) }
    }

    /// Whether the mount that an open file was reached through is read-only: fstatvfs(3).
    package static func isOnReadOnlyMount(_ fd: borrowing FileDescriptor) throws(SyscallError) -> Bool {
        let raw = fd.raw
        var s = statvfs()
        _ = try check("fstatvfs", "fd \(raw)") { fstatvfs(raw, &s) }
        return s.f_flag & UInt(ST_RDONLY) != 0
    }
}

extension Processes {
    /// setsid(2): a session of its own, without a controlling terminal.
    package static func newSession() throws(SyscallError) { _ = try check("setsid") { setsid() } }

    /// sched_setattr(2) of the calling thread.
    package static func setScheduler(
        policy: UInt32, flags: UInt64, nice: Int32, priority: UInt32, runtime: UInt64, deadline: UInt64, period: UInt64
    ) throws(SyscallError) {
        _ = try check("sched_setattr", "policy \(policy)") {
            box_sched_setattr(policy, flags, nice, priority, runtime, deadline, period)
        }
    }
}
