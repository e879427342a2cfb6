import Glibc
import Kernel
import OCI
import Testing

/// Images and configurations that try to reach the host.
@Suite(.serialized, .enabled(if: Machine.canRunContainers, Machine.reason))
struct ContainerAttackTests {
    @Test func workingDirectoryThroughADescriptor() throws {
        // CVE-2024-21626
        let container = try TestContainer("ls", "../../../..")
        for fd in 3..<40 {
            container.spec.process?.cwd = "/proc/self/fd/\(fd)"
            let output = try container.run()
            #expect(output.code != 0 && output.out == "", "\(fd): \(output)")
        }
        try Sys.symlink("/proc/self/fd/7", "\(container.rootfs)/way")
        container.spec.process?.cwd = "/way/../.."
        #expect(try container.run().code != 0)
    }

    @Test(arguments: ["proc", "sys", "dev"]) func symlinkInPlaceOfAFileSystem(_ name: String) throws {
        // CVE-2019-19921, CVE-2026-41579
        let container = try TestContainer("true", name: "symlinkInPlaceOf-\(name)")
        try Sys.unlink("\(container.rootfs)/\(name)", directory: true)
        try Sys.symlink("/tmp", "\(container.rootfs)/\(name)")
        let output = try container.run()
        #expect(output.code == 125)
        #expect(output.err.contains("the image has a symlink on the way there"), "\(output.err)")
    }

    @Test func symlinkedConsole() throws {
        // CVE-2025-52565
        let container = try TestContainer("true")
        container.spec.mounts?.removeAll { $0.destination == "/dev" }
        try Sys.makeDirectories("\(container.rootfs)/dev/pts")
        try Sys.symlink("/etc/canary", "\(container.rootfs)/dev/console")
        try container.write("etc/canary", "untouched")
        container.spec.process?.terminal = true
        let output = try container.run()
        #expect(output.err.contains("/dev/console is a symlink in the image"), "\(output)")
        #expect(try Sys.readText("\(container.rootfs)/etc/canary") == "untouched")
    }

    @Test func ownNullDeviceIsNotUsedAsAMask() throws {
        // CVE-2025-31133
        let container = try TestContainer("wc", "-c", "/proc/timer_list")
        container.spec.mounts?.removeAll { $0.destination == "/dev" || $0.destination == "/dev/pts" }
        try container.write("dev/null", "of the image")
        #expect(try container.run().err.contains("device /dev/null: something else is there already"))
    }

    @Test func mountPointsStayInside() throws {
        // CVE-2021-30465, CVE-2023-0778: every way to point out of the root.
        let canary = "/tmp/box-canary-\(getpid())"
        try Sys.makeDirectories(canary)
        defer { try? Sys.removeTree(canary) }
        let container = try TestContainer()
        let escape = String(repeating: "../", count: 30)
        for (name, target) in [("up", "\(escape)\(canary.dropFirst())"), ("abs", canary), ("fd", "/proc/self/cwd")] {
            try Sys.symlink(target, "\(container.rootfs)/\(name)")
        }
        container.spec.mounts? += ["up", "abs"].map {
            MountSpec(destination: "/\($0)/made", type: "tmpfs", source: "tmpfs", options: ["mode=755"])
        }
        container.spec.mounts?.append(
            MountSpec(destination: "/abs/file", type: "bind", source: "/dev/null", options: ["bind"]))
        container.shell("touch /up/made/x /abs/made/y; ls \(canary)/made")
        let output = try container.run()
        // Both ways lead to the same place inside, where the second file system covers the first.
        #expect(output.lines == ["x", "y"], "\(output)")
        #expect(try Sys.list(canary).isEmpty)
        #expect(try Sys.list("\(container.rootfs)\(canary)").map(\.name).sorted() == ["file", "made"])
        container.spec.mounts?.append(
            MountSpec(destination: "/fd/here", type: "tmpfs", source: "tmpfs", options: []))
        #expect(try container.run().err.contains("symlinks"))
    }

    @Test func rootThatIsASymlink() throws {
        let container = try TestContainer("true")
        try Sys.symlink("/", "\(container.directory)/link")
        container.spec.root?.path = "link"
        #expect(try container.run().err.contains("opening the root file system"))
    }

