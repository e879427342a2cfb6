import Cgroups
import Glibc
import Kernel
import Supervision

/// What is to be done when a container's first process has ended.
final class ContainerEnding {
    private let container: SupervisedContainer
    private let cgroup: (any Cgroup)?
    private let finished = Clock.realtime()

    init(_ container: SupervisedContainer) {
        self.container = container
        do throws(CgroupError) {
            cgroup =
                try container.cgroupPath.map { (path) throws(CgroupError) in try ContainerCgroup.host().cgroup(path) }
                ?? nil
        } catch {
            Monitor.report("\(error)")
            cgroup = nil
        }
    }

    /// A container ends with its first process. With a pid namespace of its own the kernel has seen to that before it
    /// says so; in another one, what is left would go on, and keep the output open.
    func killRest() {
        do throws(CgroupError) { try cgroup?.kill() } catch { Monitor.report("\(error)") }
    }

    /// Ends a container that cannot be supervised.
    func destroy(_ options: MonitorOptions, reason: String) {
        _ = try? Processes.signal(container.pidfd, SIGKILL)
        var exit: Processes.Exit?
        // All children and not it alone: it cannot go before further processes in its pid namespace are reaped.
        for _ in 0..<1000 where exit == nil {
            while let ended = Processes.reapAny() { if ended.pid == container.pid { exit = ended } }
            if exit == nil { Clock.sleep(nanoseconds: 5_000_000) }
        }
        killRest()
        _ = record(options, exit, problem: reason)
        clean(options)
    }

    /// Writes down how it ended. What was the run's is still there, see `clean`.
    func record(_ options: MonitorOptions, _ exit: Processes.Exit?, problem: String? = nil) -> ExitRecord {
        let record = ExitRecord(
            pid: container.pid, exitCode: exit?.code ?? 255, started: container.started, finished: finished,
            oomKilled: (cgroup?.oomKills() ?? 0) > 0, error: problem)
        do throws(SyscallError) {
            try record.write(RunFiles(directory: options.runDirectory).exit)
        } catch {
            Monitor.report("recording the end of container \(options.id): \(error)")
        }
        return record
    }

    /// Removes what was the run's. The socket last: a daemon that looks for it meanwhile waits for our end.
    func clean(_ options: MonitorOptions) {
        do throws(CgroupError) {
            try cgroup?.remove()
        } catch {
            // Somebody of the host may have put a process of its own there.
            killRest()
            do throws(CgroupError) { try cgroup?.remove() } catch { Monitor.report(error.description) }
        }
        container.unmount()
        let files = RunFiles(directory: options.runDirectory)
        for path in [files.pid, files.socket] {
            do throws(SyscallError) { try Sys.unlink(path) } catch {
                // The container may be removed already, and its run directory with it.
                if !error.isNotFound { Monitor.report("after the end of container \(options.id): \(error)") }
            }
        }
    }
}
