import Glibc
import Kernel
import Testing

/// Published ports, as seen from everywhere. nginx answers with its page on port 80, with the client's address on 81.
@Suite(.enabled(if: Lan.isPossible && Programs.has(image: "nginx"), Lan.need))
struct PublishTests {
    static func startServer(_ box: Daemon, _ name: String, _ flags: [String]) throws {
        let settings = "\(box.place)/who.conf"
        try Sys.replaceFile(settings, "server { listen 81; location / { return 200 \"$remote_addr\\n\"; } }\n".utf8)
        try Sys.chmod(settings, mode: 0o644)
        try box.box(
            ["run", "-d", "--name", name, "-v", "\(settings):/etc/nginx/conf.d/who.conf:ro"] + flags + ["nginx"])
        let space = NetworkSpace(of: try box.inspect(name, ".State.Pid"))
        try eventually("nginx answers") { try space.fetch("http://127.0.0.1:81/") == "127.0.0.1" }
    }

    @Test("A published server is reached from everywhere, and knows from where")
    func everywhere() throws {
        try withLan(images: ["busybox", "nginx"]) { box, lan in
            let (host, neighbour) = (Lan.hostAddress, Lan.neighbourAddress)
            try box.box("network", "create", "front")
            try Self.startServer(box, "server", ["--network", "front", "-p", "8080:80", "-p", "8081:81"])
            try box.box("run", "-d", "--name", "mate", "--network", "front", "busybox", "sleep", "1000")
            try box.box("run", "-d", "--name", "stranger", "busybox", "sleep", "1000")
            for url in ["http://127.0.0.1:8080/", "http://localhost:8080/", "http://\(host):8080/"] {
                #expect(try lan.host.fetch(url)?.contains("nginx in a box") == true, "\(url)")
            }
            #expect(try lan.neighbour.fetch("http://\(host):8080/")?.contains("nginx in a box") == true)
            #expect(try box.fetch(from: "mate", "server")?.contains("nginx in a box") == true)

            // Sources are what they are, but for those whose answers would not come back through the host for sure:
            // loopback's and containers' become the bridge's.
            let address = { (name: String) in
                try box.inspect(name, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")
            }
            let gateway = try box.inspect("server", "{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}")
            #expect(try lan.neighbour.fetch("http://\(host):8081/") == neighbour)
            #expect(try lan.host.fetch("http://\(host):8081/") == host)
            #expect(try lan.host.fetch("http://127.0.0.1:8081/") == gateway)
            let mate = try address("mate")
            #expect(try box.fetch(from: "mate", "server", 81) == mate)
            #expect(try box.fetch(from: "mate", host, 8081) == gateway)
            #expect(try box.fetch(from: "stranger", host, 8081) == gateway)
            let server = NetworkSpace(of: try box.inspect("server", ".State.Pid"))
            #expect(try server.fetch("http://\(host):8081/") == gateway)
            // But not by the container's own address: not from another network, not by a route of the neighbour's.
            let own = try address("server")
            #expect(try box.fetch(from: "stranger", own, 81) == nil)
            #expect(try lan.neighbour.fetch("http://\(own):81/", within: 1) == nil)
            #expect(try lan.host.fetch("http://\(own):81/") != nil)

            try box.box("stop", "-t", "1", "server")
            #expect(try lan.neighbour.fetch("http://\(host):8080/", within: 1) == nil)
            try box.box("start", "server")
            try eventually("it is published again") { try lan.neighbour.fetch("http://\(host):8081/") == neighbour }
        }
    }

    @Test("What is published on loopback stays there")
    func loopbackOnly() throws {
        try withLan(images: ["busybox", "nginx"]) { box, lan in
            try Self.startServer(box, "server", ["-p", "127.0.0.1:8080:80", "-p", "127.0.0.1:5353:53/udp"])
            let server = NetworkSpace(of: try box.inspect("server", ".State.Pid"))
            let echo = try server.echoUDP("0.0.0.0", 53)
            #expect(try lan.host.fetch("http://127.0.0.1:8080/") != nil)
            #expect(try lan.host.ask("127.0.0.1", 5353) != nil)
            let heard = echo.output.lines.count
            #expect(try lan.host.fetch("http://\(Lan.hostAddress):8080/", within: 1) == nil)
            #expect(try lan.neighbour.fetch("http://\(Lan.hostAddress):8080/", within: 1) == nil)
            // The neighbour writes the frames by itself; the host even takes such addresses.
            for name in ["all", "lan0"] {
                try lan.host.expect("sysctl", "-qw", "net.ipv4.conf.\(name).route_localnet=1")
            }
            let mac = try Self.mac(of: "lan0", lan.host)
            for source in [Lan.neighbourAddress, "127.0.0.1"] {
                try lan.neighbour.send(frame: "udp", on: "eth0", mac, source, "127.0.0.1", "5353")
            }
            pause(0.3)
            #expect(echo.output.lines.count == heard, "\(echo.output)")
        }
    }

    static func mac(of link: String, _ space: NetworkSpace) throws -> String {
        let words = try space.expect("ip", "-o", "link", "show", link).split(separator: " ")
        guard let index = words.firstIndex(of: "link/ether") else { throw Trouble("\(link) has no address") }
        return String(words[index + 1])
    }

    @Test("All forms of -p, and what port and ps say of them")
    func forms() throws {
        try withLan { box, lan in
            let flags = [
                "-p", "8000-8002:80-82", "-p", "127.0.0.1::90", "-p", "5353:53/udp", "-p", "9000-9100:91", "-p", "92",
                "--expose", "100-101/udp", "-P",
            ]
            try box.box(["run", "-d", "--name", "web"] + flags + ["busybox", "httpd", "-f", "-p", "81"])
            #expect(try box.box("port", "web", "80").lines.first == "0.0.0.0:8000")
            let lines = try box.box("port", "web").lines
            func outside(_ port: String) -> String {
                lines.first { $0.hasPrefix("\(port) -> ") }?.split(separator: ":").last.map(String.init) ?? ""
            }
            #expect(outside("82/tcp") == "8002" && outside("53/udp") == "5353")
            #expect((9000...9100).contains(Int(outside("91/tcp")) ?? 0))
            for port in ["90/tcp", "92/tcp", "100/udp", "101/udp"] {
                #expect((Int(outside(port)) ?? 0) > 1023, "\(port)")
            }
            #expect(lines.contains { $0.hasPrefix("90/tcp -> 127.0.0.1:") })
            #expect(try box.box("ps", "--format", "{{.Ports}}").contains("0.0.0.0:8000-8002->80-82/tcp"))
            #expect(try box.box("ps", "-q", "--filter", "publish=8001").lines.count == 1)
            #expect(try box.box("ps", "-q", "--filter", "publish=8003").isEmpty)
            #expect(try box.box("ps", "-q", "--filter", "expose=100/udp").lines.count == 1)
            #expect(try box.box("ps", "-q", "--filter", "network=bridge").lines.count == 1)
            #expect(try box.box("ps", "-q", "--filter", "network=host").isEmpty)
            // 404 is an answer too.
            let outcome = try lan.neighbour.run(
                "curl", ["-s", "-o", "/dev/null", "-w", "%{http_code}", "http://\(Lan.hostAddress):8001/"])
            #expect(outcome.output == "404")
            let echo = try NetworkSpace(of: box.inspect("web", ".State.Pid")).echoUDP("0.0.0.0", 53)
            #expect(try lan.neighbour.ask(Lan.hostAddress, 5353) == Lan.neighbourAddress)
            #expect(try lan.host.ask("127.0.0.1", 5353) != nil)
            withExtendedLifetime(echo) {}
        }
    }

    @Test("A port that is taken: the error names who has it, and nothing is left behind")
    func taken() throws {
        try withLan { box, lan in
            let foreign = try lan.host.occupy("0.0.0.0", 9090)
            try box.box("run", "-d", "--name", "holder", "-p", "9091:80", "busybox", "sleep", "1000")
            let before = try lan.host.expect("nft", "list", "ruleset")
            for (port, holder) in [("9090", "python3"), ("9091", "holder")] {
                let outcome = try box.run(
                    "run", "-d", "--name", "late", "-p", "9092:80", "-p", "\(port):81", "busybox", "sleep", "1000")
                #expect(outcome.status == 125)
                #expect(outcome.errors.contains(port) && outcome.errors.contains(holder), "\(outcome.errors)")
                #expect(try lan.host.expect("nft", "list", "ruleset") == before)
                #expect(try box.box("network", "inspect", "-f", "{{len .Containers}}", "bridge") == "1")
                try box.box("rm", "late")
            }
            // Our own are seen as taken by others.
            #expect(throws: Trouble.self) { try lan.host.occupy("0.0.0.0", 9091) }
            try foreign.signal(SIGKILL)
            _ = try foreign.wait()
            try box.box("run", "-d", "--name", "late", "-p", "9092:80", "-p", "9090:81", "busybox", "sleep", "1000")
        }
    }
}
