import Glibc
import Kernel
import OCI

/// The last part of a new process's way, the same for a container's first and for a further one: it is inside the
/// container already, and becomes the program.
struct ProgramStart {
    let process: ProcessSpec
    let program: Program
    let credentials: Credentials
    var attributes: ProcessAttributes
    /// The container's side of its terminal.
    let terminal: SharedDescriptor?
    let stdio: ContainerStdio
    let preservedDescriptors: Int32

    /// What happens between everything being set and the program.
    struct Gate {
        /// Waits for the word to start, if it is held; may exchange the channel for another.
        var hold: (LaunchChannel) throws(RuntimeError) -> Void = { _ in }
        var dieWithParent = false
        var keepInit = false
    }

    /// Does not return: the program runs, or the error is told to whoever is at the other end of `channel` by then.
    func run(_ channel: LaunchChannel, _ gate: Gate) throws(RuntimeError) -> Never {
        try attempt(.process, "starting a session") { () throws(SyscallError) in
            // Keys of the caller's session are not the container's to see. Kernels without keyrings have none to see.
            do throws(SyscallError) { try Processes.joinNewSessionKeyring("_ses.box") } catch
                where error.errno == ENOSYS
            {}
            // Without a session of its own the program could reach the caller's terminal (CVE-2016-2779).
            try Processes.newSession()
        }
        try connectStreams(keepingTerminalFree: gate.keepInit)
        let entered = try enterWorkingDirectory()
        // Before the user changes: raising a limit needs CAP_SYS_RESOURCE.
        try ResourceLimits.apply(process.rlimits)
        Signals.resetAll()
        try attempt(.process, "closing descriptors") { () throws(SyscallError) in
            // The belt; every descriptor of ours was made close-on-exec.
            try Processes.closeDescriptors(from: 3 + preservedDescriptors, onExec: true)
            for fd in 3..<(3 + preservedDescriptors) { try Processes.duplicate(fd, onto: fd) }
        }
        var file = ""
        try credentials.apply { () throws(RuntimeError) in
            // A directory that only the user may enter, as on a network file system that does not trust root.
            if !entered { try WorkingDirectory.enter(process.cwd) }
            try WorkingDirectory.verify()
            file = try program.find()
            try gate.hold(channel)
            if gate.dieWithParent { try self.dieWithParent(channel) }
            try attributes.applyLabel()
            try channel.send(.executing)
        }
        if gate.keepInit { keepInit(channel, gate, file) }
        try program.execute(file)
    }

    private func connectStreams(keepingTerminalFree: Bool) throws(RuntimeError) {
        let (uid, fds): (UInt32, [Int32])
        uid = process.user?.uid ?? 0
        switch stdio {
        case .descriptors(let stdin, let stdout, let stderr): fds = [stdin, stdout, stderr]
        case .terminal: fds = [Int32](repeating: terminal?.raw ?? -1, count: 3)
        }
        try attempt(.process, "connecting the standard streams") { () throws(SyscallError) in
            // First out of the way, as the given numbers may be 0, 1 and 2 in another order.
            var moved: [Int32] = []
            defer { for fd in moved { _ = close(fd) } }
            for fd in fds { moved.append(try FileDescriptor.duplicate(fd, from: 3 + preservedDescriptors)) }
            for (index, fd) in moved.enumerated() {
                try Processes.duplicate(fd, onto: Int32(index))
                try Self.giveStream(Int32(index), to: uid)
            }
        }
        if stdio == .terminal && !keepingTerminalFree {
            try attempt(.terminal, "taking the terminal") { () throws(SyscallError) in try Terminal.makeControlling(0) }
        }
    }

    /// A program that is not root opens `/dev/stdout` anew, and needs to own the pipe behind it for that.
    private static func giveStream(_ fd: Int32, to uid: UInt32) throws(SyscallError) {
        guard uid != 0 else { return }
        let status = try Sys.status(of: fd)
        guard status.kind == .fifo, status.uid != uid else { return }
        do { try Sys.chown(at: fd, "", uid: uid, gid: status.gid) } catch
            where error.errno == EPERM || error.errno == EROFS
        {}
    }

    /// True when it worked; false when it may work as the user of the program.
    private func enterWorkingDirectory() throws(RuntimeError) -> Bool {
        do {
            try WorkingDirectory.enter(process.cwd)
            return true
        } catch let error where error.errno == EACCES && (process.user?.uid ?? 0) != 0 {
            return false
        }
    }

    private func dieWithParent(_ channel: LaunchChannel) throws(RuntimeError) {
        // Not earlier: changing the user clears it.
        try attempt(.process, "tying the process to its launcher") { () throws(SyscallError) in
            try Processes.setParentDeathSignal(SIGKILL)
        }
        // The launcher may have ended just before; then the signal never comes.
        guard channel.isConnected else { throw RuntimeError(.handshake, "the launcher ended") }
    }

    private func keepInit(_ channel: LaunchChannel, _ gate: Gate, _ file: String) -> Never {
        InitReaper.run(terminal: stdio == .terminal, dieWithParent: gate.dieWithParent) {
            do throws(RuntimeError) { try program.execute(file) } catch {
                try? channel.send(.failed(error))
                return error.exitCode
            }
        }
    }
}

/// `process.cwd`
enum WorkingDirectory {
    /// By openat2 and never by chdir: a path such as `/proc/self/fd/7` would lead out of the container by a
    /// descriptor that somebody left open (CVE-2024-21626).
    static func enter(_ path: String) throws(RuntimeError) {
        guard path.hasPrefix("/") else {
            throw RuntimeError(.config, "process.cwd is «\(path)», and must be absolute")
        }
        do {
            let root = RootedDirectory(try Sys.open("/", Sys.openPath | O_DIRECTORY))
            let directory = try root.open(path, Sys.openPath | O_DIRECTORY)
            try Sys.changeDirectory(directory.raw)
        } catch {
            throw RuntimeError(.workingDirectory, "changing to the working directory \(path)", error)
        }
    }

    /// The kernel says of a directory outside of the root that it is `(unreachable)`.
    static func verify() throws(RuntimeError) {
        let current = try attempt(.workingDirectory, "looking at the working directory") { () throws(SyscallError) in
            try Sys.workingDirectory()
        }
        guard current.hasPrefix("/") else {
            throw RuntimeError(.workingDirectory, "the working directory is outside of the container: \(current)")
        }
    }

    /// Makes it in the image when it is missing, as other runtimes do.
    static func make(_ path: String, in root: borrowing RootedDirectory) throws(RuntimeError) {
        do {
            _ = try root.makeDirectories(path)
        } catch let error where error.errno == EROFS || error.errno == EACCES {
            // Then entering it tells.
            return
        } catch {
            throw RuntimeError(.workingDirectory, "making the working directory \(path)", error)
        }
    }
}
