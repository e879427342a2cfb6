import Glibc
import Kernel
import OCI
import Testing

@testable import Runtime

@Suite(.serialized, .enabled(if: Machine.canRunContainers, Machine.reason))
struct ContainerMountTests {
    /// The lines of the container's mountinfo for a mount point: options of the mount, and propagation.
    private func mount(_ output: Output, _ point: String) -> (options: String, rest: String)? {
        for line in output.lines {
            let fields = line.split(separator: " ")
            if fields.count > 6, fields[4] == point { return (String(fields[5]), fields[6...].joined(separator: " ")) }
        }
        return nil
    }

    @Test func nothingOfTheHostIsMounted() throws {
        let container = try TestContainer("cat", "/proc/self/mountinfo")
        let points = try container.run().lines.map { String($0.split(separator: " ")[4]) }
        let given = [
            "/", "/proc", "/dev", "/dev/pts", "/sys", "/proc/bus", "/proc/sys", "/proc/sysrq-trigger", "/proc/kcore",
            "/proc/keys", "/proc/timer_list", "/sys/firmware",
        ]
        #expect(Set(points).isSubset(of: given), "\(points)")
        #expect(points.filter { $0 == "/" }.count == 1)
    }

    @Test func flagsAndPropagation() throws {
        let container = try TestContainer("cat", "/proc/self/mountinfo")
        try Sys.makeDirectories("\(container.directory)/source/inner")
        try container.write("etc/config", "x")
        container.spec.mounts? += [
            MountSpec(
                destination: "/a", type: "bind", source: "source",
                options: ["rbind", "ro", "nosuid", "noexec", "noatime"]),
            MountSpec(destination: "/b", type: "none", source: "source", options: ["bind", "rro", "nodev", "rshared"]),
            MountSpec(
                destination: "c", type: "tmpfs", source: "t",
                options: ["size=1m", "mode=1777", "nodiratime", "strictatime"]),
            MountSpec(
                destination: "/etc/config", type: "bind", source: "\(container.directory)/config.json",
                options: ["bind", "ro"]),
            MountSpec(destination: "/new/file", type: "bind", source: "/dev/null", options: ["bind"]),
            MountSpec(destination: "/c", options: ["remount", "ro"]),
        ]
        let output = try container.run()
        #expect(output.err == "")
        #expect(mount(output, "/a")?.options == "ro,nosuid,noexec,noatime")
        #expect(mount(output, "/b")?.options == "ro,nodev,relatime")
        #expect(mount(output, "/b")?.rest.hasPrefix("shared:") == true)
        #expect(mount(output, "/c")?.options == "ro,nodiratime")
        #expect(mount(output, "/c")?.rest.contains("size=1024k") == true)
        #expect(mount(output, "/etc/config")?.options == "ro,relatime")
        #expect(mount(output, "/new/file") != nil)
        #expect(try Sys.status("\(container.rootfs)/new/file").kind == .regular)
    }

    @Test func volumesAreReadAndWritten() throws {
        let container = try TestContainer()
        try Sys.mkdir("\(container.directory)/data")
        container.spec.mounts?.append(
            MountSpec(
                destination: "/data", type: "bind", source: "\(container.directory)/data",
                options: ["rbind", "rprivate"]))
        container.shell("echo kept > /data/file")
        #expect(try container.run().code == 0)
        #expect(try Sys.readText("\(container.directory)/data/file") == "kept\n")
    }

