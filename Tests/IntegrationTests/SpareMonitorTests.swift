import Glibc
import Kernel
import Testing

/// Monitors that are made ahead of their containers.
@Suite(.enabled(if: Programs.areReady, Programs.need))
struct SpareMonitorTests {
    @Test("boxd's end, either way, is the end of monitors without a container, and of no other")
    func endOfTheDaemon() throws {
        try withDaemon { box in
            let id = try box.box("run", "-d", "busybox", "sleep", "1000")
            for kills in [true, false] {
                let nursery = try nursery(of: box)
                try eventually("monitors wait") { children(of: nursery).count > 1 }
                let supervising = try parent(of: Int32(try box.inspect(id, ".State.Pid")) ?? 0)
                let spare = children(of: nursery).filter { $0 != supervising }
                if kills { try box.kill() } else { #expect(try box.terminate() == 0) }
                try eventually("they have ended") { ([nursery] + spare).allSatisfy { !isAlive($0) } }
                try box.start()
                #expect(try box.box("exec", id, "echo", "still here") == "still here")
            }
        }
    }

    @Test("Monitors that died while they waited, and the nursery, are missed by nobody")
    func deadSpares() throws {
        try withDaemon { box in
            let nursery = try nursery(of: box)
            try eventually("monitors wait") { children(of: nursery).count > 1 }
            for spare in children(of: nursery) { try Processes.kill(spare, SIGKILL) }
            #expect(try box.box("run", "--rm", "busybox", "echo", "one") == "one")
            try Processes.kill(nursery, SIGKILL)
            try eventually("it is gone") { !isAlive(nursery) }
            for word in ["two", "three", "four", "five", "six", "seven"] {
                #expect(try box.box("run", "--rm", "busybox", "echo", word) == word)
            }
            #expect(try self.nursery(of: box) != nursery)
        }
    }

    @Test("More containers at once than monitors wait")
    func burst() throws {
        try withDaemon { box in
            let many = try (0..<12).map { number in
                try box.background(["run", "--rm", "busybox", "sh", "-c", "echo \(number); exit \(number)"])
            }
            for (number, client) in many.enumerated() {
                let outcome = try client.wait(within: 60)
                #expect(outcome.output.trimmed == "\(number)", "\(outcome)")
                #expect(outcome.status == Int32(number))
            }
        }
    }

    @Test("A container sees what was mounted on the host after its monitor was made")
    func laterMounts() throws {
        try withDaemon { box in
            try eventually("monitors wait") { children(of: try nursery(of: box)).count > 1 }
            let source = "\(box.place)/source"
            try Sys.makeDirectories(source + "/below")
            try Mounts.mount("tmpfs", source, type: "tmpfs")
            defer { try? Mounts.unmount(source) }
            try Sys.makeDirectories(source + "/below")
            try Mounts.mount("tmpfs", source + "/below", type: "tmpfs")
            defer { try? Mounts.unmount(source + "/below") }
            try Sys.replaceFile(source + "/a", Array("top".utf8))
            try Sys.replaceFile(source + "/below/b", Array("below".utf8))
            for _ in 0..<5 {
                #expect(
                    try box.box("run", "--rm", "-v", "\(source):/m", "busybox", "cat", "/m/a", "/m/below/b")
                        == "topbelow")
            }
            // And the other way round: what a start must not see is not kept either.
            try Mounts.unmount(source + "/below")
            #expect(try box.box("run", "--rm", "-v", "\(source):/m", "busybox", "ls", "-A", "/m/below").isEmpty)
        }
    }

    @Test("What a container is like does not depend on how its monitor came about", arguments: [true, false])
    func modes(kills: Bool) throws {
        try withDaemon { box in
            if kills { try Processes.kill(try nursery(of: box), SIGKILL) }
            func run(_ options: [String], _ command: String) throws -> String {
                try box.box(["run", "--rm"] + options + ["busybox", "sh", "-c", command])
            }
            func own(_ kind: String) throws -> String { try Sys.readlink("/proc/self/ns/\(kind)") }
            #expect(try run(["--pid", "host"], "readlink /proc/self/ns/pid") == own("pid"))
            #expect(try run(["--uts", "host"], "readlink /proc/self/ns/uts") == own("uts"))
            #expect(try run(["--ipc", "host"], "readlink /proc/self/ns/ipc") == own("ipc"))
            #expect(try run(["--network", "host"], "readlink /proc/self/ns/net") == own("net"))
            for kind in ["pid", "uts", "ipc", "net", "mnt", "cgroup"] {
                #expect(try run([], "readlink /proc/self/ns/\(kind)") != own(kind))
            }
            #expect(try run(["--network", "none"], "ip link | grep -c UP") == "1")
            #expect(try run(["--shm-size", "1m"], "df -k /dev/shm | tail -n 1 | awk '{print $2}'") == "1024")
            #expect(try run([], "df -k /dev/shm | tail -n 1 | awk '{print $2}'") == "65536")
            #expect(try run(["--tmpfs", "/dev/x"], "ls /dev | tr '\\n' ' '").contains("mqueue"))
            #expect(try run(["-h", "lodge"], "hostname") == "lodge")
            #expect(try run(["--init"], "ps -o pid,args | grep -c '1 '") != "0")
            #expect(try run([], "echo $$; sleep 0; set -- /proc/[0-9]*; echo $*").lines == ["1", "/proc/1"])
            #expect(try run(["--privileged"], "test -w /proc/sys/kernel/domainname && echo yes") == "yes")
            #expect(try run([], "cat /proc/keys /proc/timer_list | wc -c; ls /proc/acpi /sys/firmware").first == "0")
            let nodes = try run([], "ls -l /dev | awk '{print $1, $10, $11}' | sort | md5sum")
            #expect(try run(["--network", "host"], "ls -l /dev | awk '{print $1, $10, $11}' | sort | md5sum") == nodes)
        }
    }

    private func nursery(of box: Daemon) throws -> Int32 {
        var found: Int32?
        try eventually("boxd has a nursery") {
            found = children(of: box.pid ?? 0).first { pid in
                ((try? Sys.readText("/proc/\(pid)/cmdline")) ?? "").contains("--nursery")
            }
            return found != nil
        }
        return try #require(found)
    }

    private func children(of pid: Int32) -> [Int32] {
        let all = (try? Sys.list("/proc")) ?? []
        return all.compactMap { Int32($0.name) }.filter { (try? parent(of: $0)) == pid && isAlive($0) }
    }

    private func fields(_ pid: Int32) throws -> [Substring] {
        let text = try Sys.readText("/proc/\(pid)/stat")
        let end = try #require(text.lastIndex(of: ")"))
        return text[text.index(after: end)...].split(separator: " ")
    }

    private func parent(of pid: Int32) throws -> Int32 { Int32(try fields(pid)[1]) ?? 0 }
    private func isAlive(_ pid: Int32) -> Bool { ((try? fields(pid)) ?? ["Z"])[0] != "Z" }
}
