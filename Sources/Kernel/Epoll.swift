import CLinux
import Glibc

/// epoll(7). One thread waits; any may add and remove.
package struct Epoll: ~Copyable, Sendable {
    package struct Interest: OptionSet, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        package static let read = Interest(rawValue: BOX_EPOLLIN)
        package static let write = Interest(rawValue: BOX_EPOLLOUT)
        package static let readHangup = Interest(rawValue: BOX_EPOLLRDHUP)
        package static let oneShot = Interest(rawValue: BOX_EPOLLONESHOT)
        package static let edge = Interest(rawValue: BOX_EPOLLET)
        /// Reported whether asked for or not.
        package static let error = Interest(rawValue: BOX_EPOLLERR)
        package static let hangup = Interest(rawValue: BOX_EPOLLHUP)
    }
    package struct Event: Sendable {
        package let ready: Interest
        package let token: UInt64
    }

    package let descriptor: FileDescriptor

    package init() throws(SyscallError) {
        descriptor = FileDescriptor(owning: try check("epoll_create1") { box_epoll_create() })
    }

    package func add(_ fd: Int32, _ interest: Interest, token: UInt64) throws(SyscallError) {
        _ = try check("epoll_ctl", "add fd \(fd)") {
            box_epoll_ctl(descriptor.raw, BOX_EPOLL_CTL_ADD, fd, interest.rawValue, token)
        }
    }

    package func modify(_ fd: Int32, _ interest: Interest, token: UInt64) throws(SyscallError) {
        _ = try check("epoll_ctl", "modify fd \(fd)") {
            box_epoll_ctl(descriptor.raw, BOX_EPOLL_CTL_MOD, fd, interest.rawValue, token)
        }
    }

    package func remove(_ fd: Int32) throws(SyscallError) {
        _ = try check("epoll_ctl", "remove fd \(fd)") { box_epoll_ctl(descriptor.raw, BOX_EPOLL_CTL_DEL, fd, 0, 0) }
    }

    /// Up to 64 events; empty when `timeout` (milliseconds, -1: none) passed or a signal came.
    package func wait(timeout: Int32 = -1) throws(SyscallError) -> [Event] {
        var events = [box_epoll_event](repeating: .init(), count: 64)
        do {
            let count = try checkOnce("epoll_wait") { box_epoll_wait(descriptor.raw, &events, 64, timeout) }
            return events[..<Int(count)].map { Event(ready: Interest(rawValue: $0.events), token: $0.data) }
        } catch let error where error.errno == EINTR {
            return []
        }
    }
}

/// eventfd(2), non-blocking: wakes a thread that waits in epoll.
package struct EventCounter: ~Copyable, Sendable {
    package let descriptor: FileDescriptor
    package init() throws(SyscallError) {
        descriptor = FileDescriptor(owning: try check("eventfd") { box_eventfd(0) })
    }
    package func signal() {
        var one: UInt64 = 1
        _ = Glibc.write(descriptor.raw, &one, 8)
    }
    package func drain() {
        var value: UInt64 = 0
        _ = Glibc.read(descriptor.raw, &value, 8)
    }
}

/// A `CLOCK_BOOTTIME` timer as a descriptor, timerfd_create(2).
package struct TimerDescriptor: ~Copyable, Sendable {
    package let descriptor: FileDescriptor
    package init() throws(SyscallError) {
        descriptor = FileDescriptor(owning: try check("timerfd_create") { box_timerfd() })
    }
    /// 0 disarms.
    package func set(nanoseconds: Int64) throws(SyscallError) {
        _ = try check("timerfd_settime") { box_timerfd_set(descriptor.raw, nanoseconds) }
    }
    package func drain() {
        var value: UInt64 = 0
        _ = Glibc.read(descriptor.raw, &value, 8)
    }
}

/// Signals as a descriptor, signalfd(2); blocks them for the calling thread.
package struct SignalDescriptor: ~Copyable, Sendable {
    package let descriptor: FileDescriptor
    package init(_ signals: [Int32]) throws(SyscallError) {
        let mask = Signals.mask(signals)
        _ = try check("sigprocmask") { box_sigmask(1, mask) }
        descriptor = FileDescriptor(owning: try check("signalfd") { box_signalfd(mask) })
    }
    /// nil when none is pending.
    package func next() -> Int32? { Self.next(from: descriptor.raw) }

    /// As `next`, from a duplicate of the descriptor.
    package static func next(from fd: Int32) -> Int32? {
        let number = box_signalfd_read(fd)
        return number > 0 ? number : nil
    }
}

/// Signal masks and dispositions.
package enum Signals {
    static func mask(_ signals: [Int32]) -> UInt64 { signals.reduce(0) { $0 | 1 << UInt64($1 - 1) } }

    package static func block(_ signals: [Int32]) throws(SyscallError) {
        _ = try check("sigprocmask") { box_sigmask(1, mask(signals)) }
    }
    package static func unblock(_ signals: [Int32]) throws(SyscallError) {
        _ = try check("sigprocmask") { box_sigmask(0, mask(signals)) }
    }
    /// A write to a closed pipe is an error, not the end of the process.
    package static func ignorePipe() { _ = Glibc.signal(SIGPIPE, SIG_IGN) }
    /// The kernel reaps every child that ends; none can be waited for.
    package static func ignoreChildren() { _ = Glibc.signal(SIGCHLD, SIG_IGN) }
    /// Every disposition to its default, nothing blocked: what a program expects to be started with.
    package static func resetAll() { box_reset_signals() }
}
