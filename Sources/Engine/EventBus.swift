package import Basics
import Kernel
import Synchronization

/// Something that happened, as `docker events` tells it.
package struct EngineEvent: Sendable {
    package enum Kind: String, Sendable { case container, image, volume, network, daemon }
    package let kind: Kind
    /// `create`, `start`, `die`, `exec_start: sh`, `health_status: healthy`, ...
    package let action: String
    package let actor: String
    package let attributes: [String: String]
    package let time: Timestamp
}

/// Hands events to whoever listens, and remembers the last ones for `events --since`.
package final class EventBus: Sendable {
    private struct State {
        var recent: [EngineEvent] = []
        var listeners: [Int: AsyncStream<EngineEvent>.Continuation] = [:]
        var next = 0
    }
    private static let remembered = 1024
    private let state = Mutex(State())

    package init() {}

    package func publish(
        _ kind: EngineEvent.Kind, _ action: String, _ actor: String, _ attributes: [String: String] = [:]
    ) {
        let event = EngineEvent(
            kind: kind, action: action, actor: actor, attributes: attributes,
            time: Timestamp(nanosecondsSince1970: Clock.realtime()))
        // Yielded under the lock: all listeners see one order. A yield never runs the listener's code.
        state.withLock { state in
            if state.recent.count >= Self.remembered { state.recent.removeFirst(Self.remembered / 4) }
            state.recent.append(event)
            for listener in state.listeners.values { listener.yield(event) }
        }
    }

    /// Those remembered since a moment, then all to come. Ends when the stream is dropped.
    /// A listener that falls 4,096 events behind loses the oldest of them.
    package func events(since: Timestamp?) -> AsyncStream<EngineEvent> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: EngineEvent.self, bufferingPolicy: .bufferingNewest(4096))
        let id = state.withLock { state in
            if let since { for event in state.recent where event.time >= since { continuation.yield(event) } }
            state.next += 1
            state.listeners[state.next] = continuation
            return state.next
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { $0.listeners[id] = nil }
        }
        return stream
    }
}
