import Basics
import Glibc
import Kernel
import Testing

/// Images and containers that mean harm. What they would reach has to stay as it is.
@Suite(.enabled(if: Programs.areReady, Programs.need))
struct AttackTests {
    /// An image with a busybox and whatever `prepare` adds below a folder.
    private func hostileImage(_ box: Daemon, _ name: String, _ prepare: (String) throws -> Void) throws {
        let tree = "\(box.place)/tree-\(Identifier().short)"
        try Sys.makeDirectories("\(tree)/bin")
        try Sys.replaceFile("\(tree)/bin/busybox", try Sys.readFile("/bin/busybox"), mode: 0o755)
        try Sys.symlink("busybox", "\(tree)/bin/sh")
        try prepare(tree)
        let packed = try Running.run("tar", ["-C", tree, "-cf", "\(box.place)/hostile.tar", "."])
        #expect(packed.status == 0)
        try box.box("import", "\(box.place)/hostile.tar", name)
        try Sys.removeTree(tree)
    }

    private func checksum(_ path: String) throws -> String { try Running.run("sha256sum", [path]).output }

    @Test("Links in an image lead nowhere outside of it, at start, with cp and with exec")
    func links() throws {
        try withDaemon(images: []) { box in
            let canary = "\(box.place)/canary"
            try Sys.makeDirectories(canary)
            try Sys.replaceFile("\(canary)/file", "untouched\n".utf8)
            for place in ["dev", "proc", "sys", "etc", "dev/shm"] {
                try hostileImage(box, "hostile:1") { tree in
                    if place.contains("/") { try Sys.makeDirectories("\(tree)/dev") }
                    try Sys.symlink(canary, "\(tree)/\(place)")
                }
                // It may be refused or run confined.
                _ = try box.run(
                    "run", "--rm", "-v", "/vol", "hostile:1", "sh", "-c",
                    "echo x > /\(place)/file; echo x > /dev/stdout; busybox mkdir /\(place)/made")
                #expect(try Sys.list(canary).map(\.name) == ["file"], "/\(place) is a link")
                #expect(try Sys.readText("\(canary)/file") == "untouched\n")
            }
            try hostileImage(box, "hostile:2") { tree in
                try Sys.symlink(canary, "\(tree)/out")
                try Sys.symlink("/etc/passwd", "\(tree)/secret")
            }
            let id = try box.box("run", "-d", "hostile:2", "busybox", "sleep", "1000")
            try Sys.replaceFile("\(box.place)/given", "x".utf8)
            _ = try box.run("cp", "\(box.place)/given", "\(id):/out/made")
            _ = try box.run("cp", "-L", "\(id):/secret", "\(box.place)/stolen")
            #expect(!Sys.exists("\(canary)/made"))
            #expect((try? Sys.readText("\(box.place)/stolen"))?.contains("root:") != true)
            _ = try box.run("run", "--rm", "-v", "data:/out/data", "hostile:2", "sh", "-c", "echo > /out/data/x")
            #expect(try Sys.list(canary).map(\.name) == ["file"])
        }
    }

    @Test("Our own programs cannot be written through /proc")
    func programs() throws {
        try withDaemon { box in
            let paths = ["boxd", "box-runtime"].map { "\(Programs.directory)/\($0)" }
            let before = try paths.map(checksum)
            // The container's first program is whatever started it, for a moment (CVE-2019-5736).
            _ = try box.run("run", "--rm", "--entrypoint", "/proc/self/exe", "busybox", "--version")
            let id = try box.box(
                "run", "-d", "--cap-add", "SYS_PTRACE", "busybox", "sh", "-c",
                "while true; do for p in /proc/[0-9]*; do echo evil 2>/dev/null > $p/exe; done; done 2>/dev/null")
            for _ in 0..<20 { _ = try box.run("exec", id, "true") }
            #expect(try paths.map(checksum) == before)
        }
    }

