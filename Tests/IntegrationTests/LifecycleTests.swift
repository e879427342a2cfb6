import Glibc
import Kernel
import Testing

@Suite(.enabled(if: Programs.areReady, Programs.need))
struct LifecycleTests {
    /// Thawed to die, it ends while it is being thawed.
    @Test("Killed while it is paused, it has ended") func killedWhilePaused() throws {
        try withDaemon { box in
            for _ in 0..<20 {
                let id = try box.box("run", "-d", "busybox", "sleep", "1000")
                try box.box("pause", id)
                try box.box("kill", id)
                #expect(try box.inspect(id, ".State.Status") == "exited")
                try box.box("rm", id)
            }
        }
    }

    @Test("create, start, wait, restart, rename, rm")
    func cycle() throws {
        try withDaemon { box in
            let id = try box.box("create", "--name", "one", "busybox", "sh", "-c", "sleep 0.2; exit 3")
            #expect(id.count == 64)
            #expect(try box.inspect("one", ".State.Status") == "created")
            #expect(try box.box("start", "one") == "one")
            #expect(try box.box("wait", "one") == "3")
            #expect(try box.inspect("one", ".State.ExitCode") == "3")
            #expect(try box.inspect("one", ".State.Status") == "exited")
            try box.box("start", "one")
            #expect(try box.inspect("one", ".State.Running") == "true")
            #expect(try box.run("rm", "one").status == 1)
            try box.box("rename", "one", "two")
            #expect(try box.box("wait", "two") == "3")
            #expect(try box.box("ps", "-a", "--format", "{{.Names}} {{.Status}}").hasPrefix("two Exited (3)"))
            try box.box("rm", "two")
            let missing = try box.run("inspect", "two")
            #expect(missing.status == 1)
            #expect(missing.errors.lowercased().contains("no such"))
        }
    }

    @Test("stop asks, waits, then kills; kill sends what it is told")
    func stopping() throws {
        try withDaemon { box in
            let polite = "trap 'echo bye; exit 5' TERM; while true; do sleep 0.05; done"
            let id = try box.box("run", "-d", "busybox", "sh", "-c", polite)
            try eventually("the trap is set") { try box.box("top", id).contains("sleep") }
            try box.box("stop", id)
            #expect(try box.inspect(id, ".State.ExitCode") == "5")
            #expect(try box.box("logs", id) == "bye")

            let stubborn = try box.box(
                "run", "-d", "busybox", "sh", "-c", "trap '' TERM; while true; do sleep 0.05; done")
            let began = Clock.boottime()
            try box.box("stop", "-t", "1", stubborn)
            let took = Double(Clock.boottime() - began) / 1e9
            #expect(took > 0.9 && took < 5)
            #expect(try box.inspect(stubborn, ".State.ExitCode") == "137")

            let marked = try box.box(
                "run", "-d", "--stop-signal", "USR1", "busybox", "sh", "-c",
                "trap 'exit 11' USR1; trap 'exit 12' USR2; while true; do sleep 0.05; done")
            pause(0.3)
            try box.box("stop", marked)
            #expect(try box.inspect(marked, ".State.ExitCode") == "11")
            try box.box("start", marked)
            pause(0.3)
            try box.box("kill", "-s", "USR2", marked)
            #expect(try box.box("wait", marked) == "12")
        }
    }

    @Test("pause, unpause, restart, update, stats, top")
    func running() throws {
        try withDaemon { box in
            let id = try box.box(
                "run", "-d", "--name", "busy", "busybox", "sh", "-c", "while true; do echo .; sleep 0.05; done")
            try box.box("pause", id)
            #expect(try box.inspect(id, ".State.Status") == "paused")
            let before = try box.box("logs", id).count
            pause(0.4)
            #expect(try box.box("logs", id).count <= before + 2)
            try box.box("unpause", id)
            try eventually("it goes on") { try box.box("logs", id).count > before + 4 }
            let pid = try box.inspect(id, ".State.Pid")
            try box.box("restart", "-t", "0", id)
            #expect(try box.inspect(id, ".State.Pid") != pid)
            #expect(try box.inspect(id, ".State.Status") == "running")
            try box.box("update", "--memory", "64m", "--memory-swap", "64m", id)
            #expect(try box.inspect(id, ".HostConfig.Memory") == "67108864")
            #expect(try box.box("stats", "--no-stream", "--format", "{{.MemUsage}}", id).contains("64MiB"))
            #expect(try box.box("top", id).contains("sleep"))
            #expect(try box.box("ps", "--filter", "name=busy", "-q").count == 12)
        }
    }