    @Test func theHostsProgramCannotBeOverwritten() throws {
        // CVE-2019-5736: the program itself as the interpreter, and pid 1 of ours that stays.
        let before = try Sys.readFile(Machine.runtime, limit: 1 << 30)
        let container = try TestContainer()
        let all = (0...40).map {
            "CAP_" + ["CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "SYS_PTRACE", "SYS_ADMIN"][$0 % 5]
        }
        container.spec.process?.capabilities = CapabilitySets(bounding: all, effective: all, permitted: all)
        try container.write("bin/evil", "#!/proc/self/exe state nothing\n", mode: 0o755)
        container.spec.process?.args = ["evil"]
        #expect(try container.run().code != 0)
        container.spec.process?.args = ["/proc/self/exe", "features"]
        _ = try container.run()
        container.shell(
            """
            (while :; do for p in /proc/[0-9]*; do echo evil > $p/exe; done; done) 2> /tmp/log &
            sleep 1; kill $!; grep -c -v -e 'Text file busy' -e nonexistent /tmp/log
            """)
        try container.start()
        for _ in 0..<15 { _ = try container.runtime("exec", container.id, "true") }
        #expect(try Sys.readFile(Machine.runtime, limit: 1 << 30) == before)
    }

    @Test func newProcessesCannotBeLookedInto() throws {
        // CVE-2016-9962: while a process of ours is on its way, the container sees none of its descriptors.
        let container = try TestContainer()
        container.shell(
            """
            end=$(($(cut -d. -f1 /proc/uptime) + 3))
            while [ $(cut -d. -f1 /proc/uptime) -lt $end ]; do
              for p in /proc/[0-9]*; do
                for f in $p/fd/*; do l=$(readlink $f) && case $l in /dev/*|pipe:*|/memfd*) ;; *) echo "$f $l" >> /tmp/seen;; esac; done
                readlink $p/cwd >> /tmp/cwd
              done
            done
            """)
        try Sys.symlink("busybox", "\(container.rootfs)/bin/cut")
        try container.start()
        for _ in 0..<20 { _ = try container.runtime("exec", container.id, "true") }
        _ = try container.wait(for: "stopped")
        let seen = (try? Sys.readText("\(container.rootfs)/tmp/seen")) ?? ""
        let host = seen.split(separator: "\n").filter {
            $0.contains(container.directory) || $0.contains("box") || $0.contains("cgroup")
        }
        #expect(host.isEmpty, "\(host.prefix(5))")
        let directories = Set(((try? Sys.readText("\(container.rootfs)/tmp/cwd")) ?? "").split(separator: "\n"))
        #expect(directories.isSubset(of: ["/"]), "\(directories)")
    }

    @Test func hugeConfigurations() throws {
        // CVE-2021-43784
        let container = try TestContainer("true")
        container.spec.mounts?.append(
            MountSpec(
                destination: "/x", type: "bind", source: "/" + String(repeating: "a", count: 70_000), options: ["bind"])
        )
        #expect(try container.run().code == 125)
        container.spec.mounts?.removeLast()
        container.spec.process?.env = ["PATH=/bin"] + (0..<10_000).map { "VARIABLE_\($0)=x" }
        #expect(try container.run().code == 0)
        container.spec.hostname = String(repeating: "h", count: 70)
        #expect(try container.run().err.contains("setting the host name"))
        container.spec.hostname = nil
        container.spec.process?.env = nil
        container.spec.process?.args = ["bad\0argument"]
        #expect(try container.run().err.contains("holds a NUL"))
    }

    @Test func seccompFilter() throws {
        let container = try TestContainer()
        container.spec.linux?.seccomp = LinuxSeccomp(
            defaultAction: .allow,
            syscalls: [SeccompSyscalls(names: ["mkdir", "mkdirat"], action: .errno, errnoRet: 13)])
        container.shell("mkdir /tmp/x; grep Seccomp: /proc/self/status")
        for noNewPrivileges in [false, true] {
            container.spec.process?.noNewPrivileges = noNewPrivileges
            let output = try container.run()
            #expect(output.out == "Seccomp:\t2\n")
            #expect(output.err.contains("Permission denied"), "\(output.err)")
        }
        // As another user, who never had the capability that installing it needs.
        container.spec.process?.noNewPrivileges = false
        container.spec.process?.user = UserSpec(uid: 1000, gid: 1000)
        container.shell("grep -E 'Seccomp:|CapPrm' /proc/self/status")
        #expect(try container.run().lines == ["CapPrm:\t0000000000000000", "Seccomp:\t2"])
    }
}
