import CLinux
import Glibc

/// What `statx(2)` says of a file.
package struct FileStatus: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        case regular, directory, symlink, characterDevice, blockDevice, fifo, socket, unknown
    }
    package struct Time: Sendable, Equatable, Comparable {
        package var seconds: Int64
        package var nanoseconds: UInt32
        package init(seconds: Int64, nanoseconds: UInt32) {
            self.seconds = seconds
            self.nanoseconds = nanoseconds
        }
        package static func < (a: Time, b: Time) -> Bool {
            (a.seconds, a.nanoseconds) < (b.seconds, b.nanoseconds)
        }
    }

    /// Type and permission bits, as in `st_mode`.
    package var mode: UInt32
    package var uid: UInt32
    package var gid: UInt32
    package var linkCount: UInt32
    package var inode: UInt64
    /// Bytes.
    package var size: UInt64
    /// Blocks of 512 bytes that the file occupies.
    package var blocks: UInt64
    package var mountID: UInt64
    package var device: UInt64
    /// Of a device node.
    package var deviceMajor: UInt32
    package var deviceMinor: UInt32
    package var accessed: Time
    package var modified: Time
    package var changed: Time
    package var isMountRoot: Bool

    package var permissions: UInt32 { mode & 0o7777 }
    package var kind: Kind {
        switch mode & UInt32(S_IFMT) {
        case UInt32(S_IFREG): .regular
        case UInt32(S_IFDIR): .directory
        case UInt32(S_IFLNK): .symlink
        case UInt32(S_IFCHR): .characterDevice
        case UInt32(S_IFBLK): .blockDevice
        case UInt32(S_IFIFO): .fifo
        case UInt32(S_IFSOCK): .socket
        default: .unknown
        }
    }
}

/// What `fstatfs(2)` says of a file system.
package struct FileSystemStatus: Sendable, Equatable {
    /// The magic number, as in `statfs(2)`.
    package var type: Int64
    package var blockSize: UInt64
    package var blocks: UInt64
    package var blocksAvailable: UInt64
    package var files: UInt64
    package var filesFree: UInt64

    package static let proc: Int64 = 0x9fa0
    package static let cgroup2: Int64 = 0x6367_7270
    package static let tmpfs: Int64 = 0x0102_1994
    package static let ext4: Int64 = 0xef53
    package static let overlay: Int64 = 0x794c_7630
    package static let devpts: Int64 = 0x1cd1
}
