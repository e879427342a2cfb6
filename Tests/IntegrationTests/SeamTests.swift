import Glibc
import Kernel
import Testing

/// box-runtime under another engine: what it is told, it is told by the OCI runtime specification alone.
@Suite(
    .enabled(
        if: getuid() == 0 && Sys.exists("\(Programs.directory)/box-runtime") && Sys.exists(Programs.image("busybox"))
            && Programs.find("podman") != nil,
        "needs root, podman, the program box-runtime and the image busybox"))
struct SeamTests {
    @Test("Podman runs containers with box-runtime")
    func podman() throws {
        let podman = try Podman(runtime: "\(Programs.directory)/box-runtime")
        defer { podman.remove() }
        try podman.expect(["load", "-q", "-i", Programs.image("busybox")])
        let run = ["run", "--network", "none"]
        #expect(try podman.run(run + ["--rm", "busybox", "sh", "-c", "exit 7"]).status == 7)
        #expect(try podman.run(run + ["--rm", "busybox", "no-such-program"]).status == 127)
        #expect(try podman.expect(run + ["--rm", "-t", "busybox", "tty"]) == "/dev/pts/0")
        let id = try podman.expect(run + ["-d", "-m", "64m", "busybox", "sleep", "1000"])
        #expect(try podman.run(["exec", id, "sh", "-c", "exit 4"]).status == 4)
        try podman.expect(["pause", id])
        #expect(try podman.expect(["inspect", "-f", "{{.State.Status}}", id]) == "paused")
        try podman.expect(["unpause", id])
        try podman.expect(["stop", "-t", "0", id])
        #expect(try podman.expect(["inspect", "-f", "{{.State.ExitCode}}", id]) == "137")
        try podman.expect(["rm", id])
    }
}
