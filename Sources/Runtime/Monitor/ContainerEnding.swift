import Cgroups
import Glibc
import Kernel
import Supervision

/// What is to be done when a container's first process has ended.
final class ContainerEnding {
    private let container: SupervisedContainer
    private let cgroup: (any Cgroup)?
    private let finished = Clock.realtime()
    private(set) var record: ExitRecord?

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
        finish(options, exit, problem: reason)
    }

    /// Removes what was the run's, and records how it ended. In this order: whoever reads the record may start the
    /// container again at once, in the same cgroup.
    func finish(_ options: MonitorOptions, _ exit: Processes.Exit?, problem: String? = nil) {
        let oomKilled = (cgroup?.oomKills() ?? 0) > 0
        var problem = problem
        do throws(CgroupError) {
            try cgroup?.remove()
        } catch {
            // Somebody of the host may have put a process of its own there.
            killRest()
            do throws(CgroupError) { try cgroup?.remove() } catch {
                problem = problem ?? error.description
                Monitor.report(error.description)
            }
        }
        let record = ExitRecord(
            pid: container.pid, exitCode: exit?.code ?? 255, started: container.started, finished: finished,
            oomKilled: oomKilled, error: problem)
        let files = RunFiles(directory: options.runDirectory)
        do throws(SyscallError) {
            try record.write(files.exit)
            try Sys.unlink(files.pid)
            try Sys.unlink(files.socket)
        } catch {
            Monitor.report("recording the end of container \(options.id): \(error)")
        }
        self.record = record
    }
}
