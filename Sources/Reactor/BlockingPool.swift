import Basics
import Kernel

/// Threads of our own for work that blocks: mounts, copies, fsync, SQLite, archives. Swift's own threads are as
/// few as there are processors, and a blocked one stops everybody.
package final class BlockingPool: Sendable {
    private struct State {
        var jobs: [@Sendable () -> Void] = []
        /// Jobs taken from the front; thrown out together now and then.
        var taken = 0
        var threads = 0
        var idle = 0
        var pending: Int { jobs.count - taken }

        mutating func take() -> (@Sendable () -> Void)? {
            guard taken < jobs.count else { return nil }
            let job = jobs[taken]
            jobs[taken] = {}
            taken += 1
            if taken == jobs.count || taken > 1024 {
                jobs.removeFirst(taken)
                taken = 0
            }
            return job
        }
    }

    private let name: String
    private let limit: Int
    private let idleNanoseconds: Int64
    private let state = Condition(State())

    /// At most `limit` threads, made when needed; one that was idle for `idleSeconds` ends.
    package init(name: String = "blocking", limit: Int = 64, idleSeconds: Int = 10) {
        self.name = name
        self.limit = limit
        idleNanoseconds = Int64(idleSeconds) * 1_000_000_000
    }

    /// Runs `body` on a thread of the pool and returns what it returns. Not cancelled with the task: what blocks
    /// cannot be.
    package func run<Value: Sendable, Failure: Error>(
        _ body: @escaping @Sendable () throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let result: Result<Value, Failure> = await withCheckedContinuation { waiting in
            submit { waiting.resume(returning: Result { () throws(Failure) in try body() }) }
        }
        return try result.get()
    }

    /// Runs `job` some time, and nobody waits for it.
    package func submit(_ job: @escaping @Sendable () -> Void) {
        let needsThread = state.withLock { state in
            state.jobs.append(job)
            guard state.pending > state.idle, state.threads < limit else { return false }
            state.threads += 1
            return true
        }
        state.signal()
        if needsThread { startThread() }
    }

    private func startThread() {
        do { try Thread.start(name: name) { self.work() } } catch {
            let left = state.withLock { state in
                state.threads -= 1
                return state.threads
            }
            // The other threads will come to it. With none there is nobody, and the caller's own thread must do.
            if left == 0, let job = state.withLock({ $0.take() }) { job() }
        }
    }

    private func work() {
        while true {
            state.withLock { $0.idle += 1 }
            let job = state.wait(nanoseconds: idleNanoseconds) { $0.take() }
            let ended = state.withLock { state in
                state.idle -= 1
                // A job may have come between the time-out and here.
                guard job == nil, state.pending == 0 else { return false }
                state.threads -= 1
                return true
            }
            job?()
            if ended { return }
        }
    }

    /// Threads that there are now: for tests and diagnosis.
    package var threads: Int { state.withLock { $0.threads } }
}
