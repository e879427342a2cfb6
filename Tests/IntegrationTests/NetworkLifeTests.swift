import Glibc
import Kernel
import Testing

/// Networks while things go wrong around them.
@Suite(.enabled(if: Lan.isPossible && Programs.has(image: "nginx"), Lan.need))
struct NetworkLifeTests {
    @Test("A firewall of the host's has the last word, and stays as it is")
    func firewall() throws {
        try withLan(images: ["nginx"]) { box, lan in
            try PublishTests.startServer(box, "server", ["-p", "8081:81"])
            let url = "http://\(Lan.hostAddress):8081/"
            #expect(try lan.neighbour.fetch(url) == Lan.neighbourAddress)
            for rule in [
                ["table", "inet", "firewall"],
                ["chain", "inet", "firewall", "forward", "{ type filter hook forward priority 10; policy drop; }"],
            ] { try lan.host.expect("nft", "add \(rule.joined(separator: " "))") }
            let written = try lan.host.expect("nft", "list", "table", "inet", "firewall")
            #expect(try lan.neighbour.fetch(url, within: 1) == nil)
            try box.restart()
            #expect(try lan.neighbour.fetch(url, within: 1) == nil)
            #expect(try lan.host.expect("nft", "list", "table", "inet", "firewall") == written)
            // As README tells its owner to do.
            let bridge = box.networks.bridge
            try lan.host.expect("nft", "add rule inet firewall forward ct state established,related accept")
            try lan.host.expect("nft", "add rule inet firewall forward oifname \(bridge) ct status dnat accept")
            #expect(try lan.neighbour.fetch(url) == Lan.neighbourAddress)
        }
    }

    @Test("Rules and bridges that somebody takes away come back")
    func repaired() throws {
        try withLan(images: ["busybox", "nginx"]) { box, lan in
            try box.box("network", "create", "other")
            try PublishTests.startServer(box, "server", ["-p", "8081:81", "-p", "127.0.0.1:8082:81"])
            try box.box("run", "-d", "--name", "stranger", "--network", "other", "busybox", "sleep", "1000")
            let url = "http://\(Lan.hostAddress):8081/"
            let server = try box.inspect("server", ".NetworkSettings.IPAddress")
            func check(_ what: Comment) throws {
                try eventually("\(what)", within: 5) {
                    try lan.neighbour.fetch(url, within: 1) == Lan.neighbourAddress
                        && lan.host.fetch("http://127.0.0.1:8082/", within: 1) != nil
                }
                #expect(try lan.neighbour.fetch("http://\(Lan.hostAddress):8082/", within: 0.5) == nil, what)
                #expect(try box.fetch(from: "stranger", server, 81, within: 1) == nil, what)
            }
            try check("at first")
            try lan.host.expect("nft", "flush", "ruleset")
            try check("after nft flush ruleset")
            try lan.host.expect("ip", "link", "delete", box.networks.bridge)
            try check("after the bridge was deleted")
            try box.kill()
            try lan.host.expect("nft", "flush", "ruleset")
            try lan.host.expect("ip", "link", "delete", box.networks.bridge)
            try box.start()
            try check("after both while boxd was away")
        }
    }

    @Test("kill -9 of boxd under load: no request fails", .enabled(if: Programs.find("wrk") != nil, "needs wrk"))
    func killedUnderLoad() throws {
        try withLan(images: ["nginx"]) { box, lan in
            try PublishTests.startServer(box, "server", ["-p", "8080:80"])
            let arguments = ["-t1", "-c8", "-d5s", "--timeout", "5s", "http://\(Lan.hostAddress):8080/"]
            // Connections that stay, and a new one for each request.
            let loads = try [[], ["-H", "Connection: close"]].map {
                try lan.neighbour.start("wrk", $0 + arguments)
            }
            pause(1.5)
            try box.kill()
            pause(1)
            try box.start()
            for load in loads {
                let outcome = try load.wait(within: 30)
                let text = outcome.output
                #expect(!text.contains("Socket errors") && !text.contains("Non-2xx"), "\(text)")
                let line = text.lines.first { $0.contains(" requests in ") } ?? ""
                #expect((Int(line.split(separator: " ").first ?? "") ?? 0) > 500, "\(text)")
            }
        }
    }

    /// `BOX_TEST_CROWD`: how many.
    @Test(
        "Many containers on one bridge at once: none fails, no address twice, nothing stays", .timeLimit(.minutes(10)))
    func crowd() throws {
        let count = Programs.variable("BOX_TEST_CROWD").flatMap(Int.init) ?? 24
        try withLan(options: ["--bip", "172.31.0.1/16"]) { box, lan in
            // The first one makes what is made once.
            try box.box("run", "--rm", "busybox", "true")
            try eventually("the first one is gone") { try box.box("ps", "-aq").isEmpty }
            try eventually("as many namespaces are ready as are kept") {
                try lan.state().split(separator: "\"").count { $0 == "prepared" } == 4
            }
            let before = try lan.state()
            let started = try (0..<count).map { number in
                try box.background([
                    "run", "-d", "--name", "crowd\(number)", "-p", "80", "busybox", "httpd", "-f", "-p", "80",
                ])
            }
            for run in started {
                let outcome = try run.wait(within: 300)
                #expect(outcome.status == 0, "\(outcome)")
            }
            let addresses = try box.box(
                [
                    "inspect", "-f",
                    "{{.NetworkSettings.IPAddress}} {{(index (index .NetworkSettings.Ports \"80/tcp\") 0).HostPort}}",
                ]
                    + (0..<count).map { "crowd\($0)" }
            ).lines
            #expect(Set(addresses.compactMap { $0.split(separator: " ").first }).count == count)
            #expect(Set(addresses.compactMap { $0.split(separator: " ").last }).count == count)
            for line in [addresses.first, addresses.last] {
                let port = line?.split(separator: " ").last ?? ""
                let url = "http://\(Lan.hostAddress):\(port)/"
                #expect(try lan.neighbour.run("curl", ["-s", "--max-time", "5", "-o", "/dev/null", url]).status == 0)
            }
            let removed = try (0..<count).map { try box.background(["rm", "-f", "crowd\($0)"]) }
            for run in removed { #expect(try run.wait(within: 300).status == 0) }
            var after = ""
            do {
                try eventually("the host is as before", within: 20) {
                    after = try lan.state()
                    return after == before
                }
            } catch { throw Trouble("\(error): before \(before); after \(after)") }
        }
    }
}
