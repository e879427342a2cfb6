import Basics
import Glibc
import Kernel

/// Removes directory trees behind the caller's back: removing one with 100,000 files takes seconds.
final class Trash: Sendable {
    private struct State {
        var waiting: [String] = []
        var isRunning = false
    }
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
        let place = "\(directory)/\(Identifier().hex)"
        do { try Sys.rename(path, place) } catch let error where error.errno == ENOENT { return }
        enqueue(place)
    }

    /// Returns when all that was discarded before is gone.
    func drain() { _ = state.wait { $0.waiting.isEmpty && !$0.isRunning ? true : nil } }

    private func enqueue(_ path: String) {
        let start = state.withLock { state in
            state.waiting.append(path)
            defer { state.isRunning = true }
            return !state.isRunning
        }
        guard start else { return }
        // Without a thread it is done here: slower, not wrong.
        do { try Thread.start(name: "trash") { self.work() } } catch { work() }
    }

    private func work() {
        while let path = next() {
            do { try Sys.removeTree(path) } catch {
                log.warn("removing \(path): \(error); it is tried again at the next start")
            }
        }
        state.broadcast()
    }

    private func next() -> String? {
        state.withLock { state in
            let path = state.waiting.popLast()
            if path == nil { state.isRunning = false }
            return path
        }
    }
}
