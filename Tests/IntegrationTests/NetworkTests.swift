import Glibc
import Kernel
import Synchronization
import Testing

@Suite(.enabled(if: Programs.areReady, Programs.need), .timeLimit(.minutes(5)))
struct NetworkTests {
    /// A web server that has one page with its own name.
    private static func serve(_ name: String) -> [String] {
        ["busybox", "sh", "-c", "mkdir /www; echo \(name) > /www/index.html; exec httpd -f -h /www -p 80"]
    }
    private static let address = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"

    private func port(_ box: Daemon, _ container: String, _ key: String = "80/tcp") throws -> Int {
        let text = try box.inspect(container, "{{(index (index .NetworkSettings.Ports \"\(key)\") 0).HostPort}}")
        return try #require(Int(text))
    }

    private func fetch(_ box: Daemon, from container: String, _ host: String) throws -> String {
        let outcome = try box.run("exec", container, "timeout", "2", "wget", "-q", "-O", "-", "http://\(host)/")
        return outcome.status == 0 ? outcome.output.trimmed : "nothing"
    }

    @Test("The default bridge: an address, the host's name servers, neighbours, and the host")
    func defaultBridge() throws {
        try withDaemon { box in
            let id = try box.box(["run", "-d", "--name", "web"] + Self.serve("web"))
            let address = try box.inspect("web", ".NetworkSettings.IPAddress")
            #expect(address.hasPrefix("\(box.networks.prefix)."))
            #expect(try box.inspect("web", ".HostConfig.NetworkMode") == "bridge")
            #expect(try box.inspect("web", ".NetworkSettings.Gateway") == "\(box.networks.prefix).1")
            #expect(try box.box("exec", "web", "ip", "-4", "addr", "show", "eth0").contains("\(address)/24"))
            #expect(try box.box("exec", "web", "ip", "route").contains("default via \(box.networks.prefix).1"))
            let hosts = try box.box("exec", "web", "cat", "/etc/hosts")
            #expect(hosts.contains("\(address)\t\(id.prefix(12))"))
            #expect(try !box.box("exec", "web", "cat", "/etc/resolv.conf").contains("127.0.0."))
            try eventually("the host reaches it") { TCP.answers(address, 80) }
            try box.box("run", "-d", "--name", "other", "busybox", "sleep", "1000")
            #expect(try fetch(box, from: "other", address) == "web")
            let ids = try box.box(
                "network", "inspect", "-f", "{{range $id, $c := .Containers}}{{$id}} {{end}}", "bridge")
            #expect(ids.contains(id))

            let run = try box.run(
                "run", "--rm", "--add-host", "gate:host-gateway", "--dns", "192.0.2.9", "busybox", "cat", "/etc/hosts",
                "/etc/resolv.conf")
            #expect(run.output.contains("\(box.networks.prefix).1\tgate\n"))
            #expect(run.output.contains("nameserver 192.0.2.9\n"))
        }
    }

    @Test("Networks that are none, the host's, or another container's")
    func modes() throws {
        try withDaemon { box in
            let links = ["busybox", "ls", "/sys/class/net"]
            #expect(try box.box(["run", "--rm", "--network", "none"] + links) == "lo")
            let hosts = try box.box(["run", "--rm", "--network", "host"] + links)
            #expect(hosts.lines.contains(box.networks.bridge))
            try box.box(["run", "-d", "--name", "web"] + Self.serve("web"))
            let joined = ["run", "--rm", "--network", "container:web", "busybox"]
            #expect(try box.box(joined + ["wget", "-q", "-O", "-", "http://127.0.0.1/"]) == "web")
            try box.box("stop", "-t", "0", "web")
            let refused = try box.run(joined + ["true"])
            #expect(refused.status == 125 && refused.errors.contains("non running container"), "\(refused)")
            let unknown = try box.run("run", "--rm", "--network", "nowhere", "busybox", "true")
            #expect(unknown.status == 125 && unknown.errors.contains("network nowhere not found"), "\(unknown)")
        }
    }

