import Glibc
import Kernel
import OCI
import Testing

@Suite(.serialized, .enabled(if: Machine.canRunContainers, Machine.reason))
struct ContainerProcessTests {
    @Test func exitCodeAndStreams() throws {
        let container = try TestContainer()
        container.shell("cat; echo oops >&2; exit 7")
        let result = try container.run(input: "hello\n")
        #expect(result.code == 7)
        #expect(result.out == "hello\n")
        #expect(result.err == "oops\n")
    }

    @Test func killedBySignal() throws {
        let container = try TestContainer()
        // In pid 1 signals without a handler are ignored, so a child says it.
        container.shell("sh -c 'kill -9 $$'; exit $?")
        #expect(try container.run().code == 137)
    }

    @Test func namespacesAreItsOwn() throws {
        let container = try TestContainer()
        container.shell(
            "for n in pid net ipc uts mnt cgroup user; do readlink /proc/self/ns/$n; done; hostname; echo $$")
        let lines = try container.run().lines
        try #require(lines.count == 9)
        for (index, name) in ["pid", "net", "ipc", "uts", "mnt", "cgroup"].enumerated() {
            #expect(lines[index] != (try Sys.readlink("/proc/self/ns/\(name)")))
        }
        #expect(lines[6] == (try Sys.readlink("/proc/self/ns/user")))
        #expect(lines[7] == "boxed")
        #expect(lines[8] == "1")
    }

    @Test func sharedNamespaces() throws {
        let container = try TestContainer()
        container.spec.hostname = nil
        container.spec.linux?.namespaces = [.init(type: .mount), .init(type: .network, path: "/proc/self/ns/net")]
        container.spec.mounts?.removeAll { $0.destination == "/sys" }
        container.shell("for n in pid net uts; do readlink /proc/self/ns/$n; done")
        let result = try container.run()
        #expect(result.err == "")
        #expect(result.lines == (try ["pid", "net", "uts"].map { try Sys.readlink("/proc/self/ns/\($0)") }))
    }

    @Test func onlyThreeDescriptors() throws {
        let container = try TestContainer("ls", "/proc/self/fd")
        // The fourth is the directory that ls reads.
        #expect(try container.run().lines == ["0", "1", "2", "3"])
    }

    @Test func signalsAreAsAProgramExpects() throws {
        let container = try TestContainer("grep", "-E", "SigBlk|SigIgn|SigCgt", "/proc/self/status")
        let zero = "0000000000000000"
        let lines = try container.run().lines
        #expect(lines == ["SigBlk:\t\(zero)", "SigIgn:\t\(zero)", "SigCgt:\t\(zero)"])
    }

    @Test func capabilitiesAreExact() throws {
        let container = try TestContainer("grep", "Cap", "/proc/self/status")
        let none = "0000000000000000"
        let given = "00000000a80425fb"
        let expected = [
            "CapInh:\t\(none)", "CapPrm:\t\(given)", "CapEff:\t\(given)", "CapBnd:\t\(given)", "CapAmb:\t\(none)",
        ]
        #expect(try container.run().lines == expected)
        // Another user: the program may gain them again, but has none.
        container.spec.process?.user = UserSpec(uid: 1000, gid: 1000)
        let other = [
            "CapInh:\t\(none)", "CapPrm:\t\(none)", "CapEff:\t\(none)", "CapBnd:\t\(given)", "CapAmb:\t\(none)",
        ]
        #expect(try container.run().lines == other)
        // Ambient ones are kept.
        let one = ["CAP_NET_BIND_SERVICE"]
        container.spec.process?.capabilities = CapabilitySets(
            bounding: one, effective: one, inheritable: one, permitted: one, ambient: one)
        let bind = "0000000000000400"
        #expect(try container.run().lines == ["Inh", "Prm", "Eff", "Bnd", "Amb"].map { "Cap\($0):\t\(bind)" })
    }

