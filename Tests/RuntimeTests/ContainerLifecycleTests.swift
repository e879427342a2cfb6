import FoundationEssentials
import Glibc
import Kernel
import OCI
import Testing

@Suite(.serialized, .enabled(if: Machine.canRunContainers, Machine.reason))
struct ContainerLifecycleTests {
    @Test func createStartKillDelete() throws {
        let container = try TestContainer()
        container.shell("echo ran > /tmp/ran; trap 'exit 3' TERM; while :; do sleep 0.05; done")
        try container.writeConfig()
        let pidFile = "\(container.directory)/pid"
        let made = try container.runtime("create", "-b", container.directory, "--pid-file", pidFile, container.id)
        #expect(made.code == 0, "\(made.err)")
        #expect(try container.wait(for: "created"))
        #expect(Int32(try Sys.readText(pidFile)) == (try container.pid))
        usleep(50_000)
        #expect(!Sys.exists("\(container.rootfs)/tmp/ran"))
        // Its own binary is not what a created container shows, and nothing is started twice.
        #expect(
            try container.runtime("create", "-b", container.directory, container.id).err.contains(
                "container with id exists"))
        #expect(try container.runtime("delete", container.id).err.contains("stop it first"))
        #expect(try container.runtime("start", container.id).code == 0)
        #expect(try container.wait(for: "running"))
        #expect(try container.runtime("start", container.id).err.contains("only a created one can be started"))
        for _ in 0..<100 where !Sys.exists("\(container.rootfs)/tmp/ran") { usleep(20_000) }
        #expect(try container.runtime("kill", container.id, "SIGTERM").code == 0)
        #expect(try container.wait(for: "stopped"))
        #expect(try container.runtime("kill", container.id, "TERM").err.contains("is not running"))
        #expect(try container.runtime("delete", container.id).code == 0)
        #expect(try container.runtime("state", container.id).err.contains("does not exist"))
        #expect(Machine.cgroups(named: container.id).isEmpty)
        #expect(!Sys.exists("\(container.root)/\(container.id)"))
    }

    @Test func failedProgramOfACreatedContainer() throws {
        let container = try TestContainer("nonsense")
        try container.writeConfig()
        let made = try container.runtime("create", "-b", container.directory, container.id)
        #expect(made.code == 127)
        // Found, but wrong in a way that only the kernel sees.
        try container.write("bin/broken", "#!/nowhere\n", mode: 0o755)
        container.spec.process?.args = ["broken"]
        try container.writeConfig()
        #expect(try container.runtime("create", "-b", container.directory, container.id).code == 0)
        let started = try container.runtime("start", container.id)
        #expect(started.code == 127)
        #expect(started.err.contains("exec /bin/broken"))
        #expect(try container.wait(for: "stopped"))
    }

    @Test func changesAfterCreationHaveNoEffect() throws {
        let container = try TestContainer("hostname")
        container.shell("echo first > /tmp/who")
        try container.writeConfig()
        #expect(try container.runtime("create", "-b", container.directory, container.id).code == 0)
        container.shell("echo second > /tmp/who")
        try container.writeConfig()
        #expect(try container.runtime("start", container.id).code == 0)
        #expect(try container.wait(for: "stopped"))
        #expect(try Sys.readText("\(container.rootfs)/tmp/who") == "first\n")
    }

    @Test func failuresLeaveNothing() throws {
        let mounts = try Machine.mounts().count
        let container = try TestContainer("true")
        let good = container.spec
        let breakers: [(String, (inout RuntimeSpec) -> Void)] = [
            ("version", { $0.ociVersion = "2.0.0" }),
            ("namespace twice", { $0.linux?.namespaces?.append(LinuxNamespace(type: .pid)) }),
            ("no such namespace", { $0.linux?.namespaces?[1].path = "/no/such" }),
            ("namespace of another kind", { $0.linux?.namespaces?[1].path = "/proc/self/ns/uts" }),
            ("user namespace", { $0.linux?.namespaces?.append(LinuxNamespace(type: .user)) }),
            ("rootfs", { $0.root?.path = "nowhere" }),
            ("mount", { $0.mounts?.append(MountSpec(destination: "/x", type: "wrong", source: "x")) }),
            ("device", { $0.linux?.devices = [LinuxDevice(type: "q", path: "/dev/q")] }),
            ("capability-free program", { $0.process?.args = ["gone"] }),
            ("scheduler", { $0.process?.scheduler = Scheduler(policy: "SCHED_MAGIC") }),
            ("hook", { $0.hooks = Hooks(createRuntime: [Hook(path: "/bin/false")]) }),
            ("late hook", { $0.hooks = Hooks(startContainer: [Hook(path: "/bin/nothing")]) }),
            (
                "terminal",
                {
                    $0.process?.terminal = true; $0.mounts?.removeAll { $0.type == "devpts" }
                }
            ),
            ("cgroup", { $0.linux?.cgroupsPath = "/a/../b" }),
            ("limit of the cgroup", { $0.linux?.resources?.cpu = LinuxCPU(cpus: "9999") }),
        ]
        for (name, breakIt) in breakers {
            container.spec = good
            breakIt(&container.spec)
            let output = try container.run()
            #expect(output.code != 0, "\(name)")
            #expect(output.err.hasPrefix("box-runtime: ") && output.err.count > 30, "\(name): \(output.err)")
            #expect(Machine.cgroups(named: container.id).isEmpty, "\(name)")
            #expect(!Sys.exists("\(container.root)/\(container.id)"), "\(name)")
        }
        #expect(try Machine.mounts().count == mounts)
        container.spec = good
        #expect(try container.run().code == 0)
    }

    @Test func badIdentifiers() throws {
        let container = try TestContainer("true")
        try container.writeConfig()
        for id in ["", ".", "..", "a/b", "a b", "../x", String(repeating: "x", count: 300), "ü"] {
            #expect(
                try container.runtime("create", "-b", container.directory, id).err.contains("is no container ID"),
                "\(id)")
        }
        #expect(
            try container.runtime("create", "--no-pivot", "-b", container.directory, "x").err.contains("not supported"))
        #expect(try container.runtime("--systemd-cgroup", "list").err.contains("not supported"))
        #expect(try container.runtime("list", "--wide").err.contains("the option wide is not supported"))
        #expect(try container.runtime("checkpoint", "x").err.contains("no such command"))
    }

    @Test func pauseAndResume() throws {
        let container = try TestContainer("sleep", "1000")
        try container.start()
        #expect(try container.runtime("pause", container.id).code == 0)
        #expect(try container.wait(for: "paused"))
        #expect(try container.runtime("exec", container.id, "true").err.contains("paused"))
        #expect(try container.runtime("resume", container.id).code == 0)
        #expect(try container.wait(for: "running"))
        #expect(try container.runtime("pause", container.id).code == 0)
        #expect(try container.runtime("kill", container.id, "KILL").code == 0)
        #expect(try container.wait(for: "stopped"))
    }

    @Test func listPsFeatures() throws {
        let container = try TestContainer("sleep", "1000")
        try container.start()
        #expect(try container.runtime("list", "-q").lines == [container.id])
        #expect(try container.runtime("list").out.contains("running"))
        let pid = try #require(try container.pid)
        let json = try container.runtime("ps", "--format", "json", container.id).out
        #expect(try JSONDecoder().decode([Int32].self, from: Data(json.utf8)) == [pid])
        #expect(try container.runtime("ps", container.id).out.contains("sleep 1000"))
        #expect(try container.runtime("features").out.contains("\"mountOptions\""))
        #expect(try container.runtime("--version").out.contains("spec: 1."))
    }

    @Test func killAllAndForcedRemoval() throws {
        let container = try TestContainer()
        container.spec.linux?.namespaces?.removeAll { $0.type == .pid }
        container.shell("sleep 1000 & sleep 1001 & sleep 1002")
        try container.start()
        usleep(100_000)
        #expect(try container.runtime("kill", "--all", container.id, "KILL").code == 0)
        #expect(try container.wait(for: "stopped"))
        #expect(try container.runtime("delete", "--force", container.id).code == 0)
        #expect(try container.runtime("delete", "--force", container.id).code == 0)
    }

    @Test func hooksRunInTheirPlaces() throws {
        let container = try TestContainer("sh", "-c", "echo program >> /trace")
        let trace = "\(container.rootfs)/trace"
        func hook(_ name: String, inside: Bool = false) -> [Hook] {
            let file = inside ? "/trace" : trace
            return [1, 2].map { number in
                Hook(
                    path: "/bin/sh",
                    args: [
                        "sh", "-c",
                        "grep -o '\"status\":\"[a-z]*\"' > \(inside ? "/s" : "\(container.directory)/s"); "
                            + "echo \(name)\(number) $(cat \(inside ? "/s" : "\(container.directory)/s")) $A >> \(file)",
                    ], env: ["PATH=/bin:/usr/bin", "A=a"])
            }
        }
        container.spec.hooks = Hooks(
            prestart: hook("prestart"), createRuntime: hook("createRuntime"), createContainer: hook("createContainer"),
            startContainer: hook("startContainer", inside: true), poststart: nil, poststop: hook("poststop"))
        let output = try container.run()
        #expect(output.code == 0, "\(output.err)")
        let lines = try Sys.readText(trace).split(separator: "\n").map(String.init)
        var expected: [String] = []
        for (name, status) in [
            ("prestart", "creating"), ("createRuntime", "creating"), ("createContainer", "creating"),
            ("startContainer", "created"),
        ] { expected += [1, 2].map { "\(name)\($0) \"status\":\"\(status)\" a" } }
        expected += ["program"] + [1, 2].map { "poststop\($0) \"status\":\"stopped\" a" }
        #expect(lines == expected)
        container.spec.hooks = Hooks(createRuntime: [Hook(path: "/bin/sleep", args: ["sleep", "30"], timeout: 1)])
        #expect(try container.run().err.contains("still ran after its timeout of 1 s"))
        container.spec.hooks = Hooks(poststop: [Hook(path: "/bin/false")])
        #expect(try container.run().code == 0)
        container.spec.hooks = Hooks(prestart: [Hook(path: "bin/false")])
        #expect(try container.run().err.contains("not absolute"))
    }

    @Test func initReapsAndForwards() throws {
        let container = try TestContainer()
        container.shell(
            "trap 'exit 9' TERM; (sleep 0.1 &); sleep 0.5; ps -o pid,args; cat /proc/1/comm; while :; do sleep 0.05; done"
        )
        try container.writeConfig()
        let output = "\(container.directory)/out"
        let file = try Sys.open(output, O_WRONLY | O_CREAT, mode: 0o600)
        let process = try Spawn(
            container.program, ["--root", container.root, "run", "--init", "-b", container.directory, container.id],
            descriptors: [nil, file.raw, 2]
        ).start()
        for _ in 0..<200 where try !Sys.readText(output).contains("box-init\n") { usleep(20_000) }
        let text = try Sys.readText(output)
        // The orphan is gone, and pid 1 tells nothing of the host's command line.
        #expect(text.contains("    1 box-init\n"), "\(text)")
        #expect(!text.contains("Z") && !text.contains("box-runtime"), "\(text)")
        _ = try container.runtime("kill", container.id, "TERM")
        #expect(try Processes.wait(process.pidfd)?.code == 9)
        // The program's own failure is told as without it.
        container.spec.process?.args = ["nothing"]
        try container.writeConfig()
        #expect(try container.runtime("run", "--init", "-b", container.directory, container.id).code == 127)
        try container.write("bin/broken", "#!/nowhere\n", mode: 0o755)
        container.spec.process?.args = ["broken"]
        try container.writeConfig()
        let broken = try container.runtime("run", "--init", "-b", container.directory, container.id)
        #expect(broken.code == 127 && broken.err.contains("exec /bin/broken"))
    }

    @Test func logForPrograms() throws {
        let container = try TestContainer("true")
        let log = "\(container.directory)/log"
        _ = try container.runtime("--log", log, "--log-format", "json", "state", "missing")
        struct Line: Decodable {
            var level: String
            var msg: String
            var time: String
        }
        let line = try JSONDecoder().decode(Line.self, from: Data(try Sys.readFile(log)))
        #expect(line.level == "error")
        #expect(line.msg == "container missing does not exist")
    }

    @Test func otherRuntimesPassTheSameBundle() throws {
        guard access("/usr/sbin/runc", X_OK) == 0 else { return }
        let container = try TestContainer()
        container.program = "/usr/sbin/runc"
        container.shell("grep Cap /proc/self/status; hostname; ls /proc/self/fd; wc -c < /proc/timer_list")
        let theirs = try container.run()
        guard theirs.code == 0 else { return }
        container.program = Machine.runtime
        let ours = try container.run()
        #expect(ours.out == theirs.out)
    }
}
