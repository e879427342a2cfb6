import CLinux
import Glibc

/// How much a directory tree holds.
package struct TreeSize: Sendable, Equatable {
    /// Sizes of the files added up, each file once however many names it has.
    package var bytes: Int64 = 0
    package var entries: Int64 = 0
}

extension Sys {
    /// Adds up what is below a directory, on its own file system; follows no symlink. What vanishes meanwhile, or
    /// lies deeper than this process may have files open, is left out.
    package static func treeSize(_ path: String) throws(SyscallError) -> TreeSize {
        var size = TreeSize()
        var seen: Set<UInt64> = []
        let root = try open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        try add(root, device: root.status().device, &size, &seen)
        return size
    }

    private static func add(
        _ directory: borrowing FileDescriptor, device: UInt64, _ size: inout TreeSize, _ seen: inout Set<UInt64>
    ) throws(SyscallError) {
        for entry in try list(directory) {
            let name = entry.rawName.map { CChar(bitPattern: $0) } + [0]
            var s = box_stat()
            guard box_statx(directory.raw, name, BOX_AT_SYMLINK_NOFOLLOW, &s) == 0 else { continue }
            guard UInt64(s.dev_major) << 32 | UInt64(s.dev_minor) == device else { continue }
            size.entries += 1
            switch s.mode & UInt32(S_IFMT) {
            case UInt32(S_IFDIR):
                let child = openat(directory.raw, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                if child >= 0 { try add(FileDescriptor(owning: child), device: device, &size, &seen) }
            case UInt32(S_IFREG), UInt32(S_IFLNK):
                if s.nlink > 1, !seen.insert(s.ino).inserted { continue }
                size.bytes += Int64(clamping: s.size)
            default: continue
            }
        }
    }
}
