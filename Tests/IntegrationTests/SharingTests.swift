import Glibc
import Kernel
import Testing

/// Namespaces shared on purpose, and the flags that say what a container is beside its program.
@Suite(.enabled(if: Programs.areReady, Programs.need))
struct SharingTests {
    @Test("Namespaces of the host and of another container")
    func namespaces() throws {
        try withDaemon { box in
            func link(_ name: String) throws -> String { try Sys.readlink("/proc/self/ns/\(name)") }
            func seen(_ flags: [String], _ name: String) throws -> String {
                try box.box(["run", "--rm"] + flags + ["busybox", "readlink", "/proc/self/ns/\(name)"])
            }
            for (flag, name) in [("--network", "net"), ("--pid", "pid"), ("--ipc", "ipc"), ("--uts", "uts")] {
                let host = try link(name)
                let shared = try seen([flag, "host"], name)
                let own = try seen([], name)
                #expect(shared == host, "\(flag) host")
                #expect(own != host)
            }
            let first = try box.box("run", "-d", "--name", "first", "--ipc", "shareable", "busybox", "sleep", "1000")
            let pid = try box.inspect(first, ".State.Pid")
            for (flag, name) in [("--network", "net"), ("--pid", "pid"), ("--ipc", "ipc")] {
                let its = try Sys.readlink("/proc/\(pid)/ns/\(name)")
                let joined = try seen([flag, "container:first"], name)
                #expect(joined == its, "\(flag) container:first")
            }
        }
    }

    @Test("Files of variables and labels, files for the id, groups, scores")
    func details() throws {
        try withDaemon { box in
            try Sys.replaceFile("\(box.place)/variables", "# a comment\nONE=1\nTWO=two words\n".utf8)
            let variables = try box.box(
                "run", "--rm", "--env-file", "\(box.place)/variables", "busybox", "sh", "-c", "echo $ONE $TWO")
            #expect(variables == "1 two words")
            let id = try box.box(
                "run", "-d", "--cidfile", "\(box.place)/id", "--label", "tier=front", "--oom-score-adj", "500",
                "--group-add", "www-data", "--group-add", "4321", "busybox", "sleep", "1000")
            #expect(try Sys.readText("\(box.place)/id") == id)
            #expect(try box.box("ps", "-q", "--no-trunc", "--filter", "label=tier=front") == id)
            #expect(try box.box("ps", "-q", "--filter", "label=tier=back").isEmpty)
            let pid = try box.inspect(id, ".State.Pid")
            #expect(try Sys.readText("/proc/\(pid)/oom_score_adj") == "500\n")
            let groups = try box.box("exec", id, "id", "-G").split(separator: " ")
            #expect(groups.contains("33") && groups.contains("4321"))
            let again = try box.run("run", "--cidfile", "\(box.place)/id", "busybox", "true")
            #expect(again.status == 125)
            let limited = try box.box(
                "run", "--rm", "--cpus", "0.5", "--cpu-shares", "512", "--cpuset-cpus", "0", "busybox", "sh", "-c",
                "grep Cpus_allowed_list /proc/self/status")
            #expect(limited.hasSuffix("\t0"))
        }
    }

    @Test("A client gets all of it; one that leaves in the middle holds up nobody")
    func leavingClient() throws {
        try withDaemon { box in
            let reader = try box.background([
                "run", "--name", "talker", "busybox", "sh", "-c", "seq 1 300000; echo end",
            ])
            try box.waitUntil("talker", ".State.Status", is: "exited", within: 60)
            let outcome = try reader.wait()
            #expect(outcome.output.hasSuffix("\n300000\nend\n"))
            // And one that has gone in the middle.
            let leaver = try box.background([
                "run", "--name", "second", "busybox", "sh", "-c", "seq 1 300000; sleep 1; seq 1 300000",
            ])
            try eventually("something comes") { !leaver.output.isEmpty }
            try leaver.signal(SIGKILL)
            _ = try leaver.wait()
            try box.waitUntil("second", "{{.State.Status}} {{.State.ExitCode}}", is: "exited 0", within: 60)
        }
    }

    @Test("Several daemons on one machine know nothing of each other")
    func sideBySide() throws {
        try withDaemon { one in
            try withDaemon { two in
                try one.box("run", "-d", "--name", "same", "busybox", "sleep", "1000")
                try two.box("run", "-d", "--name", "same", "busybox", "sleep", "1000")
                #expect(try one.inspect("same", ".Id") != two.inspect("same", ".Id"))
                try two.box("rm", "-f", "same")
                #expect(try one.inspect("same", ".State.Status") == "running")
            }
        }
    }
}
