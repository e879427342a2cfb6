import Glibc
import Kernel
import Testing

@Suite(.enabled(if: Programs.areReady, Programs.need))
struct LostMonitorTests {
    @Test("kill -9 of a monitor: its container has ended, paused or not, and nothing is left of the run")
    func killed() throws {
        try withDaemon { box in
            let running = try box.box("run", "-d", "busybox", "sleep", "1000")
            let paused = try box.box("run", "-d", "busybox", "sleep", "1000")
            try box.box("pause", paused)
            for id in [running, paused] {
                try Processes.kill(try monitor(of: id, box), SIGKILL)
                try box.waitUntil(id, "{{.State.Status}} {{.State.ExitCode}}", is: "exited 255")
                let files = "\(box.place)/run/containers/\(id)"
                #expect(!Sys.exists(files + "/pid"))
                #expect(!Sys.exists(files + "/monitor.sock"))
                // In what the last run left it could not start.
                try box.box("start", id)
                #expect(try box.box("exec", id, "echo", "again") == "again")
            }
        }
    }

    @Test("kill -9 of boxd and of a monitor: the next boxd cleans up")
    func killedWithTheDaemon() throws {
        try withDaemon { box in
            let id = try box.box("run", "-d", "busybox", "sleep", "1000")
            let monitor = try monitor(of: id, box)
            try box.kill()
            try Processes.kill(monitor, SIGKILL)
            try box.start()
            try box.waitUntil(id, "{{.State.Status}} {{.State.ExitCode}}", is: "exited 255")
            #expect(!Sys.exists("\(box.place)/run/containers/\(id)/monitor.sock"))
            try box.box("start", id)
            #expect(try box.box("exec", id, "echo", "again") == "again")
        }
    }

    @Test("kill -9 of boxd in the middle of an automatic removal: the next boxd finishes it")
    func killedWhileRemoving() throws {
        try withDaemon { box in
            let named = try box.box("run", "-d", "--rm", "-v", "/data", "busybox", "sleep", "1000")
            let half = try box.box("run", "-d", "--rm", "busybox", "sleep", "1000")
            let monitors = try [named, half].map { try monitor(of: $0, box) }
            try box.kill()
            for monitor in monitors { try Processes.kill(monitor, SIGKILL) }
            // A removal begins with the run directory; then the container's own is moved away at once.
            try eventually("the containers are gone") {
                monitors.allSatisfy { !Sys.exists("/proc/\($0)") }
            }
            for id in [named, half] { try Sys.removeTree("\(box.place)/run/containers/\(id)") }
            try Sys.removeTree("\(box.place)/data/containers/\(half)")
            try box.start()
            try eventually("both are removed") { try box.box("ps", "-aq").isEmpty }
            #expect(try box.box("volume", "ls", "-q") == "")
            for id in [named, half] { #expect(!Sys.exists("\(box.place)/data/containers/\(id)")) }
        }
    }

    @Test("What shares another's network has its name and addresses")
    func sharedName() throws {
        try withDaemon { box in
            try box.box("run", "-d", "--name", "owner", "-h", "lodge", "busybox", "sleep", "1000")
            let show = "hostname; echo $HOSTNAME; tail -n 1 /etc/hosts"
            let shown = try box.box("run", "--rm", "--network", "container:owner", "busybox", "sh", "-c", show)
            let address = try box.inspect("owner", ".NetworkSettings.IPAddress")
            #expect(shown == "lodge\nlodge\n\(address)\tlodge")
        }
    }

    private func monitor(of id: String, _ box: Daemon) throws -> Int32 {
        let pid = try box.inspect(id, ".State.Pid")
        let fields = try Sys.readText("/proc/\(pid)/stat").split(separator: " ")
        return try #require(Int32(fields[3]))
    }
}
