import Basics
package import Kernel
import Synchronization

/// All directories watched by anybody, on one inotify descriptor.
final class WatchTable: Sendable {
    private typealias Listener = AsyncStream<Void>.Continuation
    private struct Watch {
        var listeners: [UInt64: Listener] = [:]
    }
    private struct State {
        var lastID: UInt64 = 0
        var watches: [Int32: Watch] = [:]
    }

    private let inotify: Inotify
    private let state = Mutex(State())
    var descriptor: Int32 { inotify.descriptor.raw }

    init() throws(SyscallError) { inotify = try Inotify() }

    func changes(in directory: String) throws(SyscallError) -> AsyncStream<Void> {
        // One pending wake-up says as much as a hundred.
        let (stream, listener) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        // Under the lock, or the last listener leaving at this moment would take the shared watch with it.
        let outcome: Result<(watch: Int32, id: UInt64), SyscallError> = state.withLock { state in
            Result { () throws(SyscallError) in
                let watch = try inotify.add(
                    directory, [.modified, .created, .movedTo, .deleted, .selfDeleted, .onlyDirectory])
                state.lastID += 1
                state.watches[watch, default: Watch()].listeners[state.lastID] = listener
                return (watch, state.lastID)
            }
        }
        let (watch, id) = try outcome.get()
        listener.onTermination = { [weak self] _ in self?.remove(id, from: watch) }
        return stream
    }

    private func remove(_ id: UInt64, from watch: Int32) {
        state.withLock { state in
            guard state.watches[watch]?.listeners.removeValue(forKey: id) != nil else { return }
            if state.watches[watch]?.listeners.isEmpty == true {
                state.watches[watch] = nil
                inotify.remove(watch)
            }
        }
    }

    /// Called when the descriptor is readable.
    func deliver() {
        guard let events = try? inotify.read() else { return }
        var told: Set<Int32> = []
        for event in events {
            if event.mask.contains(.overflow) {
                let all = state.withLock { state in state.watches.values.flatMap { Array($0.listeners.values) } }
                for listener in all { listener.yield() }
            } else if event.mask.contains(.ignored) {
                let gone = state.withLock { $0.watches.removeValue(forKey: event.watch) }
                for listener in (gone?.listeners ?? [:]).values { listener.finish() }
            } else if told.insert(event.watch).inserted {
                let watch = state.withLock { $0.watches[event.watch] }
                for listener in (watch?.listeners ?? [:]).values { listener.yield() }
            }
        }
    }
}

extension EventLoop {
    /// Wakes whenever something in the directory was written, made or removed: at least once after each change, with
    /// many changes in one wake-up. Ends when the directory is removed. Look at the directory *after* subscribing.
    package func changes(in directory: String) throws(SyscallError) -> AsyncStream<Void> {
        try watches.changes(in: directory)
    }
}
