import Kernel

typealias Wake = CheckedContinuation<Void, any Error>

/// Who waits for what: descriptors, and moments. No I/O of its own except arming the descriptor it is asked to.
struct WaitTable {
    struct Waiter {
        let id: UInt64
        let interest: Epoll.Interest
        let hasDeadline: Bool
        let wake: Wake
    }
    private struct Armed {
        /// Of the last arming: an event fetched before it speaks of an older descriptor of the same number.
        var generation: UInt32
        var waiters: [Waiter]
    }

    private var descriptors: [Int32: Armed] = [:]
    private var sleepers: [UInt64: Wake] = [:]
    private var deadlines = DeadlineHeap()
    private var lastGeneration: UInt32 = 0

    var earliestDeadline: Int64? { deadlines.earliest }
    var waiting: Int { descriptors.count + sleepers.count }

    // MARK: Descriptors

    mutating func add(
        _ fd: Int32, _ waiter: Waiter, deadline: Int64?, epoll: borrowing Epoll
    ) throws(SyscallError) {
        var armed = descriptors[fd] ?? Armed(generation: 0, waiters: [])
        armed.waiters.append(waiter)
        try arm(fd, &armed, epoll)
        descriptors[fd] = armed
        if let deadline { deadlines.insert(.init(deadline: deadline, id: waiter.id, fd: fd)) }
    }

    /// The wakes of an event. Whoever waits for something else on the same descriptor is armed again.
    mutating func ready(_ ready: Epoll.Interest, token: UInt64, epoll: borrowing Epoll) -> [Wake] {
        let fd = Int32(truncatingIfNeeded: token)
        guard var armed = descriptors[fd], armed.generation == UInt32(truncatingIfNeeded: token >> 32) else {
            return []
        }
        // An error or a hang-up concerns everybody.
        let all = !ready.isDisjoint(with: [.error, .hangup])
        var wakes: [Wake] = []
        armed.waiters.removeAll { waiter in
            guard all || !waiter.interest.isDisjoint(with: ready) else { return false }
            if waiter.hasDeadline { deadlines.noteStale() }
            wakes.append(waiter.wake)
            return true
        }
        if !armed.waiters.isEmpty {
            do { try arm(fd, &armed, epoll) } catch {
                // It cannot be watched any more: reading or writing will say why.
                wakes += armed.waiters.map(\.wake)
                armed.waiters = []
            }
        }
        descriptors[fd] = armed.waiters.isEmpty ? nil : armed
        compact()
        return wakes
    }

    mutating func remove(_ fd: Int32, id: UInt64, dueNow: Bool = false) -> Wake? {
        guard var armed = descriptors[fd], let index = armed.waiters.firstIndex(where: { $0.id == id }) else {
            return nil
        }
        let waiter = armed.waiters.remove(at: index)
        // Left armed in the kernel: at worst one event that nobody waits for.
        descriptors[fd] = armed.waiters.isEmpty ? nil : armed
        if waiter.hasDeadline && !dueNow { deadlines.noteStale() }
        return waiter.wake
    }

    private mutating func arm(_ fd: Int32, _ armed: inout Armed, _ epoll: borrowing Epoll) throws(SyscallError) {
        lastGeneration &+= 1
        armed.generation = lastGeneration
        let interest = armed.waiters.reduce(into: Epoll.Interest.oneShot) { $0.formUnion($1.interest) }
        let token = UInt64(lastGeneration) << 32 | UInt64(UInt32(bitPattern: fd))
        // One-shot registrations stay until the descriptor is closed, which the kernel does not tell us.
        do { try epoll.modify(fd, interest, token: token) } catch {
            guard error.isNotFound else { throw error }
            try epoll.add(fd, interest, token: token)
        }
    }

    // MARK: Moments

    mutating func sleep(id: UInt64, until deadline: Int64, _ wake: Wake) {
        sleepers[id] = wake
        deadlines.insert(.init(deadline: deadline, id: id, fd: nil))
    }

    mutating func removeSleeper(_ id: UInt64) -> Wake? {
        guard let wake = sleepers.removeValue(forKey: id) else { return nil }
        deadlines.noteStale()
        compact()
        return wake
    }

    /// Whose sleep is over, and who waited for a descriptor in vain.
    mutating func due(at now: Int64) -> (slept: [Wake], timedOut: [Wake]) {
        var slept: [Wake] = []
        var timedOut: [Wake] = []
        while let entry = deadlines.pop(dueAt: now) {
            if let fd = entry.fd {
                if let wake = remove(fd, id: entry.id, dueNow: true) { timedOut.append(wake) }
            } else if let wake = sleepers.removeValue(forKey: entry.id) {
                slept.append(wake)
            }
        }
        return (slept, timedOut)
    }

    private mutating func compact() {
        let (descriptors, sleepers) = (descriptors, sleepers)
        deadlines.compact { entry in
            guard let fd = entry.fd else { return sleepers[entry.id] != nil }
            return descriptors[fd]?.waiters.contains { $0.id == entry.id } ?? false
        }
    }
}