    @Test func noCapabilitiesAtAll() throws {
        let container = try TestContainer("grep", "-c", "0000000000000000$", "/proc/self/status")
        container.spec.process?.capabilities = nil
        // Five sets, and the signals: pending of the thread and the process, blocked, ignored, caught.
        #expect(try container.run().lines == ["10"])
    }

    @Test func strangeCapabilitiesAreAWarning() throws {
        let container = try TestContainer("true")
        container.spec.process?.capabilities?.bounding?.append("CAP_TO_FLY")
        let result = try container.run()
        #expect(result.code == 0)
        #expect(result.err.contains("warn: unknown capability CAP_TO_FLY"))
    }

    @Test func noNewPrivileges() throws {
        let container = try TestContainer("grep", "NoNewPrivs", "/proc/self/status")
        #expect(try container.run().lines == ["NoNewPrivs:\t0"])
        container.spec.process?.noNewPrivileges = true
        #expect(try container.run().lines == ["NoNewPrivs:\t1"])
    }

    @Test func userGroupsAndMask() throws {
        let container = try TestContainer()
        container.spec.process?.user = UserSpec(uid: 1000, gid: 1001, umask: 0o027, additionalGids: [7, 1234])
        container.shell("id -u; id -g; id -G; umask; touch /tmp/f && stat -c '%a %u %g' /tmp/f")
        try Sys.chmod("\(container.rootfs)/tmp", mode: 0o1777)
        #expect(try container.run().lines == ["1000", "1001", "1001 7 1234", "0027", "640 1000 1001"])
    }

    @Test func anotherUserOpensItsStreamsAnew() throws {
        let container = try TestContainer()
        container.spec.process?.user = UserSpec(uid: 1000, gid: 1000)
        container.shell("echo hi > /dev/stdout")
        var pipe = try Sys.pipe()
        let reader = pipe.takeFirst()
        let writer = pipe.takeSecond()
        try container.writeConfig()
        let process = try Spawn(
            container.program, ["--root", container.root, "run", "-b", container.directory, container.id],
            descriptors: [nil, writer.raw, 2]
        ).start()
        try writer.close()
        let bytes = try reader.readAll()
        _ = try Processes.wait(process.pidfd)
        #expect(String(decoding: bytes, as: UTF8.self) == "hi\n")
    }

    @Test func limits() throws {
        let container = try TestContainer("grep", "-E", "open files|core file", "/proc/self/limits")
        container.spec.process?.rlimits = [
            ResourceLimit(type: "RLIMIT_NOFILE", hard: 512, soft: 256),
            ResourceLimit(type: "RLIMIT_CORE", hard: 0, soft: 0),
        ]
        let lines = try container.run().lines.map { $0.split(separator: " ").suffix(3).joined(separator: " ") }
        #expect(lines == ["0 0 bytes", "256 512 files"])
        container.spec.process?.rlimits = [
            ResourceLimit(type: "RLIMIT_NOFILE", hard: 5, soft: 5),
            ResourceLimit(type: "RLIMIT_NOFILE", hard: 5, soft: 5),
        ]
        #expect(try container.run().err.contains("RLIMIT_NOFILE is given twice"))
        container.spec.process?.rlimits = [ResourceLimit(type: "RLIMIT_FUN", hard: 5, soft: 5)]
        #expect(try container.run().err.contains("RLIMIT_FUN is no resource limit"))
    }

    @Test func outOfMemoryScore() throws {
        let container = try TestContainer("cat", "/proc/self/oom_score_adj")
        container.spec.process?.oomScoreAdj = 321
        #expect(try container.run().lines == ["321"])
    }

    @Test func environmentIsExactlyWhatIsGiven() throws {
        let container = try TestContainer("env")
        #expect(try container.run().lines.sorted() == ["PATH=/bin", "TERM=dumb"])
    }

