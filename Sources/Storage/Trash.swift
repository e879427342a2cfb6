import Basics
import Glibc
import Kernel

/// Removes directory trees behind the caller's back: removing one with 100,000 files takes seconds.
final class Trash: Sendable {
    private struct State {
        var waiting: [String] = []
        /// There is a thread.
        var isRunning = false
        var isBusy = false
        /// Who waits for it to be empty.
        var drains = 0

        mutating func take() -> String? {
            guard let path = waiting.popLast() else { return nil }
            isBusy = true
            return path
        }
    }
    /// A thread without work stays for so many nanoseconds: making one takes longer than removing a small tree.
    private static let patience: Int64 = 1_000_000_000
    /// So many nanoseconds it leaves the processors to who had something removed: an answer is on its way.
    private static let courtesy: Int64 = 5_000_000
    private let directory: String
    private let log: Logger
    private let state = Condition(State())

    /// What an earlier process left in `directory` is removed too.
    init(directory: String, log: Logger) throws {
        self.directory = directory
        self.log = log
        for entry in try Sys.list(directory) { enqueue("\(directory)/\(entry.name)") }
    }

    /// Moves a file or directory of the same file system away and removes it later. Fine when it is not there.
    func discard(_ path: String) throws(SyscallError) {
        if let place = try setAside(path) { enqueue(place) }
    }

    /// The first half of it: where it is now, for `enqueue`; nil when it was not there. It is removed at the next start
    /// at the latest.
    func setAside(_ path: String) throws(SyscallError) -> String? {
        let place = "\(directory)/\(Identifier().hex)"
        do { try Sys.rename(path, place) } catch let error where error.errno == ENOENT { return nil }
        return place
    }

    /// Returns when all that was discarded before is gone.
    func drain() {
        state.withLock { $0.drains += 1 }
        state.broadcast()
        _ = state.wait { $0.waiting.isEmpty && !$0.isBusy ? true : nil }
        state.withLock { $0.drains -= 1 }
    }

    /// Removes later what was set aside.
    func enqueue(_ path: String) {
        let start = state.withLock { state in
            state.waiting.append(path)
            defer { state.isRunning = true }
            return !state.isRunning
        }
        guard start else { return state.broadcast() }
        // Without a thread it is done here: slower, not wrong.
        do { try Thread.start(name: "trash") { self.work() } } catch { work() }
    }

    private func work() {
        while hasMore() {
            _ = state.wait(nanoseconds: Self.courtesy) { $0.drains > 0 ? true : nil }
            while let path = state.withLock({ $0.take() }) {
                do { try Sys.removeTree(path) } catch {
                    log.warn("removing \(path): \(error); it is tried again at the next start")
                }
            }
            state.withLock { $0.isBusy = false }
            state.broadcast()
        }
    }

    /// False: nothing came for a while, and the thread is none any more.
    private func hasMore() -> Bool {
        if state.wait(nanoseconds: Self.patience, until: { $0.waiting.isEmpty ? nil : true }) != nil { return true }
        // Something may have come between the time-out and here.
        return state.withLock { state in
            state.isRunning = !state.waiting.isEmpty
            return state.isRunning
        }
    }
}
