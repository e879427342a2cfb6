import Glibc
import Kernel

/// The host's `/proc`, opened before anything of an image is touched: kernel parameters are written through it and
/// nothing else (CVE-2025-52881: writes redirected by what a container mounts at /proc).
///
/// It serves the container's namespaces as well: `/proc/sys/net`, `/proc/sys/kernel/shm*` and so on are those of
/// the process that looks.
struct HostProc: ~Copyable {
    let directory: FileDescriptor

    init() throws(RuntimeError) {
        directory = try attempt(.process, "opening /proc") { () throws(SyscallError) -> FileDescriptor in
            let directory = try Sys.open("/proc", O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
            // 1 is the root of a proc file system; anything else would be a directory of it bound here.
            guard try directory.fileSystemStatus().type == FileSystemStatus.proc, try directory.status().inode == 1
            else {
                throw SyscallError("open", "/proc is no proc file system", errno: ENODEV)
            }
            return directory
        }
    }

    /// One write(2) to a file below `/proc`, on the same file system.
    func write(_ path: String, _ value: String) throws(SyscallError) {
        let file = try Sys.open(at: directory.raw, path, O_WRONLY, resolve: [.beneath, .noMagicLinks, .noCrossing])
        try file.writeAll(value.utf8)
    }

    /// What keeps the mount namespace of this process.
    func mountNamespace() throws(RuntimeError) -> FileDescriptor {
        try attempt(.namespaces, "opening the mount namespace") { () throws(SyscallError) in
            try Sys.open(at: directory.raw, "self/ns/mnt", O_RDONLY)
        }
    }

    /// For a write later, when `/proc` is the container's.
    func openForWriting(_ path: String) throws(SyscallError) -> FileDescriptor {
        try Sys.open(at: directory.raw, path, O_WRONLY, resolve: [.beneath, .noMagicLinks, .noCrossing])
    }
}
