import Deployment
import Synchronization

/// Tells whoever listens what happens to services, after it has been journalled.
package final class NewsBoard: Sendable {
    private struct State {
        var listeners: [Int: (service: String?, stream: AsyncStream<ServiceNews>.Continuation)] = [:]
        var next = 0
    }
    private let state = Mutex(State())

    package init() {}

    func post(_ news: [ServiceNews]) {
        if news.isEmpty { return }
        // Yielded under the lock: all listeners see one order. A yield never runs the listener's code.
        state.withLock { state in
            for listener in state.listeners.values {
                for one in news where listener.service == nil || listener.service == one.service {
                    listener.stream.yield(one)
                }
            }
        }
    }

    /// From now on. A listener that falls far behind loses the oldest, and can read them in the journal.
    package func listen(service: String?) -> AsyncStream<ServiceNews> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: ServiceNews.self, bufferingPolicy: .bufferingNewest(4096))
        let id = state.withLock { state in
            state.next += 1
            state.listeners[state.next] = (service, continuation)
            return state.next
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { $0.listeners[id] = nil }
        }
        return stream
    }
}
