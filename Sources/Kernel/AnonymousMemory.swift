import Glibc

/// Memory straight from the kernel, to which the pages can be given back while the addresses stay: for buffers
/// that are large when they are used and seldom are.
package struct AnonymousMemory: ~Copyable {
    package let bytes: UnsafeMutableRawBufferPointer

    package init(size: Int) throws(SyscallError) {
        let start = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let start, start != MAP_FAILED else { throw SyscallError("mmap", "\(size) bytes", errno: ENOMEM) }
        bytes = UnsafeMutableRawBufferPointer(start: start, count: size)
    }

    /// What was in it is zero from here on.
    package func giveBack() { _ = madvise(bytes.baseAddress, bytes.count, MADV_DONTNEED) }

    deinit { _ = munmap(bytes.baseAddress, bytes.count) }
}
