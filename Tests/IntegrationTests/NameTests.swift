import Glibc
import Kernel
import Testing

/// Containers that find each other.
@Suite(
    .enabled(
        if: Lan.isPossible && Programs.has(image: "nginx") && Programs.has(image: "postgres"), Lan.need))
struct NameTests {
    @Test("A web server reaches PostgreSQL by name on a network of theirs")
    func database() throws {
        try withLan(images: ["nginx", "postgres"]) { box, lan in
            try box.box("network", "create", "backend")
            try box.box(
                "run", "-d", "--name", "db", "--network", "backend", "--network-alias", "database", "-e",
                "POSTGRES_PASSWORD=sesame", "postgres")
            try box.box("run", "-d", "--name", "web", "--network", "backend", "-p", "8080:80", "nginx")
            // The server says N to a client that asks for TLS: the first step of its protocol.
            let hello = "exec 3<>/dev/tcp/$0/5432; printf '\\0\\0\\0\\10\\4\\322\\26\\57' >&3; head -c 1 <&3"
            for name in ["db", "database"] {
                try eventually("the web server reaches \(name)", within: 60) {
                    try box.run("exec", "web", "bash", "-c", hello, name).output == "N"
                }
            }
            let answer = try box.box(
                "run", "--rm", "--network", "backend", "-e", "PGPASSWORD=sesame", "--entrypoint", "psql", "postgres",
                "-h", "db", "-U", "postgres", "-Atc", "SELECT 6 * 7")
            #expect(answer == "42")
            #expect(try lan.neighbour.fetch("http://\(Lan.hostAddress):8080/")?.contains("nginx in a box") == true)
        }
    }

    @Test("Names, aliases, short identifiers, and several containers under one name")
    func names() throws {
        try withLan { box, _ in
            try box.box("network", "create", "net")
            var addresses: [String] = []
            for name in ["one", "two"] {
                try box.box(
                    "run", "-d", "--name", name, "--network", "net", "--network-alias", "pair", "busybox", "sleep",
                    "1000")
                addresses.append(try box.inspect(name, ".NetworkSettings.Networks.net.IPAddress"))
            }
            func look(_ name: String) throws -> String {
                try box.run("exec", "one", "nslookup", "-type=a", name).output
            }
            let id = try box.inspect("two", ".Id").prefix(12)
            for name in ["two", String(id), "pair", "TWO"] {
                #expect(try look(name).contains(addresses[1]), "\(name)")
            }
            #expect(try look("pair").contains(addresses[0]))
            #expect(try box.box("exec", "one", "nslookup", addresses[1]).contains("two"))
            #expect(try box.box("exec", "one", "cat", "/etc/resolv.conf").contains("nameserver 127.0.0.11"))
            let space = NetworkSpace(of: try box.inspect("one", ".State.Pid"))
            try box.kill()
            let unattended = try space.run("busybox", ["nslookup", "-type=a", "two", "127.0.0.11"])
            #expect(unattended.output.contains(addresses[1]), "names do not need boxd: \(unattended)")
            try box.start()
            try box.box("rename", "two", "deux")
            try eventually("the new name is known") { try look("deux").contains(addresses[1]) }
            try box.box("rm", "-f", "deux")
            try eventually("the name is gone") { try !look("deux").contains(addresses[1]) }
            #expect(try look("pair").contains(addresses[0]))
        }
    }

    @Test("/etc/hosts, --add-host, --dns and --dns-search")
    func files() throws {
        try withLan { box, _ in
            let show = "cat /etc/hosts /etc/resolv.conf"
            let text = try box.box(
                "run", "--rm", "--name", "shown", "-h", "lodge", "--add-host", "up:host-gateway", "--add-host",
                "far:192.0.2.9",
                "--dns", "192.0.2.2", "--dns-search", "example.net", "busybox", "sh", "-c",
                "ip -4 -o address show eth0; \(show)")
            let own =
                text.lines.first?.split(separator: " ").first { $0.contains("/") }?.split(separator: "/").first ?? ""
            func has(_ address: Substring, _ name: String) -> Bool {
                text.lines.contains { $0.split { $0.isWhitespace }.map(String.init) == [String(address), name] }
            }
            #expect(has(own, "lodge") && has("192.0.2.9", "far"), "\(text)")
            #expect(has("\(box.networks.prefix).1", "up"), "\(text)")
            #expect(text.contains("nameserver 192.0.2.2") && text.contains("search example.net"), "\(text)")
        }
    }
}
