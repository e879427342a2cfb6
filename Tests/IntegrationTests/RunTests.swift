import Testing

@Suite(.enabled(if: Programs.areReady, Programs.need))
struct RunTests {
    @Test("The exit code is the program's, or says who failed")
    func exitCodes() throws {
        try withDaemon { box in
            #expect(try box.run("run", "--rm", "busybox", "sh", "-c", "exit 7").status == 7)
            #expect(try box.run("run", "--rm", "busybox", "true").status == 0)
            #expect(try box.run("run", "--rm", "busybox", "sh", "-c", "sh -c 'kill -9 $$'; exit $?").status == 137)
            #expect(try box.run("run", "--rm", "busybox", "no-such-program").status == 127)
            #expect(try box.run("run", "--rm", "busybox", "/etc/passwd").status == 126)
            #expect(try box.run("run", "--rm", "no-such-image").status == 125)
            let unknown = try box.run("run", "--no-such-flag", "busybox")
            #expect(unknown.status == 125)
            #expect(unknown.errors.contains("no-such-flag"))
            #expect(try box.box("ps", "-aq").isEmpty)
        }
    }

    @Test(
        "What is not there yet is refused by name",
        arguments: [
            ["--link", "db"], ["--gpus", "all"], ["--storage-opt", "size=1G"],
        ])
    func refused(flags: [String]) throws {
        try withDaemon { box in
            let outcome = try box.run(["run", "--rm"] + flags + ["busybox", "true"])
            #expect(outcome.status == 125)
            #expect(!outcome.errors.isEmpty)
            #expect(try box.box("ps", "-aq").isEmpty)
        }
    }

    @Test("Pipes: input to output, errors apart, bytes as they are, the end seen")
    func pipes() throws {
        try withDaemon { box in
            #expect(try box.box(["run", "-i", "--rm", "busybox", "cat"], input: Array("hi\n".utf8)) == "hi")
            let apart = try box.run("run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2; echo out")
            #expect(apart.output == "out\nout\n")
            #expect(apart.errors == "err\n")
            // 5 MB with every byte value, in and out again.
            let bytes = (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 11) }
            let outcome = try box.run(["run", "-i", "--rm", "busybox", "cat"], input: bytes)
            #expect(outcome.status == 0)
            #expect(outcome.bytes == bytes)
            // The end of the input is not the end of the output.
            let counted = try box.box(
                ["run", "-i", "--rm", "busybox", "sh", "-c", "wc -c; sleep 0.3; echo later"], input: Array("four".utf8))
            #expect(counted == "4\nlater")
        }
    }

    @Test("A container is alone: processes, name, mounts, descriptors, signals, capabilities")
    func isolation() throws {
        try withDaemon { box in
            #expect(try box.box("run", "--rm", "busybox", "sh", "-c", "echo $$") == "1")
            #expect(try box.box("run", "--rm", "-h", "somewhere", "busybox", "hostname") == "somewhere")
            // The shell itself counts: two ends of a pipe need not be alive at the same moment.
            #expect(try box.box("run", "--rm", "busybox", "sh", "-c", "set -- /proc/[0-9]*; echo $*") == "/proc/1")
            #expect(try box.box("run", "--rm", "busybox", "sh", "-c", "ls /proc/1/fd; true").lines == ["0", "1", "2"])
            let status = try box.box("run", "--rm", "busybox", "cat", "/proc/self/status")
            func field(_ name: String) -> String? {
                status.lines.first { $0.hasPrefix(name + ":") }?.split(separator: "\t").last.map(String.init)
            }
            #expect(field("SigBlk") == "0000000000000000")
            #expect(field("SigIgn") == "0000000000000000")
            #expect(field("CapInh") == "0000000000000000")
            #expect(field("CapEff") == "00000000a80425fb")
            #expect(field("CapBnd") == "00000000a80425fb")
            #expect(field("Seccomp") == "2")
            let links = try box.box("run", "--rm", "busybox", "sh", "-c", "ls /sys/class/net")
            #expect(links == "eth0\nlo")
            #expect(try box.run("run", "--rm", "busybox", "sh", "-c", "echo 1 > /proc/sys/kernel/sysrq").status != 0)
            #expect(try box.box("run", "--rm", "busybox", "sh", "-c", "wc -c < /proc/keys") == "0")
        }
    }

    @Test("Flags of run do what they say")
    func flags() throws {
        try withDaemon { box in
            #expect(try box.box("run", "--rm", "-e", "A=b c", "busybox", "sh", "-c", "echo $A") == "b c")
            #expect(try box.box("run", "--rm", "-w", "/new/place", "busybox", "pwd") == "/new/place")
            #expect(try box.box("run", "--rm", "-u", "33", "busybox", "id", "-un") == "www-data")
            #expect(try box.box("run", "--rm", "-u", "1234:5678", "busybox", "id", "-g") == "5678")
            #expect(try box.box("run", "--rm", "--entrypoint", "echo", "busybox", "a", "b") == "a b")
            #expect(try box.run("run", "--rm", "--read-only", "busybox", "touch", "/x").status == 1)
            #expect(try box.run("run", "--rm", "--read-only", "--tmpfs", "/t", "busybox", "touch", "/t/x").status == 0)
            #expect(try box.box("run", "--rm", "--ulimit", "nofile=77:99", "busybox", "sh", "-c", "ulimit -n") == "77")
            #expect(
                try box.box("run", "--rm", "--add-host", "far:192.0.2.7", "busybox", "grep", "far", "/etc/hosts")
                    .contains("192.0.2.7"))
            #expect(
                try box.box("run", "--rm", "--dns", "192.0.2.53", "busybox", "cat", "/etc/resolv.conf")
                    .contains("nameserver 192.0.2.53"))
            let dropped = try box.box(
                "run", "--rm", "--cap-drop", "all", "--cap-add", "chown", "busybox", "grep", "CapEff",
                "/proc/self/status")
            #expect(dropped.hasSuffix("0000000000000001"))
            let locked = try box.box(
                "run", "--rm", "--security-opt", "no-new-privileges", "busybox", "grep", "NoNewPrivs",
                "/proc/self/status")
            #expect(locked.hasSuffix("1"))
            let init1 = try box.box("run", "--rm", "--init", "busybox", "sh", "-c", "echo $$; cat /proc/1/comm")
            #expect(init1.lines.first != "1")
            #expect(try box.box("run", "--rm", "--shm-size", "1m", "busybox", "df", "-k", "/dev/shm").contains("1024"))
            #expect(
                try box.box(
                    "run", "--rm", "--sysctl", "net.ipv4.ip_forward=1", "busybox", "cat",
                    "/proc/sys/net/ipv4/ip_forward") == "1")
            #expect(
                try box.run("run", "--rm", "--device", "/dev/zero:/dev/naught", "busybox", "head", "-c1", "/dev/naught")
                    .status == 0)
        }
    }

    @Test("Memory and processes are limited, and an end by memory is known")
    func limits() throws {
        try withDaemon { box in
            let hog = "x=$(head -c 200000000 /dev/zero | tr '\\0' x); echo alive"
            let outcome = try box.run([
                "run", "--name", "hog", "-m", "32m", "--memory-swap", "32m", "busybox", "sh", "-c", hog,
            ])
            #expect(outcome.status == 137)
            #expect(try box.inspect("hog", ".State.OOMKilled") == "true")
            let forks = "for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done; wait"
            #expect(
                try box.run(["run", "--rm", "--pids-limit", "5", "busybox", "sh", "-c", forks]).errors.contains("fork"))
        }
    }
}
