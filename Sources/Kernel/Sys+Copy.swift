import CLinux
import Glibc

extension Sys {
    /// Copies a file's content into an empty one: shared by reference where the file system can, else inside the
    /// kernel, else through memory. Holes stay holes.
    package static func copyContent(from source: borrowing FileDescriptor, to target: borrowing FileDescriptor)
        throws(SyscallError)
    {
        let (from, to) = (source.raw, target.raw)
        if box_ficlone(to, from) == 0 { return }
        let size = Int(try source.status().size)
        var offset = 0
        while offset < size {
            guard let data = try nextData(from, offset), data < size else { break }
            let end = min(size, try check("lseek", "fd \(from)") { lseek(from, data, 4 /* SEEK_HOLE */) })
            try copyRange(from, to, data..<end)
            offset = end
        }
        try target.truncate(to: size)
    }

    /// Where data begins at or after an offset; nil when only a hole is left.
    private static func nextData(_ fd: Int32, _ offset: Int) throws(SyscallError) -> Int? {
        do {
            return try check("lseek", "fd \(fd)") { lseek(fd, offset, 3 /* SEEK_DATA */) }
        } catch let error where error.errno == ENXIO {
            return nil
        }
    }

    private static func copyRange(_ from: Int32, _ to: Int32, _ range: Range<Int>) throws(SyscallError) {
        var (input, output) = (Int64(range.lowerBound), Int64(range.lowerBound))
        while input < range.upperBound {
            let count: Int
            do {
                count = try check("copy_file_range", "fd \(from)") {
                    box_copy_file_range(from, &input, to, &output, range.upperBound - Int(input))
                }
            } catch let error where [EXDEV, EINVAL, EOPNOTSUPP, ENOSYS].contains(error.errno) {
                return try copyThroughMemory(from, to, Int(input)..<range.upperBound)
            }
            // The file became shorter meanwhile.
            if count == 0 { return }
        }
    }

    private static func copyThroughMemory(_ from: Int32, _ to: Int32, _ range: Range<Int>) throws(SyscallError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)
        defer { buffer.deallocate() }
        var offset = range.lowerBound
        while offset < range.upperBound {
            let wanted = min(buffer.count, range.upperBound - offset)
            let count = try check("pread", "fd \(from)") { pread(from, buffer.baseAddress, wanted, offset) }
            if count == 0 { return }
            try writeAll(to, UnsafeRawBufferPointer(rebasing: buffer[..<count]), at: Int64(offset))
            offset += count
        }
    }
}
