import Glibc
import Kernel
import Testing

/// What networks keep apart, and what attackers try.
@Suite(.enabled(if: Lan.isPossible, Lan.need))
struct IsolationTests {
    private func address(_ box: Daemon, _ container: String, _ network: String) throws -> String {
        try box.inspect(container, "{{(index .NetworkSettings.Networks \"\(network)\").IPAddress}}")
    }

    /// Whether one container gets any answer from another's web server.
    private func reaches(
        _ box: Daemon, _ container: String, _ host: String, _ port: Int = 80, within seconds: Int = 1
    ) throws -> Bool { try box.fetch(from: container, host, port, within: seconds) != nil }

    @Test("Networks are apart until a container is connected to both; internal means internal")
    func networks() throws {
        try withLan { box, lan in
            for network in ["one", "two"] { try box.box("network", "create", network) }
            try box.box("network", "create", "--internal", "inside")
            let places = [("ann", "one"), ("bob", "two"), ("cat", "inside"), ("dan", "inside"), ("eve", "bridge")]
            for (name, network) in places {
                try box.box(
                    "run", "-d", "--name", name, "--network", network, "--cap-add", "NET_ADMIN", "busybox", "httpd",
                    "-f", "-p", "80")
            }
            let service = try lan.neighbour.start(
                "/usr/bin/python3", ["-m", "http.server", "81", "-d", "/proc/self/fdinfo"])
            let itsAddress = try address(box, "bob", "two")
            #expect(try !reaches(box, "ann", itsAddress))
            #expect(try !reaches(box, "ann", "bob"))
            #expect(try !reaches(box, "ann", address(box, "eve", "bridge")))
            #expect(try !reaches(box, "eve", itsAddress))
            try box.box("network", "connect", "--alias", "bee", "one", "bob")
            #expect(try reaches(box, "ann", "bob", within: 3) && reaches(box, "ann", "bee", within: 3))
            #expect(try box.inspect("bob", "{{len .NetworkSettings.Networks}}") == "2")
            #expect(try box.run("network", "rm", "one").status == 1)
            try box.box("network", "disconnect", "one", "bob")
            #expect(try !reaches(box, "ann", "bob"))

            #expect(try reaches(box, "cat", "dan", within: 3))
            #expect(try box.box("exec", "cat", "ip", "route").lines.allSatisfy { !$0.hasPrefix("default") })
            #expect(try reaches(box, "ann", Lan.neighbourAddress, 81, within: 3))
            let route = ["exec", "cat", "ip", "route", "add", "default", "via"]
            let gateway = try box.box("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "inside")
            _ = try box.run(route + [gateway])
            #expect(try !reaches(box, "cat", Lan.neighbourAddress, 81))
            #expect(try !reaches(box, "cat", address(box, "ann", "one")))
            #expect(try !reaches(box, "ann", address(box, "cat", "inside")))
            try service.signal(SIGKILL)
        }
    }

    @Test("A name that only the outside knows is asked for outside, but not out of an internal network")
    func names() throws {
        try withLan { box, lan in
            let upstream = try lan.neighbour.nameServer(Lan.neighbourAddress)
            try box.box("network", "create", "open")
            try box.box("network", "create", "--internal", "inside")
            func ask(_ network: String, _ name: String) throws -> Outcome {
                try box.run(
                    "run", "--rm", "--network", network, "--dns", Lan.neighbourAddress, "busybox", "nslookup",
                    "-type=a", name)
            }
            #expect(try ask("open", "public.example").output.contains("203.0.113.7"))
            #expect(upstream.output.contains("public.example"))
            let secret = try ask("inside", "secret-data.example")
            #expect(secret.status != 0 && !secret.output.contains("203.0.113.7"))
            #expect(!upstream.output.contains("secret-data"))
            // Names of containers do not go outside either.
            try box.box("run", "-d", "--name", "mate", "--network", "open", "busybox", "sleep", "1000")
            let found = try ask("open", "mate")
            #expect(found.status == 0 && !upstream.output.contains("mate"))
        }
    }

    @Test("Forged sources, forged routers, routes to containers: none gets through")
    func forged() throws {
        try withLan { box, lan in
            try box.box("network", "create", "--ipv6", "--subnet", "fd00:b0::/64", "six")
            for (name, network) in [("evil", "bridge"), ("victim", "bridge"), ("evil6", "six"), ("victim6", "six")] {
                try box.box("run", "-d", "--name", name, "--network", network, "busybox", "httpd", "-f", "-p", "80")
            }
            func space(_ name: String) throws -> NetworkSpace {
                NetworkSpace(of: try box.inspect(name, ".State.Pid"))
            }
            // What the host offers on its loopback alone, or trusts because it seems to come from there.
            let services = try [lan.host.echoUDP("127.0.0.1", 7001), lan.host.echoUDP("0.0.0.0", 7002)]
            let evil = try space("evil")
            let (bridge, gateway) = (box.networks.bridge, "\(box.networks.prefix).1")
            let mac = try PublishTests.mac(of: bridge, lan.host)
            let own = try box.inspect("evil", ".NetworkSettings.IPAddress")
            try evil.send(frame: "udp", on: "eth0", mac, own, "127.0.0.1", "7001")
            try evil.send(frame: "udp", on: "eth0", mac, "127.0.0.1", gateway, "7002")
            try evil.send(frame: "udp", on: "eth0", mac, "127.0.0.1", Lan.hostAddress, "7002")
            try evil.send(frame: "udp", on: "eth0", mac, own, gateway, "7002")
            try eventually("an honest packet arrives") { services[1].output.contains(own) }
            #expect(services[0].output == "ready\n" && !services[1].output.contains("127.0.0.1"))

            // Router announcements: nobody gets an address or a route from them.
            for name in ["evil", "evil6"] { try space(name).send(frame: "announcement", on: "eth0") }
            pause(0.3)
            for place in try [lan.host, space("victim"), space("victim6"), space("evil6")] {
                let known = try place.expect("ip", "-6", "address") + place.expect("ip", "-6", "route")
                // In full: addresses of interfaces are random, and some have "bad" in them.
                #expect(!known.contains("2001:db8:bad") && !known.contains("fe80::bad"), "\(known)")
            }
            // No IPv6 at all where none was asked for.
            let addresses = try space("victim").expect("ip", "-6", "-o", "address", "show", "dev", "eth0")
            #expect(addresses.isEmpty)
            #expect(try lan.host.expect("ip", "-6", "-o", "address", "show", "dev", bridge).isEmpty)

            // The neighbour has a route to every container through the host.
            let victim = try box.inspect("victim", ".NetworkSettings.IPAddress")
            let victim6 = try box.inspect("victim6", "{{.NetworkSettings.Networks.six.GlobalIPv6Address}}")
            for url in ["http://\(victim)/", "http://[\(victim6)]/"] {
                let answer = try lan.neighbour.run("curl", ["-s", "--max-time", "1", "-o", "/dev/null", url])
                #expect(answer.status == 28 || answer.status == 7, "\(answer)")
                #expect(try lan.host.run("curl", ["-s", "--max-time", "3", "-o", "/dev/null", url]).status == 0)
            }
        }
    }
}
