import Basics
import Kernel

/// Threads for work that blocks: mounts, copies, fsync, SQLite, archives. Those of async code are few, and if all were
/// blocked, nobody would hear of anything.
package final class BlockingPool: Sendable {
    private struct State {
        var jobs = Queue<@Sendable () -> Void>()
        var threads = 0
        var idle = 0
    }

    private let name: String
    private let limit: Int
    private let idleNanoseconds: Int64
    private let workers: Workers?
    private let state = Condition(State())

    /// At most `limit` threads, made when needed; one that was idle for `idleSeconds` ends.
    ///
    /// - Parameter workers: whose threads are used before, as long as enough of them are left: for what blocks a moment.
    package init(name: String = "blocking", limit: Int = 64, idleSeconds: Int = 10, workers: Workers? = nil) {
        self.workers = workers
        self.name = name
        self.limit = limit
        idleNanoseconds = Int64(idleSeconds) * 1_000_000_000
    }

    /// Runs `body` where it may block for a moment, and returns what it returns. Not cancelled with the task: what blocks
    /// cannot be. No actor is held meanwhile.
    @concurrent
    package func run<Value: Sendable, Failure: Error>(
        _ body: @escaping @Sendable () throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        if let workers, let value = try workers.runHere(body) { return value }
        return try await runApart(body)
    }

    /// As `run`, on a thread of the pool: for what may take long.
    package func runApart<Value: Sendable, Failure: Error>(
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
            guard state.jobs.count > state.idle, state.threads < limit else { return false }
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
            if left == 0, let job = state.withLock({ $0.jobs.popFirst() }) { job() }
        }
    }

    private func work() {
        while true {
            state.withLock { $0.idle += 1 }
            let job = state.wait(nanoseconds: idleNanoseconds) { $0.jobs.popFirst() }
            let ended = state.withLock { state in
                state.idle -= 1
                // A job may have come between the time-out and here.
                guard job == nil, state.jobs.isEmpty else { return false }
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
