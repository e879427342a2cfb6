import Glibc
import Kernel

/// The same work on several things at once, on threads that end with it.
enum Parallel {
    private struct State {
        var next = 0
        var running = 0
        var error: (any Error)?
    }

    /// Calls `body` for each index below `count`, on as many threads as there are processors at most, the caller's
    /// among them. After an error nothing new is begun, and the first error is thrown when all threads are done.
    static func forEach(_ count: Int, name: String, _ body: @escaping @Sendable (Int) throws -> Void) throws {
        let state = Condition(State())
        let work: @Sendable () -> Void = {
            while let index = take(state, count) {
                do { try body(index) } catch { state.withLock { $0.error = $0.error ?? error } }
            }
        }
        let processors = Processes.processors
        // One more than processors: a layer that waits for the disk leaves its processor to another.
        for _ in 1..<max(1, min(count, processors + 1)) {
            state.withLock { $0.running += 1 }
            do {
                try Thread.start(name: name) {
                    work()
                    state.withLock { $0.running -= 1 }
                    state.broadcast()
                }
            } catch {
                // Fewer threads do the same work.
                state.withLock { $0.running -= 1 }
                break
            }
        }
        work()
        _ = state.wait { $0.running == 0 ? true : nil }
        if let error = state.withLock({ $0.error }) { throw error }
    }

    private static func take(_ state: Condition<State>, _ count: Int) -> Int? {
        state.withLock { state in
            guard state.next < count, state.error == nil else { return nil }
            defer { state.next += 1 }
            return state.next
        }
    }
}
