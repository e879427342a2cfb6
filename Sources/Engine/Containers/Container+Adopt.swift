import Basics
import Cgroups
import Glibc
import Kernel
import Reactor
import Supervision

extension Container {
    /// Finds out, when the daemon starts, what became of a container while there was none.
    func adopt() async {
        do {
            let (link, hello) = try await MonitorLink.connect(runFiles.socket, engine.loop)
            await adopt(link, hello)
        } catch {
            let exit = try? ExitRecord.read(runFiles.exit)
            if state.status == .restarting, exit == nil || exit?.finished == state.finishedAt?.nanosecondsSince1970 {
                // Between two runs, and the end of the last one is known.
                return resumeRestarting()
            }
            guard state.isUp || exit != nil else { return }
            await ended(await endWithoutMonitor())
        }
    }

    private func adopt(_ link: MonitorLink, _ hello: MonitorLink.Introduced) async {
        self.link = link
        pidfd = hello.pidfd
        state.pid = hello.pid
        if !state.isUp {
            // Killed between the start and its record.
            state.runs += 1
            state.startedAt = Timestamp(nanosecondsSince1970: Clock.realtime())
            state.finishedAt = nil
        }
        // Frozen, but not paused as far as anybody was told: the daemon ended in the middle of a commit or a pause, and
        // nobody else would thaw it.
        let frozen = await isFrozen
        if frozen, state.status != .paused {
            do { try await freeze(false) } catch { logger.error("cannot thaw it after a commit was cut off: \(error)") }
        }
        state.status = frozen && state.status == .paused ? .paused : .running
        persist()
        startHealthChecks()
        Task { await self.follow(link) }
    }

    private var isFrozen: Bool {
        get async {
            do {
                let cgroup = try engine.cgroups.cgroup(cgroupPath)
                return try await engine.pool.run { try cgroup.isFrozen() }
            } catch {
                logger.warn("cannot tell whether it is paused: \(error)")
                return state.status == .paused
            }
        }
    }

    /// How a container ended whose monitor is gone: as its exit record says, or, when the monitor was killed before
    /// it could write one, unknown. What a killed monitor would have taken away is taken away here, before anybody
    /// starts the container again in the same cgroup.
    func endWithoutMonitor() async -> ExitRecord {
        do {
            let cgroup = try engine.cgroups.cgroup(cgroupPath)
            try await engine.pool.run {
                // Its processes die with the monitor, but for those that it was given by other namespaces, or frozen.
                try cgroup.kill()
                try cgroup.remove()
            }
        } catch {
            logger.error("cannot clean up after its monitor: \(error)")
        }
        for path in [runFiles.pid, runFiles.socket] where Sys.exists(path) {
            do { try Sys.unlink(path) } catch { logger.warn("cannot clean up after its monitor: \(error)") }
        }
        return (try? ExitRecord.read(runFiles.exit)) ?? .lost(pid: state.pid)
    }
}
