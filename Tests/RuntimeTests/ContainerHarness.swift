import FoundationEssentials
import Glibc
import Kernel
import OCI
import Testing

/// What the tests of real containers need of the machine.
enum Machine {
    static let busybox = "/bin/busybox"
    /// The program under test, built beside the tests.
    static let runtime: String = {
        if let path = getenv("BOX_RUNTIME") { return String(cString: path) }
        let package = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        return "/\(package)/.build/debug/box-runtime"
    }()
    static var canRunContainers: Bool {
        getuid() == 0 && access(busybox, X_OK) == 0 && access(runtime, X_OK) == 0
    }
    static let reason: Comment = "needs root, /bin/busybox (package busybox-static) and a built box-runtime"
    static let cgroups = "/box-test-runtime"

    /// Mount points of this process's namespace.
    static func mounts() throws -> [String] {
        try Sys.readText("/proc/self/mountinfo").split(separator: "\n").map(String.init)
    }
    /// Cgroups of the tests, on whatever is mounted.
    static func cgroups(named name: String) -> [String] {
        let top = (try? Sys.list("/sys/fs/cgroup")) ?? []
        return (top.map { "/sys/fs/cgroup/\($0.name)" } + ["/sys/fs/cgroup"])
            .map { "\($0)\(cgroups)/\(name)" }.filter { Sys.exists($0) }
    }
    /// When all tests are done: another suite may be making a cgroup below it at any time before.
    static let removesCgroupParentAtExit: Void = {
        atexit {
            let top = (try? Sys.list("/sys/fs/cgroup")) ?? []
            for place in top.map({ "/sys/fs/cgroup/\($0.name)" }) + ["/sys/fs/cgroup"] {
                try? Sys.unlink("\(place)\(Machine.cgroups)", directory: true)
            }
        }
    }()
}

struct Output {
    var code: Int32
    var out: String
    var err: String
    var lines: [String] { out.split(separator: "\n").map(String.init) }
}

/// A bundle with a busybox in it, and the runtime's directory for its container; gone with its owner.
final class TestContainer {
    let id: String
    let directory: String
    var rootfs: String { "\(directory)/rootfs" }
    var root: String { "\(directory)/state" }
    var spec: RuntimeSpec
    /// The runtime to drive; another one proves the tests right.
    var program = Machine.runtime

    static let capabilities = [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID",
        "CAP_SETUID",
        "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
    ]

    init(_ arguments: String..., name: String = #function) throws {
        Machine.removesCgroupParentAtExit
        id = String(name.prefix { $0 != "(" }) + "-\(getpid())"
        directory = "/tmp/box-runtime-tests-\(getpid())/\(id)"
        try Sys.removeTree(directory)
        try Sys.makeDirectories("\(directory)/rootfs/bin")
        for name in ["proc", "sys", "dev", "tmp", "etc"] { try Sys.mkdir("\(directory)/rootfs/\(name)") }
        // As layers are: the directory of the bundle keeps others out, the root itself does not.
        let bytes = try Sys.readFile(Machine.busybox)
        let file = try Sys.open("\(directory)/rootfs/bin/busybox", O_WRONLY | O_CREAT, mode: 0o755)
        try file.writeAll(bytes)
        for name in [
            "sh", "ls", "cat", "id", "ps", "mount", "true", "sleep", "hostname", "env", "pwd", "touch", "mkdir", "grep",
            "stat",
            "kill", "tty", "stty", "ln", "head", "wc", "readlink", "umount", "dd", "nc", "chmod", "sync", "rm",
        ] { try Sys.symlink("busybox", "\(directory)/rootfs/bin/\(name)") }
        spec = Self.specification(arguments, id: id)
    }

    deinit {
        _ = try? runtime("delete", "--force", id)
        try? Sys.removeTree(directory)
        try? Sys.unlink("/tmp/box-runtime-tests-\(getpid())", directory: true)
    }

