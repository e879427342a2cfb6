import Glibc

/// inotify(7), non-blocking: tells which watched directories changed.
package struct Inotify: ~Copyable, Sendable {
    package struct Mask: OptionSet, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        package static let modified = Mask(rawValue: 0x0002)
        package static let movedFrom = Mask(rawValue: 0x0040)
        package static let movedTo = Mask(rawValue: 0x0080)
        package static let created = Mask(rawValue: 0x0100)
        package static let deleted = Mask(rawValue: 0x0200)
        package static let selfDeleted = Mask(rawValue: 0x0400)
        /// Events were lost; of every watch at once.
        package static let overflow = Mask(rawValue: 0x4000)
        /// The watch is gone: removed, or its directory was.
        package static let ignored = Mask(rawValue: 0x8000)
        /// Fails (`ENOTDIR`) for what is not a directory.
        package static let onlyDirectory = Mask(rawValue: 0x0100_0000)
    }

    package struct Event: Sendable {
        /// What `add` returned; -1 for an overflow.
        package let watch: Int32
        package let mask: Mask
    }

    package let descriptor: FileDescriptor

    package init() throws(SyscallError) {
        descriptor = FileDescriptor(owning: try check("inotify_init1") { inotify_init1(O_CLOEXEC | O_NONBLOCK) })
    }

    /// Watches the object at `path`. The same object gives the same number, and the last mask wins.
    package func add(_ path: String, _ mask: Mask) throws(SyscallError) -> Int32 {
        try check("inotify_add_watch", path) { inotify_add_watch(descriptor.raw, path, mask.rawValue) }
    }

    /// Fine when the watch is gone already.
    package func remove(_ watch: Int32) { _ = inotify_rm_watch(descriptor.raw, watch) }

    /// What is waiting, at most 16 KiB of it; nothing when nothing is.
    package func read() throws(SyscallError) -> [Event] {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16384, alignment: 8)
        defer { buffer.deallocate() }
        guard let count = try descriptor.read(into: buffer) else { return [] }
        var events: [Event] = []
        var offset = 0
        // struct inotify_event: s32 wd, u32 mask, u32 cookie, u32 length, char name[length].
        while offset + 16 <= count {
            events.append(
                Event(
                    watch: buffer.loadUnaligned(fromByteOffset: offset, as: Int32.self),
                    mask: Mask(rawValue: buffer.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self))))
            offset += 16 + Int(buffer.loadUnaligned(fromByteOffset: offset + 12, as: UInt32.self))
        }
        return events
    }
}