    @Test func copyUp() throws {
        let container = try TestContainer()
        try container.write("etc/secret", "old", mode: 0o600)
        try Sys.symlink("secret", "\(container.rootfs)/etc/link")
        container.spec.mounts?.append(
            MountSpec(destination: "/etc", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup", "mode=755"]))
        container.shell("cat /etc/link; stat -c %a /etc/secret; echo new > /etc/secret")
        #expect(try container.run().out == "old600\n")
        #expect(try Sys.readText("\(container.rootfs)/etc/secret") == "old")
    }

    @Test func ownersAreMapped() throws {
        let container = try TestContainer("stat", "-c", "%u:%g", "/data/file")
        try Sys.mkdir("\(container.directory)/data")
        try Sys.replaceFile("\(container.directory)/data/file", "".utf8)
        container.spec.mounts?.append(
            MountSpec(
                destination: "/data", type: "bind", source: "data", options: ["bind", "idmap"],
                uidMappings: [IDMapping(containerID: 0, hostID: 5000, size: 100)],
                gidMappings: [IDMapping(containerID: 0, hostID: 6000, size: 100)]))
        let output = try container.run()
        #expect(output.out == "5000:6000\n", "\(output.err)")
        container.spec.mounts?[4].gidMappings = nil
        #expect(try container.run().err.contains("must be given together"))
    }

    @Test func readOnlyRoot() throws {
        let container = try TestContainer()
        container.spec.root?.readonly = true
        container.shell("touch /x; touch /tmp/x; echo fine > /dev/shm-file && echo devices are writable")
        let output = try container.run()
        #expect(output.err.contains("/x: Read-only file system"))
        #expect(output.out == "devices are writable\n")
    }

    @Test func rootOfLayers() throws {
        let container = try TestContainer("sh", "-c", "cat /both /low; rm /low; echo up > /new; ls -d /low; sleep 1000")
        let base = container.directory
        // More and longer paths than fit a page.
        var layers = (0..<60).map { "\(base)/layer-\(String(repeating: "x", count: 100))-\($0)" }
        for path in layers + ["\(base)/upper", "\(base)/work"] { try Sys.mkdir(path) }
        try Sys.replaceFile("\(layers[0])/both", "top".utf8)
        try Sys.replaceFile("\(layers[59])/both", "bottom".utf8)
        try Sys.replaceFile("\(layers[59])/low", "low".utf8)
        layers.append(container.rootfs)
        try container.writeConfig()
        let options = layers.flatMap { ["--lower", $0] }
        let mounts = try Machine.mounts()
        let process = try Spawn(
            container.program,
            ["--root", container.root, "run", "-d", "-b", base, "--upper", "\(base)/upper", "--work", "\(base)/work"]
                + options
                + [container.id], descriptors: [nil, nil, 2]
        ).start()
        #expect(try Processes.wait(process.pidfd)?.code == 0)
        for _ in 0..<100 where !Sys.exists("\(base)/upper/new") { usleep(20_000) }
        #expect(try Sys.readText("\(base)/upper/new") == "up\n")
        #expect(try Sys.status("\(base)/upper/low").kind == .characterDevice)
        // Only the container has it mounted.
        #expect(try Machine.mounts() == mounts)
        #expect(try Sys.list(container.rootfs).map(\.name).contains("new") == false)
        // One layer and nothing above it is read-only.
        let single = try TestContainer("sh", "-c", "touch /x || cat /etc/one", name: "rootOfLayers-single")
        try single.write("etc/one", "one")
        try single.writeConfig()
        let output = try single.runtime("run", "-b", single.directory, "--lower", single.rootfs, single.id)
        #expect(output.out == "one", "\(output.err)")
    }

    @Test func overlayAmongTheMounts() throws {
        let container = try TestContainer()
        let base = container.directory
        for name in ["l1", "l2", "upper", "work"] { try Sys.mkdir("\(base)/\(name)") }
        try Sys.replaceFile("\(base)/l1/both", "top".utf8)
        try Sys.replaceFile("\(base)/l2/both", "bottom".utf8)
        try Sys.replaceFile("\(base)/l2/low", "low".utf8)
        let script = "cat /l/both /l/low; echo up > /l/new"
        container.shell(script)
        container.spec.mounts?.append(
            MountSpec(
                destination: "/l", type: "overlay", source: "overlay",
                options: ["lowerdir=\(base)/l1:\(base)/l2", "upperdir=\(base)/upper", "workdir=\(base)/work"]))
        #expect(try container.run().out == "toplow")
        #expect(try Sys.readText("\(base)/upper/new") == "up\n")
    }

    @Test func maskedAndReadOnlyPaths() throws {
        let container = try TestContainer()
        container.shell(
            """
            wc -c < /proc/keys; wc -c < /proc/timer_list; ls -a /sys/firmware; touch /sys/firmware/x
            echo 1 > /proc/sys/kernel/shmmni; ls /proc/bus > /dev/null && echo seen
            """)
        let output = try container.run()
        #expect(output.lines == ["0", "0", ".", "..", "seen"])
        #expect(
            output.err.split(separator: "\n").filter { $0.contains("Read-only file system") }.count == 2,
            "\(output.err)")
    }

    @Test func devices() throws {
        let container = try TestContainer()
        container.spec.linux?.devices = [
            LinuxDevice(type: "c", path: "/dev/net/tun", major: 10, minor: 200, fileMode: 0o640, uid: 5, gid: 6),
            LinuxDevice(type: "p", path: "/dev/pipe", fileMode: 0o600),
        ]
        container.shell(
            """
            stat -c '%F %t:%T %a' /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty
            stat -c '%F %t:%T %a %u:%g' /dev/net/tun; stat -c %F /dev/pipe
            for l in fd stdin stdout stderr ptmx; do readlink /dev/$l; done
            dd if=/dev/zero of=/dev/null bs=1 count=1 2> /dev/null && echo usable; cat /dev/mem; ls /dev | wc -l
            """)
        let output = try container.run()
        let expected =
            ["1:3", "1:5", "1:7", "1:8", "1:9", "5:0"].map { "character special file \($0) 666" } + [
                "character special file a:c8 640 5:6", "fifo", "/proc/self/fd", "/proc/self/fd/0", "/proc/self/fd/1",
                "/proc/self/fd/2", "pts/ptmx", "usable", "14",
            ]
        #expect(output.lines == expected, "\(output)")
        container.spec.linux?.devices = [LinuxDevice(type: "c", path: "/bin/busybox", major: 1, minor: 3)]
        #expect(try container.run().err.contains("something else is there already"))
    }

    @Test func rootPropagation() throws {
        let container = try TestContainer("cat", "/proc/self/mountinfo")
        container.spec.linux?.rootfsPropagation = "shared"
        let output = try container.run()
        #expect(mount(output, "/")?.rest.hasPrefix("shared:") == true, "\(output)")
        container.spec.linux?.rootfsPropagation = "sideways"
        #expect(try container.run().err.contains("linux.rootfsPropagation is «sideways»"))
    }

    @Test func failuresNameWhatFailed() throws {
        let container = try TestContainer("true")
        let mounts = container.spec.mounts ?? []
        func message(_ mount: MountSpec) throws -> String {
            container.spec.mounts = mounts + [mount]
            let output = try container.run()
            #expect(output.code == 125)
            return output.err
        }
        #expect(
            try message(.init(destination: "/x", type: "bind", source: "/no/such", options: ["bind"]))
                .contains("bind source path does not exist: /no/such"))
        #expect(try message(.init(destination: "/x", type: "nofs", source: "x")).contains("mounting nofs at /x"))
        #expect(
            try message(.init(destination: "/x", type: "tmpfs", source: "x", options: ["size=banana"])).contains("size")
        )
        #expect(
            try message(.init(destination: "/x", type: "bind", source: "/tmp", options: ["bind", "fun"]))
                .contains("unknown mount option «fun»"))
        #expect(
            try message(.init(destination: "/bin/sh", type: "bind", source: "/tmp", options: ["bind"]))
                .contains("a directory can be mounted only onto a directory"))
        #expect(
            try message(.init(destination: "/", type: "tmpfs", source: "x")).contains("nothing can be mounted at /"))
        #expect(
            try message(.init(destination: "/proc/self", type: "bind", source: "/tmp", options: ["bind"]))
                .contains("nothing may be bound inside /proc"))
    }
}
