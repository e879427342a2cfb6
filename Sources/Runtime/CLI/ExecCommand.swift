import Basics
import Glibc
import Kernel
import OCI

/// `exec`
struct ExecCommand {
    let store: ContainerStore
    let log: RuntimeLog
    private var processFile: String?
    private var terminal = false
    private var user: UserSpec?
    private var groups: [UInt32] = []
    private var environment: [String] = []
    private var directory: String?
    private var capabilities: [String] = []
    private var noNewPrivileges = false
    private var detach = false
    private var pidFile: String?
    private var consoleSocket: String?
    private var preserved: Int32 = 0
    private var words: [String] = []

    init(store: ContainerStore, log: RuntimeLog, _ arguments: CommandArguments) throws(RuntimeError) {
        self.store = store
        self.log = log
        var arguments = arguments
        while let option = arguments.nextOption() {
            switch option.name {
            case "process", "p": processFile = try arguments.value(option)
            case "tty", "t": terminal = try arguments.flag(option)
            case "user", "u": user = try Self.parseUser(try arguments.value(option))
            case "additional-gids", "g":
                for text in try arguments.value(option).split(separator: ",") { groups.append(try Self.id(text)) }
            case "env", "e": environment.append(try arguments.value(option))
            case "cwd": directory = try arguments.value(option)
            case "cap", "c": capabilities.append(try arguments.value(option))
            case "no-new-privs": noNewPrivileges = try arguments.flag(option)
            case "detach", "d": detach = try arguments.flag(option)
            case "pid-file": pidFile = try arguments.value(option)
            case "console-socket": consoleSocket = try arguments.value(option)
            case "preserve-fds": preserved = try arguments.number(option)
            default: throw arguments.unknown(option)
            }
        }
        words = arguments.rest
        guard preserved <= 1024 else { throw RuntimeError(.request, "--preserve-fds is at most 1024") }
    }

    private static func id(_ text: some StringProtocol) throws(RuntimeError) -> UInt32 {
        guard text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let id = UInt32(text), id < UInt32.max else {
            throw RuntimeError(.request, "«\(text)» is no numeric id; names are not known to a runtime")
        }
        return id
    }

    private static func parseUser(_ text: String) throws(RuntimeError) -> UserSpec {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        return UserSpec(uid: try id(parts[0]), gid: parts.count == 2 ? try id(parts[1]) : 0)
    }

    func run() throws(RuntimeError) -> Int32 {
        guard let id = words.first else { throw RuntimeError(.request, "exec takes an ID and a command") }
        let record = try store.read(id)
        let status = store.status(of: record)
        guard status == .running || status == .created else {
            throw RuntimeError(.state, "cannot exec in container \(id): it is \(status.rawValue)")
        }
        let process = try process(record)
        let tty = process.terminal ?? false
        if tty && detach && consoleSocket == nil {
            throw RuntimeError(.request, "exec --detach with a terminal needs --console-socket")
        }
        let pidfd = try open(record)
        var request = ExecRequest(
            container: pidfd.raw, process: JSONWriter.bytes(of: process),
            stdio: tty ? .terminal : .descriptors(stdin: 0, stdout: 1, stderr: 2))
        request.cgroupPath = record.cgroupPath
        request.preservedDescriptors = preserved
        request.seccompProgram = try record.seccomp.map { profile throws(RuntimeError) in
            try SeccompSource.compile(profile).instructions
        }
        // The process is born into the container's pid namespace; this one stays outside.
        try attempt(.namespaces, "entering the pid namespace") { () throws(SyscallError) in
            try Namespaces.enter(pidfd.raw, .pid)
        }
        var launched = try ContainerLauncher.exec(request)
        for warning in launched.warnings { log.write(.warn, warning) }
        if let socket = consoleSocket, let master = launched.ptyMaster.take() {
            try ConsoleSocket.send(master, to: socket, name: id)
        }
        if let pidFile { try PidFile.write(launched.pid, pidFile) }
        if detach { return 0 }
        return try ForegroundProcess.wait(launched.pidfd, terminal: launched.ptyMaster.take())
    }

    private func open(_ record: ContainerRecord) throws(RuntimeError) -> FileDescriptor {
        try attempt(.state, "opening the process of container \(record.id)") {
            () throws(SyscallError) -> FileDescriptor in
            let pidfd = try Processes.openPid(record.pid)
            guard ProcessIdentity.startTime(record.pid) == record.startTime else {
                throw SyscallError("pidfd_open", "\(record.pid)", errno: ESRCH)
            }
            return pidfd
        }
    }

    private func process(_ record: ContainerRecord) throws(RuntimeError) -> ProcessSpec {
        if let processFile {
            let bytes = try attempt(.request, "reading the process") { () throws(SyscallError) in
                try Sys.readFile(processFile)
            }
            return try ContainerConfig.decode(bytes, processFile)
        }
        guard words.count > 1 else { throw RuntimeError(.request, "exec: the command is missing") }
        // Without a file the container's own process is the pattern.
        var process = record.process ?? ProcessSpec(cwd: "/")
        process.args = Array(words.dropFirst())
        process.terminal = terminal
        process.env = (process.env ?? []) + environment
        if let directory { process.cwd = directory }
        if let user { process.user = user }
        if !groups.isEmpty {
            var user = process.user ?? UserSpec()
            user.additionalGids = (user.additionalGids ?? []) + groups
            process.user = user
        }
        if noNewPrivileges { process.noNewPrivileges = true }
        if !capabilities.isEmpty {
            var sets = process.capabilities ?? CapabilitySets()
            for name in capabilities {
                sets.bounding = (sets.bounding ?? []) + [name]
                sets.effective = (sets.effective ?? []) + [name]
                sets.permitted = (sets.permitted ?? []) + [name]
            }
            process.capabilities = sets
        }
        return process
    }
}
