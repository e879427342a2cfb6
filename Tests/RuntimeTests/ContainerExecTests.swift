import FoundationEssentials
import Glibc
import Kernel
import OCI
import Testing

@Suite(.serialized, .enabled(if: Machine.canRunContainers, Machine.reason))
struct ContainerExecTests {
    @Test func runsInside() throws {
        let container = try TestContainer("sleep", "1000")
        try container.start()
        var output = try container.runtime(
            "exec", container.id, "sh", "-c", "hostname; cat; set -- /proc/[0-9]*; echo $#; exit 5", input: "in\n")
        #expect(output.code == 5)
        // The first process and this shell, which counts by itself: the ends of a pipe need not live at the same moment.
        #expect(output.lines == ["boxed", "in", "2"])
        output = try container.runtime(
            "exec", container.id, "sh", "-c", "for n in pid net ipc uts mnt cgroup; do readlink /proc/self/ns/$n; done")
        let own = try container.runtime(
            "exec", container.id, "sh", "-c", "for n in pid net ipc uts mnt cgroup; do readlink /proc/1/ns/$n; done")
        // Without CAP_SYS_PTRACE another process's links are hidden, unless it has the same credentials: it has.
        #expect(output.lines == own.lines && output.lines.count == 6)
        #expect(try container.runtime("exec", container.id, "ls", "/proc/self/fd").lines == ["0", "1", "2", "3"])
        #expect(
            try container.runtime("exec", container.id, "cat", "/proc/self/cgroup").lines.allSatisfy {
                $0.hasSuffix(":/") || !$0.contains("pids")
            })
    }

    @Test func userEnvironmentDirectoryCapabilities() throws {
        let container = try TestContainer("sleep", "1000")
        try container.start()
        var output = try container.runtime(
            "exec", "--user", "1000:1001", "--additional-gids", "5,6", "--env", "A=b", "--cwd", "/tmp", container.id,
            "sh", "-c",
            "id -u; id -g; id -G; echo $A; pwd; grep CapEff /proc/self/status")
        #expect(output.lines == ["1000", "1001", "1001 5 6", "b", "/tmp", "CapEff:\t0000000000000000"])
        output = try container.runtime(
            "exec", "--cap", "CAP_SYS_PTRACE", container.id, "grep", "CapEff", "/proc/self/status")
        #expect(output.lines == ["CapEff:\t00000000a80c25fb"])
        output = try container.runtime("exec", "--user", "-1", container.id, "true")
        #expect(output.err.contains("is no numeric id"))
    }

    @Test func processFromAFile() throws {
        let container = try TestContainer("sleep", "1000")
        try container.start()
        let file = "\(container.directory)/process.json"
        let process = ProcessSpec(
            user: UserSpec(uid: 7, gid: 8),
            args: ["sh", "-c", "id -u; umask; grep -E 'CapBnd|NoNew' /proc/self/status; nproc"],
            env: ["PATH=/bin"], cwd: "/tmp", noNewPrivileges: true, oomScoreAdj: 77,
            execCPUAffinity: ExecCPUAffinity(final: "0"))
        try Sys.symlink("busybox", "\(container.rootfs)/bin/nproc")
        try Sys.replaceFile(file, try JSONEncoder().encode(process))
        let output = try container.runtime("exec", "--process", file, container.id)
        #expect(
            output.lines
                == ["7", "0022", "NoNewPrivs:\t1", "CapBnd:\t0000000000000000", "1"].reordered(as: output.lines),
            "\(output)")
    }

    @Test func failures() throws {
        let container = try TestContainer("sleep", "1000")
        try container.start()
        var output = try container.runtime("exec", container.id, "nothing")
        #expect(output.code == 127)
        #expect(output.err.contains("executable file not found in $PATH"))
        output = try container.runtime("exec", container.id, "/etc")
        #expect(output.code == 126)
        for fd in 3..<20 {
            output = try container.runtime("exec", "--cwd", "/proc/self/fd/\(fd)", container.id, "ls")
            #expect(output.code != 0 && output.out.isEmpty)
        }
        #expect(try container.runtime("exec", container.id).err.contains("the command is missing"))
        #expect(try container.runtime("exec", "other", "true").err.contains("does not exist"))
        _ = try container.runtime("kill", container.id, "KILL")
        _ = try container.wait(for: "stopped")
        #expect(try container.runtime("exec", container.id, "true").err.contains("it is stopped"))
    }

    @Test func terminal() throws {
        let container = try TestContainer("sleep", "1000")
        try container.start()
        let output = try container.runtime(
            "exec", "-t", container.id, "sh", "-c", "tty; echo err >&2; stat -c %F $(tty)")
        #expect(output.out == "/dev/pts/0\r\nerr\r\ncharacter special file\r\n")
        // Of the container itself: with a console, a size, and a terminal that the program controls.
        let first = try TestContainer(
            "sh", "-c", "tty; stty size; stat -c %F /dev/console; echo x > /dev/tty; ls -l /dev/ptmx | wc -l",
            name: "terminal-first")
        first.spec.process?.terminal = true
        first.spec.process?.consoleSize = ConsoleSize(height: 33, width: 77)
        let shown = try first.run()
        #expect(shown.out == "/dev/pts/0\r\n33 77\r\ncharacter special file\r\nx\r\n1\r\n", "\(shown)")
    }
}

extension Array where Element == String {
    /// The same lines in the order in which they came, if they are the same.
    fileprivate func reordered(as other: [String]) -> [String] { sorted() == other.sorted() ? other : self }
}