    @Test("Published: everywhere, on loopback only, through the host from a neighbour, ranges, all exposed")
    func published() throws {
        try withDaemon { box in
            let gateway = "\(box.networks.prefix).1"
            try box.box(["run", "-d", "--name", "web", "-p", "80", "-p", "127.0.0.1::80"] + Self.serve("web"))
            let ports = try box.inspect(
                "web", "{{range index .NetworkSettings.Ports \"80/tcp\"}}{{.HostIp}} {{.HostPort}};{{end}}"
            ).split(separator: ";").map { $0.split(separator: " ").map(String.init) }
            #expect(Set(ports.map { $0[0] }) == ["0.0.0.0", "127.0.0.1"])
            let open = try #require(ports.first { $0[0] == "0.0.0.0" }.flatMap { Int($0[1]) })
            let private_ = try #require(ports.first { $0[0] == "127.0.0.1" }.flatMap { Int($0[1]) })
            try eventually("it answers") { TCP.answers("127.0.0.1", open) }
            #expect(TCP.answers(gateway, open))
            #expect(TCP.answers("127.0.0.1", private_))
            #expect(!TCP.answers(gateway, private_))
            #expect(try fetch(box, from: "web", "\(gateway):\(open)") == "web", "hairpin")
            try box.box("run", "-d", "--name", "other", "busybox", "sleep", "1000")
            #expect(try fetch(box, from: "other", "\(gateway):\(open)") == "web")
            #expect(try box.box("port", "web", "80/tcp").lines.contains("127.0.0.1:\(private_)"))
            #expect(try box.box("ps", "--format", "{{.Ports}}", "-f", "name=web").contains("0.0.0.0:\(open)->80/tcp"))
            #expect(try box.box("ps", "-q", "-f", "publish=\(open)").lines.count == 1)
            #expect(try box.box("ps", "-q", "-f", "expose=80", "-f", "network=bridge").lines.count == 1)
            #expect(try box.box("ps", "-q", "-f", "publish=80").isEmpty)

            try box.box(
                ["run", "-d", "--name", "all", "-P", "--expose", "80", "--expose", "53/udp"] + Self.serve("all"))
            let chosen = try port(box, "all")
            try eventually("it answers") { TCP.answers("127.0.0.1", chosen) }
            #expect(try port(box, "all", "53/udp") > 0)
            try box.box("stop", "-t", "0", "web", "all")
            #expect(!TCP.answers("127.0.0.1", open))
            #expect(try box.inspect("web", "{{json .NetworkSettings.Ports}}") == "{}")
        }
    }

