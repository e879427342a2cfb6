import Glibc

extension Sys {
    /// One `pwritev(2)` of three pieces, a record's head, body and tail, at `offset`: the number of bytes taken.
    package static func write(
        _ fd: Int32, at offset: Int, _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer,
        _ tail: UnsafeRawBufferPointer
    ) throws(SyscallError) -> Int {
        func piece(_ buffer: UnsafeRawBufferPointer) -> iovec {
            iovec(iov_base: UnsafeMutableRawPointer(mutating: buffer.baseAddress), iov_len: buffer.count)
        }
        let pieces = (piece(head), piece(body), piece(tail))
        let outcome: Result<Int, SyscallError> = withUnsafeBytes(of: pieces) { raw in
            let base = raw.assumingMemoryBound(to: iovec.self).baseAddress
            return Result { () throws(SyscallError) in
                try check("pwritev", "fd \(fd)") { pwritev(fd, base, 3, offset) }
            }
        }
        return try outcome.get()
    }
}
