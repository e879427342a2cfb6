import CLinux
import Glibc

/// A program of the host that is executed near containers, in a form that they cannot overwrite.
///
/// A container that gets hold of `/proc/PID/exe` of a process of ours has the host's own file (CVE-2019-5736). Reached
/// through a read-only mount that is part of no namespace, it cannot be opened for writing there, and nobody can
/// make that mount writable. No copy of the program is made, and its pages in memory stay shared.
package enum ProtectedProgram {
    /// The file at `path` through such a mount; executed as `/proc/self/fd/N`, or `/proc/PID/fd/N` by a child.
    package static func open(_ path: String) throws(SyscallError) -> FileDescriptor {
        let mount = try Mounts.cloneTree(at: Sys.currentDirectory, path, recursive: false)
        try Mounts.setAttributes(mount.raw, set: .readOnly)
        return mount
    }

    /// Whether the calling process runs from such a mount, or any other that is read-only.
    package static func isProtected() throws(SyscallError) -> Bool {
        try Sys.isOnReadOnlyMount(try Sys.open("/proc/self/exe", Sys.openPath))
    }

    /// Executes the calling process's own program anew through such a mount; returns if it runs from one already.
    package static func protectSelf(_ arguments: [String], environment: [String]) throws(SyscallError) {
        if try isProtected() { return }
        let program = try open("/proc/self/exe")
        try Processes.execute(program.procPath, arguments, environment: environment)
    }

    /// `NAME=value` of the calling process.
    package static var environment: [String] {
        var result: [String] = []
        var entry = environ
        while let text = entry.pointee {
            result.append(String(cString: text))
            entry += 1
        }
        return result
    }
}
