package import Kernel

/// One member of a tar archive: everything but its data.
package struct TarEntry: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        case file, hardLink, symlink, characterDevice, blockDevice, directory, fifo
    }

    /// As the archive has it: may be absolute, hold `.` and `..`, and end with `/`.
    package var path: BytePath
    package var kind: Kind
    /// Of a symlink its text; of a hard link the path of another entry; else empty.
    package var linkTarget: BytePath
    /// Permission bits with set-id and sticky; no type.
    package var mode: UInt32
    package var uid: UInt32
    package var gid: UInt32
    package var modified: FileStatus.Time
    /// Of a file, in bytes, holes counted.
    package var size: Int64
    /// Of a device.
    package var deviceMajor: UInt32
    package var deviceMinor: UInt32
    package var attributes: [ExtendedAttribute]

    package init(
        path: BytePath, kind: Kind, linkTarget: BytePath = "", mode: UInt32 = 0o644, uid: UInt32 = 0, gid: UInt32 = 0,
        modified: FileStatus.Time = .init(seconds: 0, nanoseconds: 0), size: Int64 = 0, deviceMajor: UInt32 = 0,
        deviceMinor: UInt32 = 0, attributes: [ExtendedAttribute] = []
    ) {
        self.path = path
        self.kind = kind
        self.linkTarget = linkTarget
        self.mode = mode
        self.uid = uid
        self.gid = gid
        self.modified = modified
        self.size = size
        self.deviceMajor = deviceMajor
        self.deviceMinor = deviceMinor
        self.attributes = attributes
    }
}

/// xattr(7)
package struct ExtendedAttribute: Sendable, Equatable {
    package var name: String
    package var value: [UInt8]
    package init(name: String, value: [UInt8]) {
        self.name = name
        self.value = value
    }
}

/// A stretch of a file that an archive stores; what lies between two is a hole.
struct SparseExtent: Equatable {
    var offset: Int64
    var length: Int64
    var end: Int64 { offset + length }
}
