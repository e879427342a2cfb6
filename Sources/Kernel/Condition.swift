import CLinux
import Glibc

/// State behind a lock that threads can wait on until it suits them. Blocks: not for async code.
///
/// `@unchecked`: the state is only reached with the pthread mutex held.
package final class Condition<State: Sendable>: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var state: State

    package init(_ state: State) {
        self.state = state
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        // The default clock jumps when somebody sets the time.
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Short work only: others wait for the lock.
    package func withLock<Value>(_ body: (inout State) -> Value) -> Value {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body(&state)
    }

    /// Wakes one waiting thread, which looks at the state again.
    package func signal() { pthread_cond_signal(condition) }

    package func broadcast() { pthread_cond_broadcast(condition) }

    /// Waits until `ready` returns something: asked at once, and again at each wake-up. nil when the time has passed.
    package func wait<Value>(nanoseconds: Int64? = nil, until ready: (inout State) -> Value?) -> Value? {
        var end = timespec()
        if let nanoseconds {
            clock_gettime(CLOCK_MONOTONIC, &end)
            let total = Int64(end.tv_nsec) + nanoseconds
            end.tv_sec += Int(total / 1_000_000_000)
            end.tv_nsec = Int(total % 1_000_000_000)
        }
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let value = ready(&state) { return value }
            if nanoseconds == nil {
                pthread_cond_wait(condition, mutex)
            } else if pthread_cond_timedwait(condition, mutex, &end) == ETIMEDOUT {
                return ready(&state)
            }
        }
    }
}
