import CLinux
import Glibc

/// A directory taken for `/`: the only way to open a path of an image or a container.
///
/// Symlinks resolve inside it as a process chrooted there would see them, `..` stops at it, and no magic
/// link of `/proc` leads out: `openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)`, `openat2(2)`.
package struct RootedDirectory: ~Copyable, Sendable {
    package let directory: FileDescriptor
    package var raw: Int32 { directory.raw }

    package init(_ directory: consuming FileDescriptor) { self.directory = directory }

    /// `path` is the engine's own, outside any image. Refuses a symlink in its place.
    package init(path: String) throws(SyscallError) {
        directory = try Sys.open(path, O_DIRECTORY | O_NOFOLLOW | Sys.openPath)
    }

    private static let walk: Sys.Resolve = [.inRoot, .noMagicLinks]

    package func open(_ path: String, _ flags: Int32, mode: UInt32 = 0) throws(SyscallError) -> FileDescriptor {
        try Sys.open(at: raw, path.isEmpty ? "/" : path, flags, mode: mode, resolve: Self.walk)
    }

    /// The directory that holds `path`'s last component, and that component's name: what calls that create,
    /// remove or look at an entry itself need. The name is never `.`, `..` or empty; for the root itself nil.
    package func parent(of path: String) throws(SyscallError) -> ParentDirectory? {
        var components = path.split(separator: "/", omittingEmptySubsequences: true).filter { $0 != "." }
        guard let last = components.popLast() else { return nil }
        if last == ".." { throw SyscallError("openat2", path, errno: EINVAL) }
        let parent = try open("/" + components.joined(separator: "/"), O_DIRECTORY | Sys.openPath)
        return ParentDirectory(directory: parent, name: String(last))
    }

    /// Of the entry itself unless `follow`.
    package func status(_ path: String, follow: Bool = false) throws(SyscallError) -> FileStatus {
        try open(path, Sys.openPath | (follow ? 0 : O_NOFOLLOW)).status()
    }

    package func readFile(_ path: String, limit: Int) throws(SyscallError) -> [UInt8] {
        // Without O_NONBLOCK a FIFO in the image would hold us for ever.
        let file = try open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
        guard try file.status().kind == .regular else { throw SyscallError("read", path, errno: EINVAL) }
        do { return try file.readAll(limit: limit) } catch { throw error.about(path) }
    }

    /// Makes a directory with its missing parents, following symlinks inside the root; opens it.
    package func makeDirectories(_ path: String, mode: UInt32 = 0o755) throws(SyscallError) -> FileDescriptor {
        var done = ""
        var current = try open("/", O_DIRECTORY | Sys.openPath)
        for component in path.split(separator: "/") where component != "." {
            done += "/" + component
            do {
                current = try open(done, O_DIRECTORY | Sys.openPath)
            } catch let error where error.errno == ENOENT {
                // A dangling symlink is ENOENT too; mkdirat says EEXIST then, and the open below fails again.
                do { try Sys.mkdir(at: current.raw, String(component), mode: mode) } catch let error
                    where error.errno == EEXIST
                {}
                current = try open(done, O_DIRECTORY | Sys.openPath)
            }
        }
        return current
    }
}

/// An open directory and the name of an entry in it, which may not exist.
package struct ParentDirectory: ~Copyable, Sendable {
    package let directory: FileDescriptor
    package let name: String
    package var raw: Int32 { directory.raw }

    package init(directory: consuming FileDescriptor, name: String) {
        self.directory = directory
        self.name = name
    }

    /// A path to the entry that no rename of its parents changes; for calls that know no directory descriptor.
    package var entryPath: String { "\(directory.procPath)/\(name)" }
}
