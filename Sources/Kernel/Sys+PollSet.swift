import Glibc

extension Sys {
    /// One descriptor of a `poll(2)` of several.
    package struct PollEntry: Sendable {
        package let fd: Int32
        package let reading: Bool
        package let writing: Bool
        /// A read would not block: there are bytes, or the end, or an error.
        package fileprivate(set) var isReadable = false
        package fileprivate(set) var isWritable = false

        package init(_ fd: Int32, reading: Bool = false, writing: Bool = false) {
            self.fd = fd
            self.reading = reading
            self.writing = writing
        }
    }

    /// poll(2): false when `timeout` (milliseconds, -1: none) passed. For regular files too, which epoll(7) refuses.
    @available(*, noasync)
    package static func poll(_ entries: inout [PollEntry], timeout: Int32 = -1) throws(SyscallError) -> Bool {
        var raw = entries.map {
            pollfd(fd: $0.fd, events: Int16(($0.reading ? POLLIN : 0) | ($0.writing ? POLLOUT : 0)), revents: 0)
        }
        let count = try check("poll", "\(raw.count) descriptors") { Glibc.poll(&raw, nfds_t(raw.count), timeout) }
        let broken = Int16(POLLHUP | POLLERR | POLLNVAL)
        for (index, entry) in raw.enumerated() {
            entries[index].isReadable = entries[index].reading && entry.revents & (Int16(POLLIN) | broken) != 0
            entries[index].isWritable = entries[index].writing && entry.revents & (Int16(POLLOUT) | broken) != 0
        }
        return count > 0
    }
}
