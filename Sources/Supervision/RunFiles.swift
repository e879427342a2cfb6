package import Kernel
import Glibc

/// The names in a container's run directory: where its monitor and the daemon meet.
package struct RunFiles: Sendable, Hashable {
    package let directory: String
    package init(directory: String) { self.directory = directory }

    /// The `ExitRecord` of the last run.
    package var exit: String { directory + "/exit" }
    /// The `ProcessIdentity` of the container's first process, while it runs.
    package var pid: String { directory + "/pid" }
    /// The `ResolverFile` of its name server.
    package var resolver: String { directory + "/resolver" }
    package var socketName: String { "monitor.sock" }
    /// Where the monitor listens, for `MonitorChannel`.
    package var socket: String { directory + "/" + socketName }
}

/// A process that will not be mistaken for another with the same number later: its start time is part of it.
package struct ProcessIdentity: Sendable, Hashable {
    package var pid: Int32
    /// Clock ticks since boot: field 22 of proc_pid_stat(5).
    package var startTime: UInt64

    package init(pid: Int32, startTime: UInt64) {
        self.pid = pid
        self.startTime = startTime
    }

    /// Of a process that is there now (a zombie counts); nil when there is none.
    package init?(ofRunning pid: Int32) {
        guard let text = try? Sys.readText("/proc/\(pid)/stat") else { return nil }
        // The second field is the program's name in parentheses and may hold anything.
        guard let name = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: name)...].split(separator: " ")
        guard fields.count > 19, let start = UInt64(fields[19]) else { return nil }
        self.init(pid: pid, startTime: start)
    }

    package init?(parsing text: String) {
        let parts = text.split(whereSeparator: \.isWhitespace)
        guard parts.count == 2, let pid = Int32(parts[0]), pid > 0, let start = UInt64(parts[1]) else { return nil }
        self.init(pid: pid, startTime: start)
    }

    package var encoded: String { "\(pid) \(startTime)\n" }

    /// Whether this very process is still there (a zombie counts).
    package var isThere: Bool { ProcessIdentity(ofRunning: pid) == self }

    /// A pidfd of this very process; nil when it is gone.
    package func open() throws(SyscallError) -> FileDescriptor? {
        do {
            let pidfd = try Processes.openPid(pid)
            // In this order: what the descriptor is open on cannot become another process any more.
            guard isThere else { return nil }
            return pidfd
        } catch let error where error.errno == ESRCH || error.errno == EINVAL {
            return nil
        }
    }

    package func write(_ path: String) throws(SyscallError) { try Sys.replaceFile(path, encoded.utf8) }

    /// nil when there is no such file, or none of ours.
    package static func read(_ path: String) throws(SyscallError) -> ProcessIdentity? {
        do {
            return ProcessIdentity(parsing: String(decoding: try Sys.readFile(path, limit: 4096), as: UTF8.self))
        } catch let error where error.errno == ENOENT {
            return nil
        }
    }
}
