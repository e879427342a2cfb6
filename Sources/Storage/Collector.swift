import Kernel

/// Keeps the removal of unused layers and blobs apart from work that is adding some: what such work has found or
/// stored is used by nothing yet and would be taken for rubbish.
///
/// Additions run side by side; a sweep runs when there are none, at the latest when the last of them ends.
final class Collector: Sendable {
    private struct State {
        var additions = 0
        var isSweeping = false
    }
    private let state = Condition(State())

    /// Runs `body` with no sweep during it, and one after it: a failure leaves something, and so does an image that
    /// was here already, in other blobs.
    func add<T>(sweep: () -> Void, _ body: () throws -> T) throws -> T {
        _ = state.wait { state in
            guard !state.isSweeping else { return nil as Bool? }
            state.additions += 1
            return true
        }
        defer {
            let isLast = state.withLock { state in
                state.additions -= 1
                return state.additions == 0
            }
            if isLast {
                sweep()
                // Archives pass through buffers that nothing else needs.
                Processes.trimMemory()
            }
        }
        return try body()
    }

    /// Runs `body` now when nothing is being added and returns true; else false: the last addition sweeps.
    func sweep(_ body: () throws -> Void) rethrows -> Bool {
        let mayRun = state.wait { state in
            guard !state.isSweeping else { return nil as Bool? }
            guard state.additions == 0 else { return false }
            state.isSweeping = true
            return true
        }
        guard mayRun == true else { return false }
        defer {
            state.withLock { $0.isSweeping = false }
            state.broadcast()
        }
        try body()
        return true
    }
}
