import Basics
package import Kernel
import Synchronization

/// A wait that was given a time-out, and reached it.
package struct TimedOut: Error, CustomStringConvertible {
    package var description: String { "timed out" }
}

/// Readiness for async code: threads in epoll(7) that wake tasks when a descriptor is ready, a process has ended, a
/// moment has come, or a directory has changed.
///
/// Every wait ends with `CancellationError` when its task is cancelled. The descriptor must stay open while somebody
/// waits for it: hold its owner.
package final class EventLoop: Sendable {
    private static let timerToken = UInt64.max
    private static let inotifyToken = UInt64.max - 1
    private static let bellToken = UInt64.max - 2

    private struct State {
        var waits = WaitTable()
        /// What the timer descriptor is set to.
        var timerSet = Int64.max
    }

    private let epoll: Epoll
    private let timer: TimerDescriptor
    private let state = Mutex(State())
    private let lastID = Atomic<UInt64>(0)
    let watches: WatchTable

    /// Starts a thread of its own, which lives as long as the process.
    package convenience init() throws(SyscallError) {
        try self.init(tended: ())
        try Thread.start(name: "events") { while true { self.turn() } }
    }

    /// One that somebody else calls `turn` of. A write to a closed pipe becomes an error (`EPIPE`) in the whole process,
    /// as every user of a loop needs.
    init(tended: Void) throws(SyscallError) {
        epoll = try Epoll()
        timer = try TimerDescriptor()
        watches = try WatchTable()
        Signals.ignorePipe()
        try epoll.add(timer.descriptor.raw, .read, token: Self.timerToken)
        try epoll.add(watches.descriptor, .read, token: Self.inotifyToken)
    }

    // MARK: Waiting

    package enum Readiness: Sendable {
        /// Bytes, a connection, an end, an exit.
        case readable
        case writable
        /// The other end is closed altogether; it does not matter what is still to be read.
        case closed

        var interest: Epoll.Interest {
            switch self {
            case .readable: .read
            case .writable: .write
            case .closed: []
            }
        }
    }

    /// Waits once. Throws `TimedOut` after `timeout` nanoseconds.
    package func wait(_ fd: Int32, _ readiness: Readiness, timeout: Int64? = nil) async throws {
        let id = lastID.wrappingAdd(1, ordering: .relaxed).newValue
        let deadline = timeout.map { Clock.boottime() + max(0, $0) }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { wake in
                let waiter = WaitTable.Waiter(
                    id: id, interest: readiness.interest, hasDeadline: deadline != nil, wake: wake)
                let failure: SyscallError? = state.withLock { state in
                    do throws(SyscallError) {
                        try state.waits.add(fd, waiter, deadline: deadline, epoll: epoll)
                        if deadline != nil { setTimer(&state) }
                        return nil
                    } catch {
                        return error
                    }
                }
                if let failure { return wake.resume(throwing: failure) }
                // The handler below may have run before there was something to cancel.
                if Task.isCancelled { cancel(fd, id) }
            }
        } onCancel: {
            cancel(fd, id)
        }
    }

    package func readable(_ fd: Int32) async throws { try await wait(fd, .readable) }
    package func writable(_ fd: Int32) async throws { try await wait(fd, .writable) }

    /// Waits for the process behind a pidfd to end. Does not reap it.
    package func processExit(_ pidfd: SharedDescriptor) async throws {
        try await wait(pidfd.raw, .readable)
        withExtendedLifetime(pidfd) {}
    }

    /// By the clock that goes on while the machine is suspended (`CLOCK_BOOTTIME`).
    package func sleep(nanoseconds: Int64) async throws {
        try await sleep(until: Clock.boottime() + max(0, nanoseconds))
    }

    /// `deadline` as `Clock.boottime()` counts.
    package func sleep(until deadline: Int64) async throws {
        let id = lastID.wrappingAdd(1, ordering: .relaxed).newValue
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { wake in
                state.withLock { state in
                    state.waits.sleep(id: id, until: deadline, wake)
                    setTimer(&state)
                }
                if Task.isCancelled { cancelSleep(id) }
            }
        } onCancel: {
            cancelSleep(id)
        }
    }

    /// How many descriptors and sleeps are waited for: for tests and diagnosis.
    package var waiting: Int { state.withLock { $0.waits.waiting } }

    private func cancel(_ fd: Int32, _ id: UInt64) {
        state.withLock { $0.waits.remove(fd, id: id) }?.resume(throwing: CancellationError())
    }

    private func cancelSleep(_ id: UInt64) {
        state.withLock { $0.waits.removeSleeper(id) }?.resume(throwing: CancellationError())
    }

    // MARK: The threads

    /// Waits until something is ready, and wakes who waits for it. Any number of threads may be here at once: all that
    /// they are told of the same event but once is harmless.
    ///
    /// - Parameter timeout: milliseconds; -1: none.
    /// - Parameter woken: called as soon as the wait is over, with whether the bell rang.
    func turn(timeout: Int32 = -1, woken: (Bool) -> Void = { _ in }) {
        let events: [Epoll.Event]
        do { events = try epoll.wait(timeout: timeout) } catch { preconditionFailure("\(error)") }
        woken(events.contains { $0.token == Self.bellToken })
        for event in events {
            switch event.token {
            case Self.bellToken: break
            case Self.timerToken: timerFired()
            case Self.inotifyToken: watches.deliver()
            default:
                let wakes = state.withLock { $0.waits.ready(event.ready, token: event.token, epoll: epoll) }
                for wake in wakes { wake.resume() }
            }
        }
    }

    /// Each signal of this counter ends one thread's wait; by its edges, so that nobody has to read it.
    func addBell(_ bell: borrowing EventCounter) throws(SyscallError) {
        try epoll.add(bell.descriptor.raw, [.read, .edge], token: Self.bellToken)
    }

    private func timerFired() {
        timer.drain()
        let (slept, timedOut) = state.withLock { state in
            let wakes = state.waits.due(at: Clock.boottime())
            state.timerSet = .max
            setTimer(&state)
            return wakes
        }
        for wake in slept { wake.resume() }
        for wake in timedOut { wake.resume(throwing: TimedOut()) }
    }

    private func setTimer(_ state: inout State) {
        guard let earliest = state.waits.earliestDeadline, earliest < state.timerSet else { return }
        state.timerSet = earliest
        // 0 would disarm it. Setting a valid timer of our own cannot fail.
        try? timer.set(nanoseconds: max(1, earliest - Clock.boottime()))
    }
}