    @Test func workingDirectory() throws {
        let container = try TestContainer("pwd")
        container.spec.process?.cwd = "/made/by/the/runtime"
        #expect(try container.run().lines == ["/made/by/the/runtime"])
        container.spec.process?.cwd = "relative"
        #expect(try container.run().err.contains("must be absolute"))
    }

    @Test func workingDirectoryOfTheUserAlone() throws {
        let container = try TestContainer("pwd")
        try Sys.mkdir("\(container.rootfs)/home", mode: 0o700)
        try Sys.chown("\(container.rootfs)/home", uid: 1000, gid: 1000)
        container.spec.process?.cwd = "/home"
        container.spec.process?.user = UserSpec(uid: 1000, gid: 1000)
        container.spec.process?.capabilities = nil
        #expect(try container.run().lines == ["/home"])
    }

    @Test func programsThatCannotRun() throws {
        let container = try TestContainer("no-such-program")
        var result = try container.run()
        #expect(result.code == 127)
        #expect(result.err.contains("exec: \"no-such-program\": executable file not found in $PATH"))
        container.spec.process?.args = ["/bin/nothing"]
        result = try container.run()
        #expect(result.code == 127)
        #expect(result.err.contains("exec: \"/bin/nothing\": stat /bin/nothing: no such file or directory"))
        try container.write("etc/plain", "text")
        container.spec.process?.args = ["/etc/plain"]
        result = try container.run()
        #expect(result.code == 126)
        #expect(result.err.contains("exec: \"/etc/plain\": permission denied"))
        container.spec.process?.args = ["/etc"]
        result = try container.run()
        #expect(result.code == 126)
        #expect(result.err.contains("is a directory"))
        try container.write("bin/strange", "\u{7f}ELF nonsense", mode: 0o755)
        container.spec.process?.args = ["strange"]
        result = try container.run()
        #expect(result.code == 126)
        #expect(result.err.contains("exec format error"))
        try container.write("bin/script", "#!/no/interpreter\n", mode: 0o755)
        container.spec.process?.args = ["script"]
        result = try container.run()
        #expect(result.code == 127)
        #expect(result.err.contains("exec /bin/script: no such file or directory"))
    }

    @Test func sysctls() throws {
        let container = try TestContainer()
        container.spec.linux?.sysctl = ["net.ipv4.ip_forward": "1", "kernel.shmmni": "99"]
        container.shell("cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmni; echo 0 > /proc/sys/kernel/shmmni")
        let result = try container.run()
        #expect(result.lines == ["1", "99"])
        #expect(result.err.contains("Read-only file system"))
        let pattern = try Sys.readText("/proc/sys/kernel/core_pattern")
        for name in [
            "kernel.core_pattern", "vm.swappiness", "net/../kernel/core_pattern", "net.ipv4", "x", ".", "net.a=b",
        ] {
            container.spec.linux?.sysctl = [name: "|/evil"]
            #expect(try container.run().code == 125, "\(name)")
        }
        container.spec.linux?.sysctl = ["net.ipv4.ip_forward": "1\n2"]
        #expect(try container.run().err.contains("line break"))
        #expect(try Sys.readText("/proc/sys/kernel/core_pattern") == pattern)
    }

    @Test func timeNamespace() throws {
        let container = try TestContainer("head", "-c", "7", "/proc/uptime")
        container.spec.linux?.namespaces?.append(LinuxNamespace(type: .time))
        container.spec.linux?.timeOffsets = LinuxTimeOffsets(boottime: LinuxTimeOffset(secs: 1_000_000))
        let result = try container.run()
        #expect(result.out.hasPrefix("10"), "\(result)")
    }

    @Test func preservedDescriptors() throws {
        let container = try TestContainer("ls", "/proc/self/fd")
        try container.writeConfig()
        let refused = try container.runtime("run", "--preserve-fds", "2", "-b", container.directory, container.id)
        #expect(refused.err.contains("descriptor 3 is not open"))
    }
}
