import Basics
import Cgroups
import Glibc
import Kernel
import OCI

extension RuntimeCommand {
    private func only(_ arguments: CommandArguments) throws(RuntimeError) -> ContainerRecord {
        var arguments = arguments
        if let option = arguments.nextOption() { throw arguments.unknown(option) }
        return try store.read(try arguments.words("ID")[0])
    }

    func start(_ arguments: CommandArguments) throws(RuntimeError) {
        let record = try only(arguments)
        let status = store.status(of: record)
        guard status == .created else {
            throw RuntimeError(
                .state, "container \(record.id) is \(status.rawValue); only a created one can be started")
        }
        let connection = try StartSocket.take(store, record.id)
        try ContainerLauncher.start(connection)
        let state = Self.state(of: record, .running)
        do { try HookRunner.run(record.hooks?.poststart, "poststart", state) } catch {
            // The program must not run on as if the hook had done its work.
            if let pidfd = try? Processes.openPid(record.pid) { _ = try? Processes.signal(pidfd, SIGKILL) }
            throw error
        }
    }

    func state(_ arguments: CommandArguments) throws(RuntimeError) {
        let record = try only(arguments)
        Self.printJSON(FullState(record, store.status(of: record)))
    }

    static func state(of record: ContainerRecord, _ status: ContainerStatus) -> RuntimeState {
        RuntimeState(
            ociVersion: RuntimeSpecVersion.current, id: record.id, status: status.rawValue,
            pid: status == .stopped ? nil : record.pid, bundle: record.bundle, annotations: record.annotations)
    }

    func kill(_ arguments: CommandArguments) throws(RuntimeError) {
        var arguments = arguments
        var everyProcess = false
        while let option = arguments.nextOption() {
            switch option.name {
            case "all", "a": everyProcess = try arguments.flag(option)
            default: throw arguments.unknown(option)
            }
        }
        guard (1...2).contains(arguments.rest.count) else {
            throw RuntimeError(.request, "kill takes an ID and a signal")
        }
        let number = try SignalName.number(arguments.rest.count == 2 ? arguments.rest[1] : "TERM")
        let record = try store.read(arguments.rest[0])
        let status = store.status(of: record)
        if everyProcess, let path = record.cgroupPath {
            return try ContainerCgroup.signalAll(path, number)
        }
        guard status != .stopped else {
            throw RuntimeError(.state, "container \(record.id) is not running", errno: ESRCH)
        }
        try signal(record, number)
        // A frozen process takes no signal, not even the last one, until it is thawed.
        if status == .paused, number == SIGKILL, let path = record.cgroupPath {
            try ContainerCgroup.freeze(path, false)
        }
    }

    private func signal(_ record: ContainerRecord, _ number: Int32) throws(RuntimeError) {
        do throws(SyscallError) {
            let pidfd = try Processes.openPid(record.pid)
            // Held now, so it stays the process that the time was compared of.
            guard ProcessIdentity.startTime(record.pid) == record.startTime else {
                throw SyscallError("pidfd_send_signal", "process \(record.pid)", errno: ESRCH)
            }
            try Processes.signal(pidfd, number)
        } catch {
            throw RuntimeError(.state, "sending signal \(number) to container \(record.id)", error)
        }
    }

    func delete(_ arguments: CommandArguments) throws(RuntimeError) {
        var arguments = arguments
        var force = false
        while let option = arguments.nextOption() {
            switch option.name {
            case "force", "f": force = try arguments.flag(option)
            default: throw arguments.unknown(option)
            }
        }
        let id = try arguments.words("ID")[0]
        let record: ContainerRecord
        do { record = try store.read(id) } catch let error where force && error.errno == ENOENT {
            // What a creation that was killed left behind.
            return try store.remove(id)
        }
        let status = store.status(of: record)
        if status != .stopped {
            guard force else {
                throw RuntimeError(
                    .state, "container \(id) is \(status.rawValue); stop it first, or use delete --force")
            }
            try signal(record, SIGKILL)
        }
        try Self.destroy(record, store, log)
    }

    /// Removes all that creating it made, and runs the poststop hooks.
    static func destroy(_ record: ContainerRecord, _ store: ContainerStore, _ log: RuntimeLog) throws(RuntimeError) {
        if let path = record.cgroupPath { try ContainerCgroup.destroy(path) }
        try store.remove(record.id)
        for failure in HookRunner.runAll(record.hooks?.poststop, "poststop", state(of: record, .stopped)) {
            log.write(.warn, failure.message)
        }
    }

