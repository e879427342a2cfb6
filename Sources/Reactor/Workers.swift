import CExecutor
package import Kernel
import Synchronization

/// The threads that run a daemon's async code, in place of libdispatch's: each takes what is ready to run, and waits in
/// the event loop when nothing is.
///
/// What an event makes ready runs on the thread that heard of it, and what blocks for a moment runs where it is asked
/// for as long as others wait for events. With threads of its own for each of the three, a container's life was a
/// hundred switches between them, half of them an interrupt to a processor that slept.
package final class Workers: Sendable {
    private struct State {
        var jobs = Queue<UInt>()
        /// Threads that wait for events, or are about to.
        var waiting = 0
        /// The bell was rung, and nobody has heard it yet.
        var isRung = false
    }

    package let loop: EventLoop
    private let bell: EventCounter
    private let state = Mutex(State())
    /// Jobs that a thread runs before it looks for events again.
    private static let jobsInARow = 32
    /// So many jobs may wait for a worker that made them ready. It comes to them as soon as it is done with what it is
    /// at, mostly within microseconds; to wake another takes 50, and as long again until that has started.
    private static let patience = 4
    /// So many threads always hear of events, whatever the others are held up by.
    private static let reserve = 2

    /// Takes over the process' async code; once, before any of it runs. Lives as long as the process.
    ///
    /// - Parameter parallel: how much may run at once: the processors.
    package static func install(parallel: Int) throws(SyscallError) -> Workers {
        let workers = try Workers()
        box_executor_install(
            { context, job in
                guard let context else { return }
                Unmanaged<Workers>.fromOpaque(context)._withUnsafeGuaranteedRef { $0.enqueue(job) }
            }, Unmanaged.passRetained(workers).toOpaque())
        for _ in 0..<max(1, parallel) + reserve { try Thread.start(name: "worker") { workers.work() } }
        return workers
    }

    private init() throws(SyscallError) {
        loop = try EventLoop(tended: ())
        bell = try EventCounter()
        try loop.addBell(bell)
    }

    // MARK: Jobs

    private func enqueue(_ job: UInt) {
        let patience = box_thread_is_marked() ? Self.patience : 0
        let rings = state.withLock { state in
            state.jobs.append(job)
            return Self.mustRing(&state, if: state.jobs.count > patience)
        }
        if rings { bell.signal() }
    }

    /// Whether somebody who waits has to be woken; who is told so rings.
    private static func mustRing(_ state: inout State, if thereIsMore: Bool) -> Bool {
        guard thereIsMore, state.waiting > 0, !state.isRung else { return false }
        state.isRung = true
        return true
    }

    /// Runs what blocks on the calling thread, when that is a worker and enough others wait for events.
    func runHere<Value, Failure: Error>(_ body: () throws(Failure) -> Value) throws(Failure) -> Value? {
        guard box_thread_is_marked() else { return nil }
        let (may, rings) = state.withLock { state in
            guard state.waiting >= Self.reserve else { return (false, false) }
            // It will not come to what it made ready itself soon.
            return (true, Self.mustRing(&state, if: !state.jobs.isEmpty))
        }
        if rings { bell.signal() }
        guard may else { return nil }
        box_thread_mark(false)
        defer { box_thread_mark(true) }
        return try body()
    }

    // MARK: The threads

    private enum Turn {
        case run(UInt)
        case waitForEvents
        case lookForEvents
    }

    private func work() {
        box_thread_mark(true)
        var inARow = 0
        while true {
            switch nextTurn(after: inARow) {
            case .run(let job):
                box_executor_run(job)
                inARow += 1
            case .waitForEvents:
                loop.turn { heardBell in wokenUp(fromWaiting: true, heardBell) }
                inARow = 0
            case .lookForEvents:
                loop.turn(timeout: 0) { heardBell in wokenUp(fromWaiting: false, heardBell) }
                inARow = 0
            }
        }
    }

    private func nextTurn(after inARow: Int) -> Turn {
        state.withLock { state in
            if inARow >= Self.jobsInARow { return .lookForEvents }
            if let job = state.jobs.popFirst() { return .run(job) }
            state.waiting += 1
            return .waitForEvents
        }
    }

    private func wokenUp(fromWaiting waited: Bool, _ heardBell: Bool) {
        let rings = state.withLock { state in
            if waited { state.waiting -= 1 }
            if heardBell { state.isRung = false }
            return Self.mustRing(&state, if: state.jobs.count > Self.patience)
        }
        if rings { bell.signal() }
    }
}
