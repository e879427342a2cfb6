import Glibc
import Kernel

/// Places in a root file system where something is to be mounted or made.
extension RootedDirectory {
    /// Opens the place of a mount, and makes it when it is missing: a directory, or an empty file.
    ///
    /// `withoutSymlinks` refuses them on the whole way; otherwise they lead somewhere inside the root, as the
    /// container would see them.
    func openMountTarget(_ path: String, directory: Bool, withoutSymlinks: Bool) throws(SyscallError) -> FileDescriptor
    {
        do {
            return try openExisting(path, withoutSymlinks: withoutSymlinks)
        } catch let error where error.errno == ENOENT {
            try makeTarget(path, directory: directory)
            return try openExisting(path, withoutSymlinks: withoutSymlinks)
        }
    }

    private func openExisting(_ path: String, withoutSymlinks: Bool) throws(SyscallError) -> FileDescriptor {
        guard withoutSymlinks else { return try open(path, Sys.openPath) }
        return try Sys.open(at: raw, path, Sys.openPath, resolve: [.inRoot, .noMagicLinks, .noSymlinks])
    }

    private func makeTarget(_ path: String, directory: Bool) throws(SyscallError) {
        // Most often only the last component is missing. What is there although it does not open is a symlink.
        do { if let place = try parent(of: path) { return try make(place, directory: directory) } } catch
            where error.errno == ENOENT || error.errno == EEXIST
        {}
        let path = try followDangling(path)
        if directory {
            _ = try makeDirectories(path)
            return
        }
        let components = path.split(separator: "/").filter { $0 != "." }
        guard let name = components.last, name != ".." else { throw SyscallError("openat2", path, errno: EINVAL) }
        let parent = try makeDirectories("/" + components.dropLast().joined(separator: "/"))
        do {
            try make(ParentDirectory(directory: parent, name: String(name)), directory: false)
        } catch let error where error.errno == EEXIST {
        }
    }

    private func make(_ place: borrowing ParentDirectory, directory: Bool) throws(SyscallError) {
        if directory { return try Sys.mkdir(at: place.raw, place.name, mode: 0o755) }
        try Sys.mknod(at: place.raw, place.name, mode: UInt32(S_IFREG) | 0o755)
    }

    /// A symlink that leads nowhere yet is followed to where it leads: images have `/etc/resolv.conf` as one.
    private func followDangling(_ path: String) throws(SyscallError) -> String {
        var path = path
        for _ in 0..<40 {
            let components = path.split(separator: "/").filter { $0 != "." }
            guard let missing = try firstMissing(components) else { return path }
            let parentPath = "/" + components[..<missing].joined(separator: "/")
            let parent = try open(parentPath, Sys.openPath | O_DIRECTORY)
            let name = String(components[missing])
            let target: String
            do { target = try Sys.readlink(at: parent.raw, name) } catch { return path }
            let rest = components[(missing + 1)...].joined(separator: "/")
            path = (target.hasPrefix("/") ? target : parentPath + "/" + target) + (rest.isEmpty ? "" : "/" + rest)
        }
        throw SyscallError("openat2", path, errno: ELOOP)
    }

    /// The first component that does not lead to anything; nil when all do.
    private func firstMissing(_ components: [Substring]) throws(SyscallError) -> Int? {
        for index in components.indices {
            do {
                _ = try open("/" + components[...index].joined(separator: "/"), Sys.openPath)
            } catch let error where error.errno == ENOENT {
                return index
            }
        }
        return nil
    }
}
