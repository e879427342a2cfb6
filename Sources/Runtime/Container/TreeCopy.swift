import Glibc
import Kernel

/// Copies what an image has in a directory into a new tmpfs mounted over it (`tmpcopyup`).
enum TreeCopy {
    /// Directories, regular files and symlinks, with owners, modes and times. Device nodes and the like are left out:
    /// what an image may give a container of them is not decided by a copy.
    static func copyContent(of source: borrowing FileDescriptor, to target: borrowing FileDescriptor)
        throws(SyscallError)
    {
        let status = try source.status()
        try Sys.chmod(at: target.raw, ".", mode: status.permissions)
        try Sys.chown(at: target.raw, ".", uid: status.uid, gid: status.gid)
        for entry in try Sys.list(source) where Array(entry.name.utf8) == entry.rawName {
            try copy(entry.name, from: source.raw, to: target.raw)
        }
    }

    private static func copy(_ name: String, from source: Int32, to target: Int32) throws(SyscallError) {
        let status = try Sys.status(at: source, name)
        switch status.kind {
        case .directory:
            try Sys.mkdir(at: target, name, mode: 0o700)
            let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW
            try copyContent(
                of: try Sys.open(at: source, name, flags), to: try Sys.open(at: target, name, flags))
        case .regular:
            let input = try Sys.open(at: source, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
            let output = try Sys.open(at: target, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
            try copyBytes(from: input, to: output)
            // The owner first: changing it takes setuid bits away.
            try Sys.chown(at: target, name, uid: status.uid, gid: status.gid)
            try Sys.chmod(at: target, name, mode: status.permissions)
        case .symlink:
            try Sys.symlink(try Sys.readlink(at: source, name), at: target, name)
            try Sys.chown(at: target, name, uid: status.uid, gid: status.gid)
        default:
            return
        }
        try Sys.setTimes(at: target, name, accessed: status.accessed, modified: status.modified)
    }

    private static func copyBytes(from input: borrowing FileDescriptor, to output: borrowing FileDescriptor)
        throws(SyscallError)
    {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65536, alignment: 16)
        defer { buffer.deallocate() }
        while let count = try input.read(into: buffer), count > 0 {
            try output.writeAll(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }
}
