import Synchronization

/// What the threads tell each other.
final class Board: Sendable {
    private struct State {
        var counters: [Counters]
        var running: Int
    }
    private let state: Mutex<State>
    private let stops = Atomic<Int>(0)

    init(threads: Int) {
        state = Mutex(State(counters: Array(repeating: Counters(), count: threads), running: threads))
    }

    var isToStop: Bool { stops.load(ordering: .relaxed) > 0 }
    var isToStopAtOnce: Bool { stops.load(ordering: .relaxed) > 1 }

    /// The first time: nothing new is begun. The second: what is under way is given up.
    func stop() { stops.add(1, ordering: .relaxed) }

    func publish(_ counters: Counters, from number: Int, isLast: Bool) {
        state.withLock {
            $0.counters[number] = counters
            if isLast { $0.running -= 1 }
        }
    }

    func read() -> (counters: Counters, isDone: Bool) {
        let (all, running) = state.withLock { ($0.counters, $0.running) }
        var sum = Counters()
        for one in all { sum.merge(one) }
        return (sum, running == 0)
    }
}