    @Test("No working directory leads out", arguments: 3...12)
    func workingDirectory(number: Int) throws {
        try withDaemon { box in
            // CVE-2024-21626: a descriptor of the host, left open, as the working directory.
            let path = "/proc/self/fd/\(number)"
            let outcome = try box.run("run", "--rm", "-w", path, "busybox", "sh", "-c", "ls ../../../../../..")
            #expect(outcome.status != 0 || !outcome.output.contains("boot"), "\(outcome)")
            let id = try box.box("run", "-d", "busybox", "sleep", "1000")
            let exec = try box.run("exec", "-w", path, id, "sh", "-c", "ls ../../../../../..")
            #expect(exec.status != 0 || !exec.output.contains("boot"), "\(exec)")
        }
    }

    @Test("Users are who the numbers say, and strange ones are refused")
    func users() throws {
        try withDaemon { box in
            // A name that is a number does not win over the number (CVE-2026-46680).
            try hostileImage(box, "users:1") { tree in
                try Sys.makeDirectories("\(tree)/etc")
                try Sys.replaceFile(
                    "\(tree)/etc/passwd", "root:x:0:0::/:/bin/sh\n1000:x:0:0::/:/bin/sh\n".utf8, mode: 0o644)
            }
            #expect(try box.box("run", "--rm", "-u", "1000", "users:1", "busybox", "id", "-u") == "1000")
            for user in ["4294967296", "-1", "0x0", "nobody-like-this", "1:nobody-like-this"] {
                let outcome = try box.run("run", "--rm", "-u", user, "busybox", "id")
                #expect(outcome.status != 0, "-u \(user): \(outcome)")
            }
        }
    }

    @Test("Kernel settings of the host stay the host's")
    func settings() throws {
        try withDaemon { box in
            let core = try Sys.readText("/proc/sys/kernel/core_pattern")
            for setting in [
                "kernel.core_pattern=|/x", "a=1+kernel.core_pattern=|x", "=", "vm.swappiness=1", "net.ipv4.x\n=1",
            ] {
                let outcome = try box.run("run", "--rm", "--sysctl", setting, "busybox", "true")
                #expect(outcome.status != 0, "\(setting)")
            }
            let shared = try box.run(
                "run", "--rm", "--network", "host", "--sysctl", "net.ipv4.ip_forward=1", "busybox", "true")
            #expect(shared.status != 0)
            #expect(try Sys.readText("/proc/sys/kernel/core_pattern") == core)
            // And those that are masked or read-only.
            let probe =
                "for f in /proc/sysrq-trigger /proc/sys/kernel/core_pattern /proc/irq/0/smp_affinity; do echo b > $f; done"
            _ = try box.run("run", "--rm", "busybox", "sh", "-c", probe)
            #expect(try Sys.readText("/proc/sys/kernel/core_pattern") == core)
        }
    }

    @Test("System calls that only attackers need are refused")
    func systemCalls() throws {
        try withDaemon { box in
            #expect(try box.run("run", "--rm", "busybox", "unshare", "-U", "true").status != 0)
            #expect(try box.run("run", "--rm", "busybox", "mount", "-t", "tmpfs", "x", "/tmp").status != 0)
            #expect(try box.run("run", "--rm", "busybox", "dmesg").status != 0)
            let free = try box.box(
                "run", "--rm", "--security-opt", "seccomp=unconfined", "busybox", "grep", "Seccomp:",
                "/proc/self/status")
            #expect(free.hasSuffix("0"))
            let privileged = try box.box(
                "run", "--rm", "--privileged", "busybox", "sh", "-c",
                "mount -t tmpfs x /mnt 2>&1 || mkdir /mnt && mount -t tmpfs x /mnt && echo mounted")
            #expect(privileged.hasSuffix("mounted"))
        }
    }

    @Test("Names that would be paths are refused", arguments: ["../x", "a/b", "-x", "a b", "a\tb"])
    func names(name: String) throws {
        try withDaemon { box in
            for command in [
                ["create", "--name=\(name)", "busybox"], ["volume", "create", "--", name],
                ["tag", "busybox", "../\(name)"],
            ] {
                let outcome = try box.run(command)
                #expect(outcome.status != 0, "\(outcome)")
            }
            #expect(try box.box("ps", "-aq").isEmpty)
        }
    }
}
