import Glibc
import Kernel
import Testing

@Suite(.enabled(if: Programs.areReady, Programs.need))
struct LiveRestoreTests {
    @Test("kill -9 of boxd while containers write, exit and are attached: nothing is lost")
    func killed() throws {
        try withDaemon { box in
            let counting = "i=0; while true; do i=$((i+1)); echo $i; sleep 0.01; done"
            let writer = try box.box("run", "-d", "busybox", "sh", "-c", counting)
            let leaver = try box.box("run", "-d", "busybox", "sh", "-c", "sleep 1; echo last words; exit 42")
            let attached = try box.background(["run", "-i", "--name", "held", "busybox", "cat"], keepsInputOpen: true)
            try attached.send("before\n")
            try eventually("the line comes back") { attached.output.contains("before") }
            let pid = try box.inspect(writer, ".State.Pid")
            try box.kill()
            pause(1.5)
            #expect(Sys.exists("/proc/\(pid)"))
            try box.start()
            #expect(try box.inspect(writer, "{{.State.Status}} {{.State.Pid}}") == "running \(pid)")
            try box.waitUntil(leaver, "{{.State.Status}} {{.State.ExitCode}}", is: "exited 42")
            #expect(try box.box("logs", leaver) == "last words")
            #expect(try box.inspect("held", ".State.Status") == "running")
            _ = try attached.wait(within: 10)
            try box.box("stop", "-t", "0", writer)
            let numbers = try box.run("logs", writer).output.lines.compactMap(Int.init)
            #expect(numbers.count > 100)
            #expect(numbers == Array(1...numbers.count))
            #expect(try box.box("exec", "held", "echo", "still here") == "still here")
        }
    }

    @Test("SIGTERM leaves containers running; a second boxd on the same data is refused")
    func terminated() throws {
        try withDaemon { box in
            let id = try box.box("run", "-d", "busybox", "sleep", "1000")
            let pid = try box.inspect(id, ".State.Pid")
            let second = try Running.run(
                "\(Programs.directory)/boxd",
                ["--data-root", "\(box.place)/data", "--run-dir", "\(box.place)/run2", "--cgroup-parent", box.cgroup],
                within: 10)
            #expect(second.status != 0)
            #expect(second.errors.contains("\(box.place)/data"))
            #expect(try box.terminate() == 0)
            #expect(Sys.exists("/proc/\(pid)"))
            try box.start()
            #expect(try box.inspect(id, "{{.State.Status}} {{.State.Pid}}") == "running \(pid)")
        }
    }

    @Test("A container that dies while boxd is dead is started again if it is to be")
    func restarted() throws {
        try withDaemon { box in
            let id = try box.box("run", "-d", "--restart", "always", "busybox", "sleep", "1000")
            let gone = try box.box("run", "-d", "--rm", "busybox", "sleep", "0.5")
            let pid = Int32(try box.inspect(id, ".State.Pid")) ?? 0
            try box.kill()
            try Processes.kill(pid, SIGKILL)
            pause(1)
            try box.start()
            try box.waitUntil(id, ".State.Status", is: "running")
            #expect(try box.inspect(id, ".State.Pid") != "\(pid)")
            try eventually("what was to be removed is removed") { try box.run("inspect", gone).status == 1 }
        }
    }

    @Test(
        "A hundred containers are known again within two seconds, and their parents are small", .timeLimit(.minutes(5)))
    func hundred() throws {
        try withDaemon { box in
            var ids: [String] = []
            for _ in 0..<100 { ids.append(try box.box("run", "-d", "--network", "none", "busybox", "sleep", "10000")) }
            #expect(try box.box("ps", "-q").lines.count == 100)
            try box.kill()
            let began = Clock.boottime()
            try box.start()
            let running = try box.box("ps", "-q", "--no-trunc").lines
            let took = Double(Clock.boottime() - began) / 1e9
            #expect(Set(running) == Set(ids))
            #expect(took < 2, "known after \(took) s")
            let monitors = try ids.prefix(20).map { id in
                // The monitor is the parent of the container's first process.
                let pid = try box.inspect(id, ".State.Pid")
                let status = try Sys.readText("/proc/\(pid)/status")
                return status.lines.first { $0.hasPrefix("PPid:") }?.split(separator: "\t").last ?? ""
            }
            // They give back what they do not need once they had nothing to do for a second.
            try eventually("monitors are small") {
                let sizes = try monitors.map { monitor in
                    let rollup = try Sys.readText("/proc/\(monitor)/smaps_rollup").lines
                    let kilobytes = rollup.first { $0.hasPrefix("Pss:") }?.split(separator: " ").dropFirst().first
                    return Int(kilobytes ?? "") ?? 0
                }
                return sizes.allSatisfy { $0 > 0 && $0 <= 250 }
            }
        }
    }
}
