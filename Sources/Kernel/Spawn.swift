import CLinux
import Glibc

/// A program to start from a process that has threads: boxd's one way to make a process.
package struct Spawn {
    package var path: String
    package var arguments: [String]
    package var environment: [String]
    package var directory: String?
    /// Entry i becomes descriptor i of the program; nil is /dev/null. It gets no others.
    package var descriptors: [Int32?]
    package var newSession: Bool
    /// What the program sees as its own name; nil: its path.
    package var argumentZero: String?

    /// `arguments` without the program's own name.
    package init(
        _ path: String, _ arguments: [String], environment: [String] = [], directory: String? = nil,
        descriptors: [Int32?] = [nil, nil, nil], newSession: Bool = false
    ) {
        self.path = path
        self.arguments = arguments
        self.environment = environment
        self.directory = directory
        self.descriptors = descriptors
        self.newSession = newSession
    }

    /// Returns when the program runs. Throws what execve(2) said when it does not.
    package func start() throws(SyscallError) -> SpawnedProcess {
        let fds = descriptors.map { $0 ?? -1 }
        var pidfd: Int32 = -1
        let outcome: Result<Int32, SyscallError> = withCStringArray([argumentZero ?? path] + arguments) { argv in
            withCStringArray(environment) { envp in
                path.withCString { path in
                    withOptionalCString(directory) { directory in
                        fds.withUnsafeBufferPointer { fds in
                            var request = box_spawn_request(
                                path: path, argv: argv, envp: envp, directory: directory, fds: fds.baseAddress,
                                fd_count: Int32(fds.count), new_session: newSession ? 1 : 0)
                            return Result { () throws(SyscallError) in
                                try check("spawn", String(cString: path)) { box_spawn(&request, &pidfd) }
                            }
                        }
                    }
                }
            }
        }
        let pid = try outcome.get()
        return SpawnedProcess(pid: pid, pidfd: FileDescriptor(owning: pidfd))
    }
}

private func withOptionalCString<Value>(_ string: String?, _ body: (UnsafePointer<CChar>?) -> Value) -> Value {
    guard let string else { return body(nil) }
    return string.withCString { body($0) }
}

/// A child of ours that runs, until somebody reaps it through its pidfd.
package struct SpawnedProcess: ~Copyable, Sendable {
    package let pid: Int32
    package let pidfd: FileDescriptor

    package consuming func takePidfd() -> FileDescriptor { pidfd }
}
