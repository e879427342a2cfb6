import APIModel
import Basics
import Kernel
import Reactor
import Supervision

extension Container {
    /// The container's init has ended, and everything it left is gone.
    func ended(_ exit: ExitRecord) async {
        // First of all: who hears of the end may start it again, or want its ports.
        isEnding = true
        await leaveNetworks()
        let ran = exit.finished - (state.startedAt?.nanosecondsSince1970 ?? exit.finished)
        lastLink = link
        link = nil
        pidfd = nil
        stopHealthChecks()
        state.pid = 0
        state.exitCode = exit.exitCode
        state.oomKilled = exit.oomKilled
        state.error = exit.error ?? ""
        state.finishedAt = Timestamp(nanosecondsSince1970: exit.finished)
        endExecs()
        SharedMemory.unmount(runFiles.directory)
        if exit.oomKilled { publish("oom") }
        publish("die", ["exitCode": "\(exit.exitCode)", "execDuration": "\(max(0, ran) / 1_000_000_000)"])
        for endpoint in network.endpoints { engine.publish("disconnect", endpoint) }
        network = Place()

        let policy = record.hostConfig.restartPolicy
        endings.runs += 1
        let decision = RestartDecision(
            policy: policy.name, maximumRetries: policy.maximumRetryCount, exitCode: exit.exitCode,
            stoppedByUser: state.stoppedByUser || stopping, restarts: state.restartCount, lastDelay: lastDelay, ran: ran
        )
        if let delay = decision.delay {
            state.status = .restarting
            state.restartCount += 1
            lastDelay = delay
            persist()
            // Who waits for an end, or is attached, is served until the end of a run, as Docker has it.
            wakeWaiters()
            wakeOutputListeners()
            restartTask = Task { await self.startAgain(after: delay) }
        } else {
            state.status = .exited
            if record.hostConfig.autoRemove {
                // What is written next is that it is being removed. Until then the file tells of its end.
                finished()
                return await removeIfAutomatic(atItsEnd: true)
            }
            persist()
            finished()
            // The record is in the database now; the file has done its work.
            _ = try? Sys.unlink(runFiles.exit)
        }
    }

    /// Goes on waiting for the next start, when the daemon starts.
    func resumeRestarting() {
        lastDelay = RestartDecision.firstDelay
        restartTask = Task { await self.startAgain(after: RestartDecision.firstDelay) }
    }

    private func startAgain(after delay: Int64) async {
        do {
            try await engine.loop.sleep(nanoseconds: delay)
        } catch {
            return  // Stopped, removed, or started by hand meanwhile.
        }
        var failed = false
        await gate.run {
            guard state.status == .restarting, !Task.isCancelled else { return }
            do {
                try await launch()
            } catch {
                logger.warn("cannot start it again: \(error)")
                state.error = "\(error)"
                state.exitCode = (error as? LaunchError)?.exitCode ?? 128
                failed = true
            }
        }
        // As if it had started and ended at once: the policy decides again, with a longer delay.
        if failed {
            let now = Clock.realtime()
            await ended(ExitRecord(pid: 0, exitCode: state.exitCode, started: now, finished: now, error: state.error))
        }
    }

    /// The end that is not followed by another start: who waited for it hears of it.
    func finished() {
        endings.final += 1
        wakeWaiters()
        wakeOutputListeners()
    }

    /// `--rm`: the end of the container is the end of everything of it.
    func removeIfAutomatic(atItsEnd: Bool = false) async {
        guard record.hostConfig.autoRemove, state.status != .removing else { return }
        do {
            try await engine.remove(self, volumes: true, atItsEnd: atItsEnd)
        } catch {
            logger.error("cannot remove it after its end: \(error)")
        }
    }
}

extension ExitRecord {
    /// Of a container whose monitor vanished without a word, and the container with it.
    static func lost(pid: Int32) -> ExitRecord {
        let now = Clock.realtime()
        return ExitRecord(
            pid: pid, exitCode: 255, started: 0, finished: now,
            error: "the container's monitor ended without telling how the container did")
    }
}
