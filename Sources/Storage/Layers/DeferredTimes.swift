import Archive
import Glibc
import Kernel

/// Modification times of directories, to be set when nothing is put into them any more. Kept in one block of bytes,
/// with a limit: an archive of a few megabytes can name millions of directories.
struct DeferredTimes {
    private static let limit = 64 << 20
    private var bytes: [UInt8] = []

    mutating func add(_ path: BytePath, _ time: FileStatus.Time) throws {
        let size = path.bytes.count + 14
        if bytes.count + size > Self.limit {
            throw ArchiveError(.tooLarge, "the archive", "has too many directories (their paths exceed 64 MiB)")
        }
        withUnsafeBytes(of: UInt16(path.bytes.count)) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: time.seconds) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: time.nanoseconds) { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: path.bytes)
    }

    /// In the order they were added, so that of several for one path the last counts.
    func forEach(_ body: (BytePath, FileStatus.Time) throws -> Void) throws {
        try bytes.withUnsafeBytes { all in
            var offset = 0
            while offset < all.count {
                let length = Int(all.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
                let seconds = all.loadUnaligned(fromByteOffset: offset + 2, as: Int64.self)
                let nanoseconds = all.loadUnaligned(fromByteOffset: offset + 10, as: UInt32.self)
                offset += 14
                try body(BytePath(all[offset..<offset + length]), .init(seconds: seconds, nanoseconds: nanoseconds))
                offset += length
            }
        }
    }
}
