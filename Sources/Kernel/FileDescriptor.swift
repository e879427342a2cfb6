import CLinux
import Glibc

/// An open file description that is ours to close, exactly once.
///
/// Always close-on-exec: every call of this module that makes one says so to the kernel.
package struct FileDescriptor: ~Copyable, Sendable {
    /// The number, for calls that borrow it. Never close it through this.
    package let raw: Int32

    package init(owning raw: Int32) { self.raw = raw }

    deinit { _ = Glibc.close(raw) }

    /// Closes and reports what `close(2)` says: for files whose last write may fail there.
    package consuming func close() throws(SyscallError) {
        let number = raw
        discard self
        _ = try checkOnce("close", "fd \(number)") { Glibc.close(number) }
    }

    /// Gives the number away: whoever takes it closes it.
    package consuming func release() -> Int32 {
        let number = raw
        discard self
        return number
    }

    package func duplicate() throws(SyscallError) -> FileDescriptor {
        FileDescriptor(owning: try check("fcntl", "F_DUPFD_CLOEXEC") { fcntl(raw, F_DUPFD_CLOEXEC, 3) })
    }

    /// A duplicate of a raw descriptor, at `lowest` or above; raw as well, and close-on-exec.
    package static func duplicate(_ fd: Int32, from lowest: Int32) throws(SyscallError) -> Int32 {
        try check("fcntl", "F_DUPFD_CLOEXEC \(fd)") { fcntl(fd, F_DUPFD_CLOEXEC, lowest) }
    }

    /// `/proc/self/fd/N`: a path that leads to what this descriptor is open on.
    package var procPath: String { "/proc/self/fd/\(raw)" }

    package func setNonBlocking(_ on: Bool = true) throws(SyscallError) {
        let flags = try check("fcntl", "F_GETFL") { fcntl(raw, F_GETFL) }
        _ = try check("fcntl", "F_SETFL") { fcntl(raw, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) }
    }

    /// Lets a program that this process executes inherit it.
    package func setInheritable() throws(SyscallError) {
        _ = try check("fcntl", "F_SETFD") { fcntl(raw, F_SETFD, 0) }
    }
}

/// The two ends of a pipe or a socket pair. For a pipe `first` reads and `second` writes.
///
/// Taking an end makes it the caller's; what is not taken is closed with the pair.
package struct DescriptorPair: ~Copyable, Sendable {
    private var first: FileDescriptor?
    private var second: FileDescriptor?

    init(owning first: Int32, _ second: Int32) {
        self.first = FileDescriptor(owning: first)
        self.second = FileDescriptor(owning: second)
    }

    package mutating func takeFirst() -> FileDescriptor {
        guard let end = first.take() else { preconditionFailure("an end is taken once") }
        return end
    }
    package mutating func takeSecond() -> FileDescriptor {
        guard let end = second.take() else { preconditionFailure("an end is taken once") }
        return end
    }
}

/// A descriptor that several owners hold; closed with the last of them.
package final class SharedDescriptor: Sendable {
    package let descriptor: FileDescriptor
    package var raw: Int32 { descriptor.raw }
    package init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }
}

// MARK: - Reading and writing

extension FileDescriptor {
    /// One `read(2)`: the number of bytes, 0 at the end, nil when it would block.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(SyscallError) -> Int? {
        try Sys.read(raw, into: buffer)
    }

    /// One `write(2)`: the number of bytes taken, nil when it would block.
    package func write(_ buffer: UnsafeRawBufferPointer) throws(SyscallError) -> Int? {
        try Sys.write(raw, buffer)
    }

    /// Writes everything; for blocking descriptors.
    package func writeAll(_ buffer: UnsafeRawBufferPointer) throws(SyscallError) {
        var rest = buffer
        while !rest.isEmpty {
            let count = try check("write", "fd \(raw)") { Glibc.write(raw, rest.baseAddress, rest.count) }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    package func writeAll(_ bytes: some Sequence<UInt8>) throws(SyscallError) {
        let array = ContiguousArray(bytes)
        let outcome: Result<Void, SyscallError> = array.withUnsafeBytes { buffer in
            Result { () throws(SyscallError) in try writeAll(buffer) }
        }
        try outcome.get()
    }

    /// Everything up to the end, refusing more than `limit` bytes (`EFBIG`); for blocking descriptors.
    package func readAll(limit: Int = 64 << 20) throws(SyscallError) -> [UInt8] {
        var result: [UInt8] = []
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 65536, alignment: 16)
        defer { chunk.deallocate() }
        while true {
            let count = try check("read", "fd \(raw)") { Glibc.read(raw, chunk.baseAddress, chunk.count) }
            if count == 0 { return result }
            if result.count + count > limit { throw SyscallError("read", "fd \(raw)", errno: EFBIG) }
            result.append(contentsOf: chunk[..<count])
        }
    }

    /// One `pread(2)`.
    package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(SyscallError) -> Int {
        try check("pread", "fd \(raw)") { pread(raw, buffer.baseAddress, buffer.count, offset) }
    }

    package func seek(to offset: Int) throws(SyscallError) {
        _ = try check("lseek", "fd \(raw)") { lseek(raw, offset, SEEK_SET) }
    }

    package func truncate(to length: Int) throws(SyscallError) {
        _ = try check("ftruncate", "fd \(raw)") { ftruncate(raw, length) }
    }

    /// `fdatasync(2)`: the bytes are on the disk when this returns.
    package func syncData() throws(SyscallError) {
        _ = try check("fdatasync", "fd \(raw)") { fdatasync(raw) }
    }

    package func sync() throws(SyscallError) {
        _ = try check("fsync", "fd \(raw)") { fsync(raw) }
    }

    /// `syncfs(2)`: everything written so far to this descriptor's file system is on the disk when this returns.
    package func syncFileSystem() throws(SyscallError) {
        _ = try check("syncfs", "fd \(raw)") { box_syncfs(raw) }
    }

    package func status() throws(SyscallError) -> FileStatus {
        try Sys.statx(at: raw, "", flags: BOX_AT_EMPTY_PATH)
    }

    package func fileSystemStatus() throws(SyscallError) -> FileSystemStatus {
        var s = box_statfs()
        _ = try check("fstatfs", "fd \(raw)") { box_fstatfs(raw, &s) }
        return FileSystemStatus(
            type: s.type, blockSize: s.block_size, blocks: s.blocks, blocksAvailable: s.blocks_available,
            files: s.files, filesFree: s.files_free)
    }
}