    static func specification(_ arguments: [String], id: String) -> RuntimeSpec {
        RuntimeSpec(
            ociVersion: "1.0.2",
            process: ProcessSpec(
                user: UserSpec(uid: 0, gid: 0), args: arguments, env: ["PATH=/bin", "TERM=dumb"], cwd: "/",
                capabilities: CapabilitySets(bounding: capabilities, effective: capabilities, permitted: capabilities)),
            root: RootSpec(path: "rootfs"), hostname: "boxed",
            mounts: [
                MountSpec(destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"]),
                MountSpec(
                    destination: "/dev", type: "tmpfs", source: "tmpfs",
                    options: ["nosuid", "strictatime", "mode=755", "size=65536k"]),
                MountSpec(
                    destination: "/dev/pts", type: "devpts", source: "devpts",
                    options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
                MountSpec(
                    destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"]),
            ],
            linux: LinuxSpec(
                namespaces: [.pid, .network, .ipc, .uts, .mount, .cgroup].map { LinuxNamespace(type: $0) },
                cgroupsPath: "\(Machine.cgroups)/\(id)",
                resources: LinuxResources(devices: [LinuxDeviceRule(allow: false, access: "rwm")]),
                maskedPaths: ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware", "/proc/no-such-thing"],
                readonlyPaths: ["/proc/bus", "/proc/sys", "/proc/sysrq-trigger"]))
    }

    func writeConfig() throws {
        try Sys.replaceFile("\(directory)/config.json", try JSONEncoder().encode(spec))
    }

    /// Runs a command of the runtime to its end.
    @discardableResult
    func runtime(_ arguments: String..., input: String? = nil) throws -> Output {
        try Self.execute(program, ["--root", root] + arguments, input: input)
    }

    static func execute(_ program: String, _ arguments: [String], input: String? = nil) throws -> Output {
        let files = try ["in", "out", "err"].map { SharedDescriptor(try Sys.memoryFile($0)) }
        if let input {
            try files[0].descriptor.writeAll(input.utf8)
            try files[0].descriptor.seek(to: 0)
        }
        let process = try Spawn(
            program, arguments, environment: ["PATH=/usr/bin:/bin:/usr/sbin:/sbin", "SECRET=of-the-host"],
            descriptors: files.map(\.raw)
        ).start()
        guard try Sys.poll(process.pidfd.raw, for: .reading, timeout: 30_000) else {
            try Processes.signal(process.pidfd, SIGKILL)
            _ = try Processes.wait(process.pidfd)
            throw SyscallError("wait", "\(arguments)", errno: ETIMEDOUT)
        }
        let code = try Processes.wait(process.pidfd)?.code ?? -1
        func text(_ index: Int) throws -> String {
            try files[index].descriptor.seek(to: 0)
            return String(decoding: try files[index].descriptor.readAll(), as: UTF8.self)
        }
        return Output(code: code, out: try text(1), err: try text(2))
    }

    /// `run` in the foreground.
    @discardableResult
    func run(input: String? = nil) throws -> Output {
        try writeConfig()
        return try runtime("run", "--bundle", directory, id, input: input)
    }

    /// Creates and starts, and stays.
    func start() throws {
        try writeConfig()
        let made = try runtime("run", "--detach", "--bundle", directory, id)
        try #require(made.code == 0, "\(made.err)")
    }

    /// Waits for a status; false when it does not come.
    func wait(for status: String) throws -> Bool {
        for _ in 0..<200 {
            if try runtime("state", id).out.contains("\"status\": \"\(status)\"") { return true }
            usleep(20_000)
        }
        return false
    }

    var pid: Int32? {
        get throws {
            struct State: Decodable { var pid: Int32 }
            return try JSONDecoder().decode(State.self, from: Data(try runtime("state", id).out.utf8)).pid
        }
    }

    func shell(_ script: String) { spec.process?.args = ["sh", "-c", script] }
    func write(_ path: String, _ text: String, mode: UInt32 = 0o644) throws {
        let file = try Sys.open("\(rootfs)/\(path)", O_WRONLY | O_CREAT | O_TRUNC, mode: mode)
        try file.writeAll(text.utf8)
    }
}