    @Test("A port that is taken: the answer names who has it, and nothing is left of the attempt")
    func conflicts() throws {
        try withDaemon { box in
            try box.box(["run", "-d", "--name", "first", "-p", "127.0.0.1::80"] + Self.serve("first"))
            let taken = try port(box, "first")
            let links = try Sys.list("/sys/class/net").count
            let second = try box.run(
                ["run", "--rm", "--name", "second", "-p", "127.0.0.1:\(taken):80"] + Self.serve("second"))
            #expect(second.status == 125)
            #expect(second.errors.contains("port is already allocated to container \"first\""), "\(second)")
            let listener = try Sys.holdPort([127, 0, 0, 1], 0, isStream: true)
            let foreign = try boundPort(listener.raw)
            let third = try box.run(["run", "--rm", "-p", "127.0.0.1:\(foreign):80"] + Self.serve("third"))
            #expect(third.status == 125)
            #expect(third.errors.contains("address already in use by") && third.errors.contains("(pid \(getpid()))"))
            // A program that is not there, after all was set up.
            let fourth = try box.run("run", "--rm", "-p", "127.0.0.1::80", "busybox", "nothing-there")
            #expect(fourth.status == 127)
            #expect(try box.box("ps", "-aq").lines.count == 1)
            try eventually("the interfaces of the attempts are gone") {
                try Sys.list("/sys/class/net").count <= links + 8
            }
            #expect(
                try box.box("network", "inspect", "-f", "{{len .Containers}}", "bridge") == "1")
            try box.box("rm", "-f", "first")
            try box.box(["run", "-d", "-p", "127.0.0.1:\(taken):80"] + Self.serve("again"))
            try eventually("the port is free for others") { TCP.answers("127.0.0.1", taken) }
        }
    }

    private func boundPort(_ socket: Int32) throws -> Int {
        var name = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(socket, $0, &size) }
        }
        try #require(result == 0)
        return Int(UInt16(bigEndian: name.sin_port))
    }

    @Test("Networks of the user's: addresses that were asked for, isolation, internal ones, removal")
    func userNetworks() throws {
        try withDaemon { box in
            let own = box.networks.part(5)
            let id = try box.box("network", "create", "--subnet", "\(own).0/24", "--label", "a=b", "front")
            try box.box("network", "create", "back")
            try box.box("network", "create", "--internal", "inner")
            #expect(
                try box.box("network", "ls", "--format", "{{.Name}}").lines.sorted() == [
                    "back", "bridge", "front", "host", "inner", "none",
                ])
            #expect(try box.box("network", "ls", "-q", "--no-trunc", "--filter", "label=a=b") == id)
            let web = [
                "run", "-d", "--name", "web", "--network", "front", "--ip", "\(own).77", "--network-alias", "www",
            ]
            try box.box(web + ["--mac-address", "02:00:00:00:00:77"] + Self.serve("web"))
            #expect(try box.inspect("web", Self.address) == "\(own).77")
            #expect(try box.box("exec", "web", "cat", "/sys/class/net/eth0/address") == "02:00:00:00:00:77")
            #expect(try box.inspect("web", "{{json .NetworkSettings.Networks.front.Aliases}}") == "[\"www\"]")
            #expect(try box.box("exec", "web", "cat", "/etc/resolv.conf").contains("nameserver 127.0.0.11\n"))
            try box.box("run", "-d", "--name", "near", "--network", "front", "busybox", "sleep", "1000")
            try box.box("run", "-d", "--name", "far", "--network", "back", "busybox", "sleep", "1000")
            try box.box("run", "-d", "--name", "deep", "--network", "inner", "busybox", "sleep", "1000")
            try eventually("the neighbour reaches it") { try fetch(box, from: "near", "\(own).77") == "web" }
            #expect(try fetch(box, from: "far", "\(own).77") == "nothing")
            #expect(try fetch(box, from: "deep", "\(own).77") == "nothing")
            #expect(try !box.box("exec", "deep", "ip", "route").contains("default"))
            let taken = try box.run("run", "--rm", "--network", "front", "--ip", "\(own).77", "busybox", "true")
            #expect(taken.status == 125 && taken.errors.contains("Address already in use"), "\(taken)")
            let used = try box.run("network", "rm", "front")
            #expect(used.status != 0 && used.errors.contains("has active endpoints"), "\(used)")
            #expect(try box.run("network", "rm", "bridge").errors.contains("pre-defined"))
            try box.box("rm", "-f", "web", "near", "far", "deep")
            try box.box("network", "rm", "front", "back", "inner")
            #expect(try box.run("network", "inspect", "front").status != 0)
        }
    }

    @Test("Connect and disconnect, running and stopped; the next start has the same networks")
    func connecting() throws {
        try withDaemon { box in
            try box.box("network", "create", "one")
            try box.box("network", "create", "two")
            try box.box(["run", "-d", "--name", "web", "-p", "127.0.0.1::80"] + Self.serve("web"))
            let published = try port(box, "web")
            try box.box("run", "-d", "--name", "peer", "--network", "one", "busybox", "sleep", "1000")
            try box.box("network", "connect", "--alias", "www", "one", "web")
            #expect(try box.box("exec", "web", "ls", "/sys/class/net").lines == ["eth0", "eth1", "lo"])
            let inOne = try box.inspect("web", ".NetworkSettings.Networks.one.IPAddress")
            #expect(try box.box("exec", "web", "cat", "/etc/hosts").contains("\(inOne)\t"))
            try eventually("the peer reaches it") { try fetch(box, from: "peer", inOne) == "web" }
            let twice = try box.run("network", "connect", "one", "web")
            #expect(twice.status != 0 && twice.errors.contains("already exists in network one"), "\(twice)")
            // Its published port moves with it to the network that is left.
            try box.box("network", "disconnect", "bridge", "web")
            #expect(TCP.answers("127.0.0.1", published))
            #expect(try !box.box("exec", "web", "cat", "/etc/hosts").contains(box.networks.prefix + "."))

            try box.box("stop", "-t", "0", "web")
            try box.box("network", "connect", "two", "web")
            try box.box("network", "disconnect", "one", "web")
            try box.box("network", "connect", "one", "web")
            let names = "{{range $name, $n := .NetworkSettings.Networks}}{{$name}} {{end}}"
            #expect(try box.inspect("web", names) == "one two")
            try box.box("start", "web")
            #expect(try box.box("exec", "web", "ls", "/sys/class/net").lines == ["eth0", "eth1", "lo"])
            #expect(try box.inspect("web", names) == "one two")
            try box.box("restart", "-t", "0", "web")
            #expect(try box.inspect("web", Self.address).split(separator: " ").count == 2)
            let again = try port(box, "web")
            try eventually("it answers") { TCP.answers("127.0.0.1", again) }
            let host = try box.run("network", "connect", "host", "web")
            #expect(host.status != 0, "\(host)")
            #expect(try box.box("network", "prune", "-f").isEmpty)
            try box.box("rm", "-f", "web")
            #expect(try box.box("network", "prune", "-f").lines.last == "two")
        }
    }

    @Test("kill -9 of boxd: traffic goes on, the next one knows all of it, and gives it back")
    func killed() throws {
        try withDaemon { box in
            try box.box("network", "create", "mine")
            try box.box(
                // No random one: another daemon could take that while this one is dead.
                [
                    "run", "-d", "--name", "web", "--network", "mine", "-p",
                    "127.0.0.1:\(Int.random(in: 10000...19999)):80",
                ]
                    + Self.serve("web"))
            let (published, address) = (try port(box, "web"), try box.inspect("web", Self.address))
            try eventually("it answers") { TCP.answers("127.0.0.1", published) }
            try box.kill()
            for _ in 0..<20 { #expect(TCP.answers("127.0.0.1", published)) }
            try box.start()
            #expect(TCP.answers("127.0.0.1", published))
            #expect(try port(box, "web") == published)
            #expect(try box.inspect("web", Self.address) == address)
            // Its address and its port are still its own.
            try box.box("run", "-d", "--name", "new", "--network", "mine", "busybox", "sleep", "1000")
            #expect(try box.inspect("new", Self.address) != address)
            #expect(try box.run("run", "--rm", "-p", "127.0.0.1:\(published):80", "busybox", "true").status == 125)
            try box.kill()
            let pid = try #require(Int32(try pidOf(box, "web")))
            try Processes.kill(pid, SIGKILL)
            try box.start()
            try box.waitUntil("web", ".State.Status", is: "exited")
            #expect(!TCP.answers("127.0.0.1", published))
            try box.box("run", "--rm", "-p", "127.0.0.1:\(published):80", "busybox", "true")
        }
    }

    /// Without a daemon to ask.
    private func pidOf(_ box: Daemon, _ name: String) throws -> String {
        for entry in try Sys.list("\(box.place)/run/containers") {
            let pid = try Sys.readText("\(box.place)/run/containers/\(entry.name)/pid").split(separator: " ")[0]
            let command = (try? Sys.readText("/proc/\(pid)/cmdline")) ?? ""
            if command.contains("httpd") { return String(pid) }
        }
        throw Trouble("no process of \(name)")
    }

    @Test("Thirty at once: none fails, each has an address of its own, and all of it goes again")
    func many() throws {
        try withDaemon { box in
            let runs = try (0..<30).map { number in
                try box.background(["run", "-d", "--name", "c\(number)", "busybox", "sleep", "1000"])
            }
            for run in runs {
                let outcome = try run.wait()
                #expect(outcome.status == 0, "\(outcome)")
            }
            let addresses = try box.box(["inspect", "-f", Self.address] + (0..<30).map { "c\($0)" }).lines
            #expect(Set(addresses).count == 30)
            let list = try box.box("network", "inspect", "-f", "{{len .Containers}}", "bridge")
            #expect(list == "30")
            try box.box(["rm", "-f"] + (0..<30).map { "c\($0)" })
            #expect(try box.box("network", "inspect", "-f", "{{len .Containers}}", "bridge") == "0")
        }
    }

    @Test("What happens to networks is told")
    func events() throws {
        try withDaemon { box in
            let format = "{{.Type}} {{.Action}} {{.Actor.Attributes.name}}"
            let listener = try box.background(["events", "--filter", "type=network", "--format", format])
            try eventually("somebody listens") {
                try box.box("network", "create", "first")
                try box.box("network", "rm", "first")
                return listener.output.contains("destroy first")
            }
            try box.box("network", "create", "told")
            try box.box("run", "--rm", "--network", "told", "busybox", "true")
            try box.box("network", "rm", "told")
            let wanted = ["create", "connect", "disconnect", "destroy"].map { "network \($0) told" }
            try eventually("all of it is told: \(listener.output)") {
                listener.output.lines.filter { $0.hasSuffix("told") } == wanted
            }
            try listener.signal(SIGTERM)
        }
    }

    @Test("A second boxd does not touch the bridge of the first")
    func sharedBridge() throws {
        try withDaemon { box in
            let second = try Running.run(
                "\(Programs.directory)/boxd",
                [
                    "--data-root", "\(box.place)/data2", "--run-dir", "\(box.place)/run2", "--cgroup-parent",
                    box.cgroup,
                ] + box.networks.options, within: 10)
            #expect(second.status != 0)
            #expect(second.errors.contains("\"\(box.networks.bridge)\""), "\(second)")
        }
    }

    @Test("docker's own commands", .enabled(if: Programs.find("docker") != nil, "needs the command docker"))
    func docker() throws {
        try withDaemon { box in
            let own = box.networks.part(3)
            try box.docker(
                "network", "create", "--subnet", "\(own).0/24", "--ip-range", "\(own).128/25", "--gateway", "\(own).9",
                "--aux-address", "printer=\(own).200", "-o", "com.docker.network.driver.mtu=1400", "net")
            try box.docker(
                ["run", "-d", "--name", "web", "--network", "net", "-p", "127.0.0.1::80"] + Self.serve("web"))
            let shown = try box.docker("port", "web", "80").trimmed
            let number = try #require(Int(shown.split(separator: ":").last ?? ""))
            try eventually("it answers") { TCP.answers("127.0.0.1", number) }
            #expect(try box.docker("inspect", "-f", "{{.NetworkSettings.Networks.net.Gateway}}", "web") == "\(own).9")
            #expect(try box.docker("inspect", "-f", Self.address, "web") == "\(own).128")
            #expect(try box.docker("exec", "web", "cat", "/sys/class/net/eth0/mtu") == "1400")
            #expect(try box.docker("ps", "--format", "{{.Ports}}") == "127.0.0.1:\(number)->80/tcp")
            try box.docker(
                "network", "connect", "--ip", "\(own).140", "net",
                try box.docker("create", "--name", "late", "busybox", "true"))
            try box.docker("start", "-a", "late")
            try box.docker("network", "disconnect", "-f", "net", "late")
            #expect(
                try box.docker("network", "inspect", "-f", "{{(index .IPAM.Config 0).IPRange}}", "net")
                    == "\(own).128/25")
            #expect(try box.docker("network", "ls", "-q", "--filter", "driver=bridge").lines.count == 2)
            let refused = try Running.run(
                "docker", ["network", "create", "-d", "macvlan", "x"], environment: box.environment)
            #expect(refused.status != 0 && refused.errors.contains("macvlan"))
            try box.docker("rm", "-f", "web", "late")
            try box.docker("network", "rm", "net")
        }
    }
}
