import Kernel
import Testing

@Suite(.enabled(if: Programs.areReady, Programs.need))
struct VolumeTests {
    @Test("A named volume outlives its containers; an unnamed one goes with --rm")
    func named() throws {
        try withDaemon { box in
            try box.box("volume", "create", "notes")
            try box.box("run", "--rm", "-v", "notes:/n", "busybox", "sh", "-c", "echo kept > /n/file")
            #expect(try box.box("run", "--rm", "-v", "notes:/elsewhere", "busybox", "cat", "/elsewhere/file") == "kept")
            #expect(try box.run("run", "--rm", "-v", "notes:/n:ro", "busybox", "touch", "/n/x").status == 1)
            try box.box("run", "--rm", "-v", "/unnamed", "busybox", "true")
            #expect(try box.box("volume", "ls", "-q").lines == ["notes"])
            let id = try box.box("create", "-v", "notes:/n", "busybox")
            let busy = try box.run("volume", "rm", "notes")
            #expect(busy.status == 1)
            #expect(busy.errors.contains("in use"))
            try box.box("rm", id)
            try box.box("volume", "rm", "notes")
            #expect(try box.box("volume", "ls", "-q").isEmpty)
        }
    }

    @Test("An empty volume gets what the image has there, with its owners")
    func copyUp() throws {
        try withDaemon { box in
            let maker = "mkdir /d && echo text > /d/f && chown 33:34 /d /d/f && chmod 750 /d && ln -s f /d/l"
            try box.box("run", "--name", "maker", "busybox", "sh", "-c", maker)
            try box.box("commit", "maker", "withdata")
            let seen = try box.box(
                "run", "--rm", "-v", "fresh:/d", "withdata", "stat", "-c", "%n %u %g %a", "/d", "/d/f", "/d/l")
            #expect(seen.lines.prefix(2) == ["/d 33 34 750", "/d/f 33 34 644"])
            try box.box("run", "--rm", "-v", "fresh:/d", "busybox", "rm", "/d/f")
            // Not a second time, and not into a volume that has something.
            #expect(try box.run("run", "--rm", "-v", "fresh:/d", "withdata", "test", "-e", "/d/f").status == 1)
            let none = try box.box(
                "run", "--rm", "--mount", "type=volume,src=bare,dst=/d,volume-nocopy", "withdata", "ls", "-A", "/d")
            #expect(none.isEmpty)
        }
    }

    @Test("Bind mounts, tmpfs, volumes of others, parts of volumes")
    func others() throws {
        try withDaemon { box in
            try Sys.makeDirectories("\(box.place)/shared/deep")
            try Sys.replaceFile("\(box.place)/shared/deep/file", "host\n".utf8, mode: 0o644)
            let bind = "\(box.place)/shared"
            #expect(try box.box("run", "--rm", "-v", "\(bind):/s", "busybox", "cat", "/s/deep/file") == "host")
            #expect(try box.run("run", "--rm", "-v", "\(bind):/s:ro", "busybox", "touch", "/s/x").status == 1)
            try box.box("run", "--rm", "--mount", "type=bind,src=\(bind),dst=/s", "busybox", "touch", "/s/made")
            #expect(Sys.exists("\(bind)/made"))
            let missing = try box.run("run", "--rm", "--mount", "type=bind,src=\(bind)/none,dst=/s", "busybox", "true")
            #expect(missing.status == 125)
            #expect(missing.errors.contains("\(bind)/none"))
            let tmpfs = try box.box(
                "run", "--rm", "--mount", "type=tmpfs,dst=/t,tmpfs-size=1m", "busybox", "sh", "-c", "df -k /t | tail -1"
            )
            #expect(tmpfs.contains("1024"))
            let first = try box.box("create", "-v", "things:/things", "busybox", "true")
            try box.box(
                "run", "--rm", "--volumes-from", first, "busybox", "sh", "-c",
                "mkdir /things/sub; echo 1 > /things/sub/a")
            let part = try box.box(
                "run", "--rm", "--mount", "type=volume,src=things,dst=/p,volume-subpath=sub", "busybox", "ls", "/p")
            #expect(part == "a")
            let mounts = try Sys.readText("/proc/self/mountinfo")
            #expect(!mounts.contains(box.name))
        }
    }

    @Test(
        "PostgreSQL finds its rows again in a new container",
        .enabled(if: Programs.has(image: "postgres"), "needs the image postgres"))
    func postgres() throws {
        try withDaemon(images: ["postgres"]) { box in
            func server(_ name: String) throws {
                try box.box(
                    "run", "-d", "--name", name, "-v", "rows:/var/lib/postgresql/data", "-e",
                    "POSTGRES_PASSWORD=secret",
                    "postgres")
                do {
                    try eventually("\(name) answers", within: 60) {
                        try box.run("exec", name, "pg_isready", "-q", "-h", "127.0.0.1", "-U", "postgres").status == 0
                    }
                } catch { throw Trouble("\(error): \(try box.run("logs", name))") }
            }
            func sql(_ name: String, _ statement: String) throws -> String {
                try box.box("exec", name, "psql", "-U", "postgres", "-Atc", statement)
            }
            try server("first")
            _ = try sql("first", "create table t (n int); insert into t select generate_series(1, 1000)")
            try box.box("stop", "-t", "30", "first")
            #expect(try box.inspect("first", ".State.ExitCode") == "0")
            try box.box("rm", "first")
            try server("second")
            #expect(try sql("second", "select count(*), sum(n) from t") == "1000|500500")
            // And without being asked to stop.
            _ = try sql("second", "insert into t values (1001)")
            try box.box("rm", "-f", "second")
            try server("third")
            #expect(try sql("third", "select count(*) from t") == "1001")
        }
    }

    @Test("cp reaches the volumes of a container that does not run, started before or not")
    func copyIntoStopped() throws {
        try withDaemon { box in
            let host = "\(box.place)/from host"
            try Sys.makeDirectories(host)
            try box.box(
                "create", "--name", "still", "--read-only", "-v", "kept:/vol", "-v", "\(host):/host:ro", "busybox",
                "cat",
                "/vol/group")
            try box.box("cp", "/etc/group", "still:/vol/group")
            #expect(try box.run("cp", "/etc/group", "still:/host/group").status != 0)
            #expect(try box.run("cp", "/etc/group", "still:/group").status != 0)
            #expect(try Sys.list(host).isEmpty)
            #expect(try box.box("start", "-a", "still").contains("root"))
            // The container's own layer has the mount points alone.
            #expect(Set(try box.box("diff", "still").lines) == ["A /host", "A /vol"])
            #expect(try box.box("run", "--rm", "-v", "kept:/vol", "busybox", "ls", "/vol") == "group")
        }
    }
}