    func freeze(_ arguments: CommandArguments, _ on: Bool) throws(RuntimeError) {
        let record = try only(arguments)
        let status = store.status(of: record)
        guard on ? status == .running || status == .created : status == .paused else {
            throw RuntimeError(
                .state, "container \(record.id) is \(status.rawValue) and cannot be \(on ? "paused" : "resumed")")
        }
        guard let path = record.cgroupPath else {
            throw RuntimeError(.state, "container \(record.id) has no cgroup of its own")
        }
        try ContainerCgroup.freeze(path, on)
    }
}

/// What `state` and `list` print: the specification's keys, and those that other runtimes add.
struct FullState: JSONWritable {
    let ociVersion: String
    let id: String
    let status: String
    let pid: Int32
    let bundle: String
    let rootfs: String
    let created: String
    let annotations: [String: String]?
    let owner = ""

    init(_ record: ContainerRecord, _ status: ContainerStatus) {
        ociVersion = RuntimeSpecVersion.current
        id = record.id
        self.status = status.rawValue
        pid = status == .stopped ? 0 : record.pid
        bundle = record.bundle
        rootfs = record.rootfs
        created = record.created
        annotations = record.annotations
    }

    func write(to json: inout JSONWriter) {
        json.object {
            $0.member("annotations", annotations)
            $0.member("bundle", bundle)
            $0.member("created", created)
            $0.member("id", id)
            $0.member("ociVersion", ociVersion)
            $0.member("owner", owner)
            $0.member("pid", pid)
            $0.member("rootfs", rootfs)
            $0.member("status", status)
        }
    }
}

/// Where a created container waits to be started.
enum StartSocket {
    /// Only one of several callers gets it.
    static func take(_ store: ContainerStore, _ id: String) throws(RuntimeError) -> FileDescriptor {
        let (name, taken) = (
            "\(store.directory(id))/\(ContainerStore.startSocketName)", "\(store.directory(id))/taken.sock"
        )
        do throws(SyscallError) {
            try Sys.rename(name, taken)
            let connection = try Sys.connectUnix(.packet, taken)
            try Sys.unlink(taken)
            return connection
        } catch let error where error.errno == ENOENT {
            throw RuntimeError(.state, "container \(id) was started by somebody else just now", errno: ENOENT)
        } catch {
            throw RuntimeError(.state, "reaching the waiting process of container \(id)", error)
        }
    }
}

/// `TERM`, `SIGTERM`, `15`.
package enum SignalName {
    private static let names: [String: Int32] = [
        "HUP": 1, "INT": 2, "QUIT": 3, "ILL": 4, "TRAP": 5, "ABRT": 6, "IOT": 6, "BUS": 7, "FPE": 8, "KILL": 9,
        "USR1": 10, "SEGV": 11, "USR2": 12, "PIPE": 13, "ALRM": 14, "TERM": 15, "STKFLT": 16, "CHLD": 17, "CLD": 17,
        "CONT": 18, "STOP": 19, "TSTP": 20, "TTIN": 21, "TTOU": 22, "URG": 23, "XCPU": 24, "XFSZ": 25,
        "VTALRM": 26, "PROF": 27, "WINCH": 28, "IO": 29, "POLL": 29, "PWR": 30, "SYS": 31,
    ]

    package static func number(_ text: String) throws(RuntimeError) -> Int32 {
        if let number = Int32(text), (0...64).contains(number) { return number }
        let name = text.uppercased()
        let short = name.hasPrefix("SIG") ? String(name.dropFirst(3)) : name
        if let number = names[short] { return number }
        // Counted from the ends of the range that libc leaves to programs.
        for (base, sign, first) in [("RTMIN+", Int32(1), Int32(34)), ("RTMAX-", -1, 64)] {
            if short.hasPrefix(base), let offset = Int32(short.dropFirst(6)), (0...30).contains(offset) {
                return first + sign * offset
            }
        }
        if short == "RTMIN" { return 34 }
        if short == "RTMAX" { return 64 }
        throw RuntimeError(.request, "«\(text)» is no signal")
    }
}