    @Test("exec: its own exit code, user, place, input and environment")
    func exec() throws {
        try withDaemon { box in
            let id = try box.box("run", "-d", "-e", "INHERITED=yes", "busybox", "sleep", "1000")
            #expect(try box.run("exec", id, "sh", "-c", "exit 9").status == 9)
            #expect(try box.run("exec", id, "no-such-program").status == 127)
            #expect(try box.box("exec", "-u", "www-data", id, "id", "-u") == "33")
            #expect(try box.box("exec", "-w", "/tmp", id, "pwd") == "/tmp")
            #expect(try box.box("exec", "-e", "X=1", id, "sh", "-c", "echo $X $INHERITED") == "1 yes")
            #expect(try box.box(["exec", "-i", id, "tr", "a-z", "A-Z"], input: Array("loud\n".utf8)) == "LOUD")
            #expect(try box.box("exec", id, "sh", "-c", "ls /proc/self/fd | wc -l") == "4")
            let status = try box.box("exec", id, "grep", "-E", "CapEff|Seccomp:|CapInh", "/proc/self/status")
            #expect(status.contains("00000000a80425fb"))
            #expect(status.contains("CapInh:\t0000000000000000"))
            try box.box("exec", "-d", id, "touch", "/tmp/made")
            try eventually("the detached program has run") {
                try box.run("exec", id, "test", "-e", "/tmp/made").status == 0
            }
            try box.box("stop", "-t", "0", id)
            let late = try box.run("exec", id, "true")
            #expect(late.status == 1)
            #expect(late.errors.contains("not running"))
        }
    }

    @Test("cp, diff and export see the container's files, running or not")
    func files() throws {
        try withDaemon { box in
            let id = try box.box(
                "run", "-d", "busybox", "sh", "-c", "echo inside > /made; rm /etc/group; exec sleep 1000")
            try eventually("the file is there") { try box.run("exec", id, "test", "-e", "/made").status == 0 }
            try Sys.replaceFile("\(box.place)/given", "from outside\n".utf8, mode: 0o640)
            try box.box("cp", "\(box.place)/given", "\(id):/tmp/")
            #expect(try box.box("exec", id, "cat", "/tmp/given") == "from outside")
            try box.box("cp", "\(id):/made", "\(box.place)/taken")
            #expect(try Sys.readText("\(box.place)/taken") == "inside\n")
            let difference = try box.box("diff", id).lines
            #expect(difference.contains("A /made"))
            #expect(difference.contains("D /etc/group"))
            try box.box("stop", "-t", "0", id)
            try box.box("cp", "\(id):/tmp/given", "\(box.place)/back")
            #expect(try Sys.readText("\(box.place)/back") == "from outside\n")
            try box.box("export", "-o", "\(box.place)/rootfs.tar", id)
            try box.box("import", "\(box.place)/rootfs.tar", "flat:1")
            #expect(try box.box("run", "--rm", "flat:1", "cat", "/made") == "inside")
            #expect(try box.run("cp", "\(id):/none", "\(box.place)/none").status == 1)
        }
    }

    @Test("Events tell what happened, in order")
    func events() throws {
        try withDaemon { box in
            let listener = try box.background(["events", "--format", "{{.Action}} {{.Actor.Attributes.name}}"])
            pause(0.3)
            try box.box("run", "--rm", "--name", "short", "busybox", "true")
            try eventually("the last event is told") { listener.output.contains("destroy short") }
            let actions = listener.output.lines.filter { $0.hasSuffix(" short") }.map { $0.split(separator: " ")[0] }
            let order = ["create", "start", "die", "destroy"].compactMap { wanted in actions.firstIndex { $0 == wanted }
            }
            #expect(order.count == 4 && order == order.sorted(), "\(actions)")
            try listener.signal(SIGTERM)
            _ = try listener.wait()
        }
    }

    @Test("Restart policies: so often, always, until stopped")
    func restartPolicies() throws {
        try withDaemon { box in
            let failing = try box.box(
                "run", "-d", "--restart", "on-failure:2", "busybox", "sh", "-c", "echo try; exit 1")
            try box.waitUntil(failing, "{{.RestartCount}} {{.State.Status}}", is: "2 exited")
            #expect(try box.box("logs", failing).lines == ["try", "try", "try"])
            let well = try box.box("run", "-d", "--restart", "on-failure", "busybox", "true")
            try box.waitUntil(well, "{{.RestartCount}} {{.State.Status}}", is: "0 exited")
            let always = try box.box("run", "-d", "--restart", "always", "busybox", "sh", "-c", "sleep 0.2")
            try eventually("it is started again") { Int(try box.inspect(always, ".RestartCount")) ?? 0 >= 2 }
            try box.box("stop", "-t", "0", always)
            pause(1)
            #expect(try box.inspect(always, ".State.Status") == "exited")
            // Killed by somebody else: that is a failure.
            let steady = try box.box("run", "-d", "--restart", "unless-stopped", "busybox", "sleep", "1000")
            let pid = Int32(try box.inspect(steady, ".State.Pid")) ?? 0
            try Processes.kill(pid, SIGKILL)
            try eventually("another process runs") {
                let now = Int32(try box.inspect(steady, ".State.Pid")) ?? 0
                return now != 0 && now != pid
            }
        }
    }

    @Test(
        "Health: starting, healthy, unhealthy, and what the check said",
        .enabled(if: Programs.has(image: "web"), "needs the image web"))
    func health() throws {
        try withDaemon(images: ["busybox", "web"]) { box in
            let id = try box.box("run", "-d", "--health-interval", "200ms", "--health-retries", "2", "web")
            try box.waitUntil(id, ".State.Health.Status", is: "healthy")
            #expect(try box.box("ps").contains("(healthy)"))
            try box.box("exec", id, "wget", "-qO-", "--post-data=", "http://127.0.0.1:8080/control?health=fail")
            try box.waitUntil(id, ".State.Health.Status", is: "unhealthy")
            #expect(try box.box("inspect", id).contains("503"))
            try box.box("stop", id)
            #expect(try box.inspect(id, ".State.ExitCode") == "0")
        }
    }
}
