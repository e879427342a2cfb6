package import Basics
import Glibc
import Kernel
package import OCI

/// What is kept of a container between two commands: `state.json` in its directory below `--root`.
package struct ContainerRecord: Sendable {
    package var id: String
    /// Absolute.
    package var bundle: String
    package var pid: Int32
    /// Of the process, in clock ticks since boot: a number alone may be another process's by now.
    package var startTime: UInt64
    /// RFC 3339.
    package var created: String
    package var cgroupPath: String?
    package var rootfs: String
    package var annotations: [String: String]?
    /// As they were at creation: later changes of `config.json` have no effect.
    package var hooks: Hooks?
    package var process: ProcessSpec?
    package var seccomp: LinuxSeccomp?
}

extension ContainerRecord: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("annotations", annotations)
            $0.member("bundle", bundle)
            $0.member("cgroupPath", cgroupPath)
            $0.member("created", created)
            $0.member("hooks", hooks)
            $0.member("id", id)
            $0.member("pid", pid)
            $0.member("process", process)
            $0.member("rootfs", rootfs)
            $0.member("seccomp", seccomp)
            $0.member("startTime", startTime)
        }
    }
}

extension ContainerRecord: JSONReadable {
    package init(json: JSONTree) throws(JSONMismatch) {
        let json = try json.object()
        self.init(
            id: try json.required("id"), bundle: try json.required("bundle"), pid: try json.required("pid"),
            startTime: try json.required("startTime"), created: try json.required("created"),
            cgroupPath: try json.optional("cgroupPath"), rootfs: try json.required("rootfs"),
            annotations: try json.optional("annotations"), hooks: try json.optional("hooks"),
            process: try json.optional("process"), seccomp: try json.optional("seccomp"))
    }
}

/// The commands' view of the containers below `--root`.
struct ContainerStore {
    let root: String

    static let defaultRoot = "/run/box-runtime"
    static let recordName = "state.json"
    static let startSocketName = "start.sock"

    func directory(_ id: String) -> String { "\(root)/\(id)" }

    /// The rule of other runtimes: what is a file name, and nothing more.
    static func check(id: String) throws(RuntimeError) {
        let legal = id.utf8.allSatisfy { byte in
            (byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z"))
                || (byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z"))
                || (byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")) || "_+-.".utf8.contains(byte)
        }
        guard legal, !id.isEmpty, id != ".", id != "..", id.utf8.count <= 255 else {
            throw RuntimeError(
                .request, "«\(id.prefix(80))» is no container ID: letters, digits and _ + - . only, 255 at most")
        }
    }

    /// Makes the directory; an error when the ID is taken.
    func claim(_ id: String) throws(RuntimeError) {
        try Self.check(id: id)
        // A `remove` beside us may take the empty root away between the two calls.
        var attempts = 10
        while true {
            do throws(SyscallError) {
                try Sys.makeDirectories(root, mode: 0o700)
                try Sys.mkdir(directory(id), mode: 0o700)
                return
            } catch {
                attempts -= 1
                if error.errno == ENOENT, attempts > 0 { continue }
                if error.errno == EEXIST {
                    throw RuntimeError(.state, "container with id exists: \(id)", errno: EEXIST)
                }
                throw RuntimeError(.state, "making the directory of container \(id)", error)
            }
        }
    }

    func remove(_ id: String) throws(RuntimeError) {
        try attempt(.state, "removing the directory of container \(id)") { () throws(SyscallError) in
            try Sys.removeTree(directory(id))
        }
        // Nothing stays behind of the last container. A root that somebody chose is theirs to keep.
        if root == Self.defaultRoot { try? Sys.unlink(root, directory: true) }
    }

    func write(_ record: ContainerRecord) throws(RuntimeError) {
        let json = JSONWriter.bytes(of: record)
        let path = "\(directory(record.id))/\(Self.recordName)"
        try attempt(.state, "writing \(path)") { () throws(SyscallError) in try Sys.replaceFile(path, json) }
    }

    func read(_ id: String) throws(RuntimeError) -> ContainerRecord {
        try Self.check(id: id)
        let path = "\(directory(id))/\(Self.recordName)"
        let bytes: [UInt8]
        do { bytes = try Sys.readFile(path) } catch let error where error.errno == ENOENT {
            throw RuntimeError(.state, "container \(id) does not exist", errno: ENOENT)
        } catch {
            throw RuntimeError(.state, "reading the state of container \(id)", error)
        }
        return try ContainerConfig.decode(bytes, path)
    }

    func all() throws(RuntimeError) -> [ContainerRecord] {
        let entries: [DirectoryEntry]
        do { entries = try Sys.list(root) } catch let error where error.errno == ENOENT { return [] } catch {
            throw RuntimeError(.state, "listing \(root)", error)
        }
        // One that is being made or removed right now has no record.
        return entries.map(\.name).sorted().compactMap { try? read($0) }
    }

    func status(of record: ContainerRecord) -> ContainerStatus {
        guard ProcessIdentity.isAlive(record.pid, startTime: record.startTime) else { return .stopped }
        if Sys.exists("\(directory(record.id))/\(Self.startSocketName)") { return .created }
        if let path = record.cgroupPath, ContainerCgroup.isFrozen(path) { return .paused }
        return .running
    }
}

/// runtime-spec `runtime.md`, "State"; `paused` is this runtime's own.
enum ContainerStatus: String {
    case creating, created, running, paused, stopped
}

/// Which process a number was, by the time it started: field 22 of proc_pid_stat(5).
enum ProcessIdentity {
    static func startTime(_ pid: Int32) -> UInt64? { fields(pid).flatMap { $0.count > 19 ? UInt64($0[19]) : nil } }

    static func isAlive(_ pid: Int32, startTime: UInt64) -> Bool {
        guard let fields = fields(pid), fields.count > 19 else { return false }
        return UInt64(fields[19]) == startTime && fields[0] != "Z" && fields[0] != "X"
    }

    /// From the state on: the name before it may hold blanks and parentheses.
    private static func fields(_ pid: Int32) -> [Substring]? {
        guard let text = try? Sys.readText("/proc/\(pid)/stat"), let end = text.lastIndex(of: ")") else { return nil }
        return text[text.index(after: end)...].split(separator: " ")
    }
}
