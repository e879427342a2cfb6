import APIModel
import Basics
import Cgroups
import Glibc
import Kernel
import Reactor

extension Container {
    /// Sends the stop signal, waits, then SIGKILL. Throws `notModified` when it does not run.
    ///
    /// - Parameters:
    ///   - timeout: seconds to wait; nil for the container's own, negative for ever.
    ///   - signal: instead of the container's stop signal.
    package func stop(timeout: Int?, signal: String?) async throws {
        let number = try SignalName.number(signal ?? stopSignal)
        if await stopRestarting() { return publish("stop") }
        guard state.isUp, let pidfd else {
            throw EngineError(.notModified, "container \(record.name) is not running")
        }
        stopping = true
        state.stoppedByUser = true
        persist()
        publish("kill", ["signal": "\(number)"])
        try Processes.signal(pidfd.descriptor, number)
        // A frozen process gets no signal until it is thawed.
        if state.status == .paused { try await unpause() }
        let seconds = timeout ?? record.config.stopTimeout ?? 10
        let limit: Int64? = seconds < 0 ? nil : Int64(seconds) * 1_000_000_000
        let ended = try await engine.loop.withTimeout(nanoseconds: limit) { [loop = engine.loop] in
            try await loop.processExit(pidfd)
            return true
        }
        if ended == nil {
            publish("kill", ["signal": "9"])
            try Processes.signal(pidfd.descriptor, SIGKILL)
        }
        _ = try await wait(for: .notRunning)
        publish("stop")
    }

    /// Kills it, however it is, and returns when it has ended. Throws `notModified` when it does not run.
    func killForGood() async throws {
        if await stopRestarting() { return }
        guard state.isUp else { throw EngineError(.notModified, "container \(record.name) is not running") }
        stopping = true
        let ending = ending(.notRunning)
        do { try await kill("SIGKILL") } catch let error as EngineError where error.kind == .conflict {
            // It has just ended by itself.
        }
        for await _ in ending {}
    }

    /// Ends the wait for the next start. False when the container does not wait for one: perhaps it has just begun.
    private func stopRestarting() async -> Bool {
        guard state.status == .restarting else { return false }
        return await gate.run {
            guard state.status == .restarting else { return false }
            restartTask?.cancel()
            restartTask = nil
            state.status = .exited
            state.stoppedByUser = true
            persist()
            finished()
            return true
        }
    }

    private var stopSignal: String {
        let own = record.config.stopSignal ?? ""
        return own.isEmpty ? "SIGTERM" : own
    }

    /// Sends a signal to the container's init. After SIGKILL it has ended when this returns.
    package func kill(_ signal: String) async throws {
        let number = try SignalName.number(signal)
        guard state.isUp, let pidfd else { throw EngineError.notRunning(record.id) }
        if number == SIGKILL || number == (try? SignalName.number(stopSignal)) {
            state.stoppedByUser = true
            persist()
        }
        guard try Processes.signal(pidfd.descriptor, number) else { throw EngineError.notRunning(record.id) }
        if state.status == .paused, number == SIGKILL {
            // Version 2 of cgroups lets the killed die frozen: then it may have ended before it could be thawed.
            do { try await unpause() } catch { if state.isUp { throw error } }
        }
        publish("kill", ["signal": "\(number)"])
        guard number == SIGKILL else { return }
        // As Docker: who kills and starts again must not find it running still.
        let ended = try await engine.loop.withTimeout(nanoseconds: Self.killLimit) { [self] in
            try await wait(for: .notRunning)
        }
        if ended == nil {
            throw EngineError(
                .failed,
                "container \(record.name) was sent SIGKILL but has not ended within 10 s: "
                    + "its process (\(state.pid)) is stuck in the kernel")
        }
    }

    private static let killLimit: Int64 = 10_000_000_000

    package func restart(timeout: Int?, signal: String?) async throws {
        do {
            // Of an --rm container, the end between its two lives is not its end.
            try await withoutAutomaticRemoval { try await stop(timeout: timeout, signal: signal) }
        } catch let error as EngineError where error.kind == .notModified {
        }
        try await start()
        publish("restart")
    }

    private func withoutAutomaticRemoval(_ body: () async throws -> Void) async throws {
        let automatic = record.hostConfig.autoRemove
        record.hostConfig.autoRemove = false
        defer { record.hostConfig.autoRemove = automatic }
        try await body()
    }

    package func pause() async throws {
        try await gate.run {
            guard state.isUp else { throw EngineError.notRunning(record.id) }
            guard state.status != .paused else {
                throw EngineError(.conflict, "container \(record.id) is already paused")
            }
            pauses += 1
            try await freeze(true)
            guard state.isUp else { throw EngineError.notRunning(record.id) }
            state.status = .paused
            persist()
            publish("pause")
        }
    }

    package func unpause() async throws {
        try await gate.run {
            guard state.status == .paused else {
                throw EngineError(.conflict, "container \(record.id) is not paused")
            }
            try await freeze(false)
            // Who was killed while frozen has ended by now, perhaps: then this is no start.
            guard state.status == .paused else { return }
            state.status = .running
            persist()
            publish("unpause")
        }
    }

    /// Freezes or thaws all processes. Frozen means: each of them, when this returns.
    func freeze(_ on: Bool) async throws {
        let cgroup = try engine.cgroups.cgroup(cgroupPath)
        try await engine.pool.run { if on { try cgroup.freeze() } else { try cgroup.thaw() } }
    }
}
