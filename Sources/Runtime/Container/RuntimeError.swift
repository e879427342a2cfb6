package import Kernel

/// Why a container or a process in it could not be made, started or changed.
package struct RuntimeError: Error, CustomStringConvertible, Equatable, Sendable {
    /// What was being done.
    package enum Stage: UInt8, Sendable, CaseIterable {
        case request, config, state, cgroup, namespaces, rootfs, mounts, devices, paths, sysctl, hooks
        case terminal, user, capabilities, limits, process, seccomp, workingDirectory, exec, handshake
    }

    package let stage: Stage
    /// What failed, on what, and why; without a newline.
    package let message: String
    /// 0 when no system call failed.
    package let errno: Int32
    /// The exit code that Docker's command line gives for it: 127 (no such program), 126 (a program that cannot be
    /// executed), 125 (anything else).
    package let exitCode: Int32

    package init(_ stage: Stage, _ message: String, errno: Int32 = 0, exitCode: Int32 = 125) {
        self.stage = stage
        self.message = message
        self.errno = errno
        self.exitCode = exitCode
    }

    package init(_ stage: Stage, _ what: String, _ error: SyscallError) {
        self.init(stage, "\(what): \(error)", errno: error.errno)
    }

    package var description: String { message }
}

/// Runs system calls, and says in the error what they were for.
func attempt<Value: ~Copyable>(
    _ stage: RuntimeError.Stage, _ what: @autoclosure () -> String, _ body: () throws(SyscallError) -> Value
) throws(RuntimeError) -> Value {
    do { return try body() } catch { throw RuntimeError(stage, what(), error) }
}
