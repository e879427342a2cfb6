import CLinux
import Glibc

/// Processes: starting, waiting, signalling, and what a process may.
package enum Processes {
    /// How a process ended, as a shell counts: its exit code, or 128 + the signal that killed it.
    package struct Exit: Sendable, Equatable {
        package let pid: Int32
        package let code: Int32
    }

    /// How many processors there are for processes to run on, at least 1.
    package static var processors: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

    /// fork(2): 0 in the child. Only in a process that has one thread; the child of any other may not run Swift.
    package static func fork() throws(SyscallError) -> Int32 { try check("fork") { Glibc.fork() } }

    package static func openPid(_ pid: Int32) throws(SyscallError) -> FileDescriptor {
        FileDescriptor(owning: try check("pidfd_open", "\(pid)") { box_pidfd_open(pid, 0) })
    }

    /// pidfd_send_signal(2). False when the process is gone already.
    @discardableResult
    package static func signal(_ pidfd: borrowing FileDescriptor, _ number: Int32) throws(SyscallError) -> Bool {
        let raw = pidfd.raw
        do {
            _ = try check("pidfd_send_signal", "signal \(number)") { box_pidfd_send_signal(raw, number) }
            return true
        } catch let error where error.errno == ESRCH {
            return false
        }
    }

    @discardableResult
    package static func kill(_ pid: Int32, _ number: Int32) throws(SyscallError) -> Bool {
        do {
            _ = try check("kill", "\(pid)") { Glibc.kill(pid, number) }
            return true
        } catch let error where error.errno == ESRCH {
            return false
        }
    }

    /// Reaps the child behind a pidfd. nil with `block: false` while it runs.
    package static func wait(_ pidfd: borrowing FileDescriptor, block: Bool = true) throws(SyscallError) -> Exit? {
        var pid: Int32 = 0
        var code: Int32 = 0
        let raw = pidfd.raw
        _ = try check("waitid", "pidfd") { box_wait_pidfd(raw, block ? 0 : 1, &pid, &code) }
        return pid == 0 ? nil : Exit(pid: pid, code: code)
    }

    package static func wait(pid: Int32, block: Bool = true) throws(SyscallError) -> Exit? {
        var found: Int32 = 0
        var code: Int32 = 0
        _ = try check("waitid", "\(pid)") { box_wait_pid(pid, block ? 0 : 1, &found, &code) }
        return found == 0 ? nil : Exit(pid: found, code: code)
    }

    /// Reaps any child that has ended; nil when none has. Only for a process that owns all its children.
    package static func reapAny() -> Exit? {
        var pid: Int32 = 0
        var code: Int32 = 0
        return box_wait_any(&pid, &code) == 0 && pid != 0 ? Exit(pid: pid, code: code) : nil
    }

    // MARK: What a process is allowed, and how it looks to the kernel

    package static func becomeSubreaper() throws(SyscallError) {
        _ = try check("prctl", "PR_SET_CHILD_SUBREAPER") { box_prctl(BOX_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }
    }
    package static func setParentDeathSignal(_ number: Int32) throws(SyscallError) {
        _ = try check("prctl", "PR_SET_PDEATHSIG") { box_prctl(BOX_PR_SET_PDEATHSIG, UInt(number), 0, 0, 0) }
    }
    package static func setDumpable(_ on: Bool) throws(SyscallError) {
        _ = try check("prctl", "PR_SET_DUMPABLE") { box_prctl(BOX_PR_SET_DUMPABLE, on ? 1 : 0, 0, 0, 0) }
    }
    /// Gives back memory that is free, and instructions, which come back from the program's file when they are needed:
    /// after something large.
    package static func trimMemory() { box_trim_memory() }
    /// As `trimMemory`, and what deeper calls left on the stack: for a process of one thread, before a long wait.
    package static func releaseMemory() { box_release_memory() }
    package static func setNoNewPrivileges() throws(SyscallError) {
        _ = try check("prctl", "PR_SET_NO_NEW_PRIVS") { box_prctl(BOX_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }
    }
    package static func keepCapabilities(_ on: Bool) throws(SyscallError) {
        _ = try check("prctl", "PR_SET_KEEPCAPS") { box_prctl(BOX_PR_SET_KEEPCAPS, on ? 1 : 0, 0, 0, 0) }
    }
    package static func setName(_ name: String) {
        _ = name.withCString { box_prctl(BOX_PR_SET_NAME, UInt(bitPattern: $0), 0, 0, 0) }
    }

    /// What ps(1) shows as the process's arguments. There is room for as much as the program was executed with; what
    /// goes beyond that is cut off.
    package static func showArguments(_ arguments: [String]) {
        let all = UnsafeBufferPointer(start: CommandLine.unsafeArgv, count: Int(CommandLine.argc))
        guard let first = all.first ?? nil, let last = all.last ?? nil else { return }
        // The kernel puts them into one piece of memory, each with a NUL behind it.
        let room = UnsafeMutableRawBufferPointer(start: first, count: last + strlen(last) - first)
        var text: [UInt8] = []
        for argument in arguments { text += Array(argument.utf8) + [0] }
        for index in room.indices { room[index] = index < text.count ? text[index] : 0 }
    }

    /// Sets of capabilities, bit n for capability number n of capabilities(7).
    package struct Capabilities: Sendable, Equatable {
        package var effective: UInt64
        package var permitted: UInt64
        package var inheritable: UInt64
        package init(effective: UInt64, permitted: UInt64, inheritable: UInt64) {
            self.effective = effective
            self.permitted = permitted
            self.inheritable = inheritable
        }
    }
    package static func capabilities() throws(SyscallError) -> Capabilities {
        var c = Capabilities(effective: 0, permitted: 0, inheritable: 0)
        _ = try check("capget") { box_capget(&c.effective, &c.permitted, &c.inheritable) }
        return c
    }
    package static func setCapabilities(_ c: Capabilities) throws(SyscallError) {
        _ = try check("capset") { box_capset(c.effective, c.permitted, c.inheritable) }
    }
    /// nil when this kernel does not know the capability.
    package static func isInBoundingSet(_ capability: Int) -> Bool? {
        switch box_prctl(BOX_PR_CAPBSET_READ, UInt(capability), 0, 0, 0) {
        case 0: false
        case 1: true
        default: nil
        }
    }
    package static func dropFromBoundingSet(_ capability: Int) throws(SyscallError) {
        _ = try check("prctl", "PR_CAPBSET_DROP \(capability)") {
            box_prctl(BOX_PR_CAPBSET_DROP, UInt(capability), 0, 0, 0)
        }
    }
    package static func clearAmbientCapabilities() throws(SyscallError) {
        _ = try check("prctl", "PR_CAP_AMBIENT") {
            box_prctl(BOX_PR_CAP_AMBIENT, UInt(BOX_PR_CAP_AMBIENT_CLEAR_ALL), 0, 0, 0)
        }
    }
    package static func raiseAmbientCapability(_ capability: Int) throws(SyscallError) {
        _ = try check("prctl", "PR_CAP_AMBIENT \(capability)") {
            box_prctl(BOX_PR_CAP_AMBIENT, UInt(BOX_PR_CAP_AMBIENT_RAISE), UInt(capability), 0, 0)
        }
    }

    /// Real, effective and saved ids at once; of the calling thread.
    package static func setUser(_ uid: UInt32) throws(SyscallError) {
        _ = try check("setresuid", "\(uid)") { box_setresuid(uid) }
    }
    package static func setGroup(_ gid: UInt32) throws(SyscallError) {
        _ = try check("setresgid", "\(gid)") { box_setresgid(gid) }
    }
    package static func setGroups(_ gids: [UInt32]) throws(SyscallError) {
        _ = try check("setgroups", "\(gids.count) groups") { box_setgroups(gids.count, gids) }
    }

    /// prlimit(2) of the calling process; `resource` is the kernel's RLIMIT number.
    package static func setLimit(_ resource: Int32, soft: UInt64, hard: UInt64) throws(SyscallError) {
        _ = try check("prlimit", "resource \(resource)") { box_prlimit(0, resource, [soft, hard], nil) }
    }
    package static func limit(_ resource: Int32) throws(SyscallError) -> (soft: UInt64, hard: UInt64) {
        var pair: [UInt64] = [0, 0]
        _ = try check("prlimit", "resource \(resource)") { box_prlimit(0, resource, nil, &pair) }
        return (pair[0], pair[1])
    }

    package static func setHostname(_ name: String) throws(SyscallError) {
        _ = try check("sethostname", name) { sethostname(name, name.utf8.count) }
    }
    package static func setDomainname(_ name: String) throws(SyscallError) {
        _ = try check("setdomainname", name) { box_setdomainname(name, name.utf8.count) }
    }
    package static func joinNewSessionKeyring(_ name: String) throws(SyscallError) {
        _ = try check("keyctl", "JOIN_SESSION_KEYRING") { box_join_session_keyring(name) }
    }
    /// Installs a compiled seccomp program: `struct sock_filter`s, 8 bytes each.
    package static func installSeccompFilter(_ program: [UInt8], flags: UInt32 = 0) throws(SyscallError) {
        precondition(program.count % 8 == 0 && program.count / 8 <= Int(UInt16.max))
        _ = try check("seccomp", "\(program.count / 8) instructions") {
            box_seccomp_filter(program, UInt16(program.count / 8), flags)
        }
    }
    package static func setPersonality(_ persona: UInt) throws(SyscallError) {
        _ = try check("personality") { box_personality(persona) }
    }
    package static func setAffinity(_ mask: [UInt8]) throws(SyscallError) {
        _ = try check("sched_setaffinity") { box_sched_setaffinity(0, mask, mask.count) }
    }
    package static func setIOPriority(_ value: Int32) throws(SyscallError) {
        _ = try check("ioprio_set") { box_ioprio_set(1, 0, value) }
    }

    /// Closes (or marks close-on-exec) every descriptor from `first` on.
    package static func closeDescriptors(from first: Int32, onExec: Bool = false) throws(SyscallError) {
        _ = try check("close_range") { box_close_range(UInt32(first), UInt32.max, onExec ? 4 : 0) }
    }
    package static func duplicate(_ fd: Int32, onto target: Int32, closeOnExec: Bool = false) throws(SyscallError) {
        if fd == target {
            _ = try check("fcntl", "F_SETFD") { fcntl(fd, F_SETFD, closeOnExec ? FD_CLOEXEC : 0) }
        } else {
            _ = try check("dup3", "\(fd) -> \(target)") { box_dup3(fd, target, closeOnExec ? O_CLOEXEC : 0) }
        }
    }

    /// execve(2); returns only to throw. `path` must hold a slash.
    package static func execute(_ path: String, _ arguments: [String], environment: [String]) throws(SyscallError) {
        let outcome: Result<Int32, SyscallError> = withCStringArray(arguments) { argv in
            withCStringArray(environment) { envp in
                Result { () throws(SyscallError) in try check("execve", path) { box_execve(path, argv, envp) } }
            }
        }
        _ = try outcome.get()
    }
}

/// Calls `body` with a NULL-terminated array of C strings, freed after.
func withCStringArray<Value>(_ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Value)
    -> Value
{
    var pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) }
    defer { for pointer in pointers { free(pointer) } }
    pointers.append(nil)
    return pointers.withUnsafeBufferPointer { buffer in
        guard let base = buffer.baseAddress else { preconditionFailure("an array with an element has a base") }
        return body(base)
    }
}
