import Glibc
import Kernel
import Testing

/// Docker's own clients against our socket.
@Suite(.enabled(if: Programs.areReady, Programs.need))
struct ClientTests {
    private static let hasDocker = Programs.find("docker") != nil
    private static let hasPythonSDK = (try? Running.run("python3", ["-c", "import docker"]))?.status == 0

    @Test("The docker command", .enabled(if: hasDocker, "needs the command docker"))
    func docker() throws {
        try withDaemon(images: []) { box in
            #expect(try box.docker("version", "--format", "{{.Server.APIVersion}}") == "1.50")
            try box.docker("info")
            try box.docker("load", "-i", Programs.image("busybox"))
            #expect(try box.docker("images", "--format", "{{.Repository}}") == "busybox")
            #expect(try box.docker("run", "--rm", "--network", "none", "busybox", "echo", "hello") == "hello")
            #expect(try box.docker(["run", "-i", "--rm", "busybox", "cat"], input: Array("piped\n".utf8)) == "piped")
            let failing = try Running.run(
                "docker", ["run", "--rm", "busybox", "sh", "-c", "exit 7"], environment: box.environment)
            #expect(failing.status == 7)
            // It pulls the image when what is missing seems to be that.
            for network in ["nowhere", "container:nobody"] {
                let lost = try Running.run(
                    "docker", ["create", "--network", network, "busybox"], environment: box.environment)
                #expect(lost.status == 1 && !lost.errors.contains("Unable to find image"), "\(lost)")
            }
            let id = try box.docker(
                "run", "-d", "--name", "dock", "busybox", "sh", "-c", "echo logged; exec sleep 1000")
            #expect(try box.docker("ps", "-q", "--no-trunc") == id)
            #expect(try box.docker("exec", "dock", "echo", "in") == "in")
            try eventually("it is logged") { try box.docker("logs", "dock") == "logged" }
            #expect(try box.docker("inspect", "-f", "{{.State.Running}}", "dock") == "true")
            #expect(try box.docker("top", "dock").contains("sleep"))
            #expect(try box.docker("stats", "--no-stream", "dock").contains("dock"))
            try box.docker("exec", "dock", "sh", "-c", "echo kept > /kept")
            #expect(try box.docker("diff", "dock").contains("A /kept"))
            try box.docker("cp", "dock:/kept", "\(box.place)/kept")
            #expect(try Sys.readText("\(box.place)/kept") == "kept\n")
            try box.docker("cp", "\(box.place)/kept", "dock:/again")
            try box.docker("pause", "dock")
            try box.docker("unpause", "dock")
            try box.docker("commit", "dock", "committed")
            #expect(try box.docker("run", "--rm", "committed", "cat", "/again") == "kept")
            try box.docker("volume", "create", "vol")
            #expect(try box.docker("volume", "ls", "-q") == "vol")
            try box.docker("volume", "rm", "vol")
            try box.docker("save", "-o", "\(box.place)/saved.tar", "committed")
            try box.docker("rmi", "committed")
            try box.docker("stop", "-t", "0", "dock")
            #expect(try box.docker("wait", "dock") == "137")
            try box.docker("rm", "dock")
            try box.docker("system", "df")
            try box.docker("system", "prune", "-f")
        }
    }

    @Test("docker run -it", .enabled(if: hasDocker, "needs the command docker"))
    func dockerTerminal() throws {
        try withDaemon { box in
            let terminal = try PseudoTerminal(rows: 31, columns: 99)
            let shell = try Running(
                "docker", ["run", "-it", "--rm", "busybox", "sh"], environment: box.environment, terminal: terminal.end)
            try terminal.expect("#")
            pause(0.5)
            try terminal.type("stty size\r")
            try terminal.expect("31 99")
            try terminal.type("exit 5\r")
            #expect(try shell.wait(within: 10).status == 5)
        }
    }

    @Test("Docker's library for Python", .enabled(if: hasPythonSDK, "needs python3 with the module docker"))
    func python() throws {
        try withDaemon { box in
            let script = """
                import docker, time
                c = docker.from_env()
                assert c.ping()
                print(c.containers.run("busybox", "echo from python", remove=True).decode().strip())
                x = c.containers.run("busybox", ["sh", "-c", "echo one; exec sleep 1000"], detach=True, name="py")
                assert x.exec_run("sh -c 'exit 3'").exit_code == 3
                assert x.exec_run("echo in").output == b"in\\n"
                x.reload(); assert x.status == "running", x.status
                while x.logs() != b"one\\n": pass
                assert c.containers.list()[0].id == x.id
                x.stop(timeout=0)
                assert x.wait()["StatusCode"] == 137
                i = x.commit("pyimage", "1")
                assert "pyimage:1" in i.tags
                x.remove()
                v = c.volumes.create("pyvolume"); v.remove()
                c.images.remove("pyimage:1")
                assert next(c.api.events(since=0, until=int(time.time()) + 5, decode=True))["Type"]
                try:
                    c.containers.get("missing")
                except docker.errors.NotFound as e:
                    print("not found")
                """
            let outcome = try Running.run("python3", ["-c", script], environment: box.environment)
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.output == "from python\nnot found\n")
        }
    }
}
