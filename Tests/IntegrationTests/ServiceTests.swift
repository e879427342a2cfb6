import Glibc
import Kernel
import Testing

/// Services as their users see them: real containers, real router, real clients.
@Suite(.enabled(if: Lan.isPossible && Programs.has(image: "web"), Lan.need), .serialized)
struct ServiceTests {
    static let url = "http://\(Lan.hostAddress):8081/version"

    /// A spec of three instances of the image `web` at port 8081 of the host.
    static func spec(_ version: String, _ more: String = "", deploy: String = "") -> [UInt8] {
        Array(
            """
            { schema: 1, service: "web", image: "web",   // as people write it
              env: { WEB_VERSION: "\(version)" \(more) },
              scale: { desired: 3 },
              ports: [{ name: "http", target: 8080, publish: 8081 }],
              health: { http: { path: "/healthz", port: "http" }, interval: "50ms", stable_for: "100ms",
                        start_timeout: "5s", healthy_deadline: "3s" },
              drain: { timeout: "5s", stop_grace: "2s" },
              deploy: { abort_keep: "0s", \(deploy) }, }
            """.utf8)
    }

    private func withService(_ body: (Daemon, Lan) throws -> Void) throws { try Self.withService(body) }

    static func withService(_ body: (Daemon, Lan) throws -> Void) throws {
        try withLan(images: ["web"]) { box, lan in
            let first = try box.run(["deploy", "-f", "-"], input: spec("v1"))
            guard first.status == 0 else { throw Trouble(first.description) }
            // Whoever removes the containers first sees them come back.
            defer { _ = try? box.run(["service", "rm", "-f", "web"], within: 30) }
            try body(box, lan)
        }
    }

    /// Asks again and again, by connections of their own, until it is told to end; what was not answered by 200.
    private func asking(_ lan: Lan, _ body: () throws -> Void) throws -> [String] {
        let program = """
            import http.client, signal, sys
            going = True
            def end(*_):
                global going
                going = False
            signal.signal(signal.SIGTERM, end)
            count, bad = 0, []
            print("ready", flush=True)
            while going:
                try:
                    c = http.client.HTTPConnection("\(Lan.hostAddress)", 8081, timeout=20)
                    c.request("GET", "/version")
                    a = c.getresponse()
                    text = a.read().decode().strip()
                    if a.status != 200: bad.append("status %d" % a.status)
                    c.close()
                except Exception as error:
                    bad.append(repr(error))
                count += 1
            print(count, flush=True)
            for one in bad: print("bad", one, flush=True)
            """
        let clients = try (0..<4).map { _ in try lan.neighbour.start("/usr/bin/python3", ["-c", program]) }
        for client in clients { try eventually("a client is ready") { client.output.hasPrefix("ready") } }
        defer { for client in clients where client.isRunning { try? client.signal(SIGKILL) } }
        try body()
        var bad: [String] = []
        for client in clients {
            try client.signal(SIGTERM)
            let outcome = try client.wait(within: 30)
            bad += outcome.output.lines.filter { $0.hasPrefix("bad") }
            #expect(outcome.output.lines.dropFirst().first.flatMap { Int($0) } ?? 0 > 10)
        }
        return bad
    }

    /// The names of the containers that run, with the processes in them.
    private func processes(_ box: Daemon) throws -> [String] {
        try box.box("ps", "--format", "{{.Names}}").lines.sorted().map {
            "\($0) \(try box.inspect($0, ".State.Pid"))"
        }
    }

    @Test("A rolling deploy and a rollback, without one failed request")
    func rolling() throws {
        try withService { box, lan in
            #expect(try lan.neighbour.fetch(Self.url) == "v1")
            #expect(try lan.host.fetch("http://127.0.0.1:8081/version") == "v1")
            let before = try processes(box)
            #expect(before.count == 3)
            let bad = try asking(lan) {
                let deploy = try box.run(["deploy", "-f", "-", "--output", "json"], input: Self.spec("v2"))
                #expect(deploy.status == 0, "\(deploy)")
                #expect(deploy.output.contains(#""outcome":"succeeded""#))
                for _ in 0..<6 { #expect(try lan.neighbour.fetch(Self.url) == "v2") }
                // The old ones are frozen, and come back without a start.
                let back = try box.run("rollback", "web", "--output", "json")
                #expect(back.status == 0, "\(back)")
                #expect(back.output.contains(#""starts":0"#))
                for _ in 0..<6 { #expect(try lan.neighbour.fetch(Self.url) == "v1") }
            }
            #expect(bad == [])
            #expect(Set(before).isSubset(of: Set(try processes(box))))
            // The same again is nothing.
            let same = try box.run(["deploy", "-f", "-", "--output", "json"], input: Self.spec("v1"))
            #expect(same.status == 0)
            #expect(same.output.contains(#""changed":false"#))
            let conflict = try box.run("run", "-d", "-p", "8081:80", "web")
            #expect(conflict.status == 125)
            #expect(conflict.errors.contains("belongs to service \"web\""))
        }
    }

    @Test("A bad version is taken back with exit 3, and the old processes do not notice")
    func bad() throws {
        try withService { box, lan in
            let before = try processes(box)
            let bad = try asking(lan) {
                for trouble in [", WEB_HEALTH: \"fail\"", ", WEB_EXIT_AFTER_MS: \"50\", WEB_EXIT_CODE: \"7\""] {
                    let deploy = try box.run(
                        ["deploy", "-f", "-", "--output", "json"], input: Self.spec("v2", trouble))
                    #expect(deploy.status == 3, "\(deploy)")
                    #expect(deploy.output.contains(#""outcome":"rolled_back""#))
                }
                let missing = try box.run("deploy", "web", "--image", "nowhere:1")
                #expect(missing.status == 8, "\(missing)")
            }
            #expect(bad == [])
            #expect(try processes(box) == before)
        }
    }

    @Test("kill -9 of boxd in the middle of a rollout: it goes on, and no request fails")
    func killed() throws {
        try withService { box, lan in
            let bad = try asking(lan) {
                for (number, delay) in [200_000_000, 700_000_000, 1_300_000_000].enumerated() {
                    let version = "v\(number + 2)"
                    let deploy = try box.run(["deploy", "-f", "-", "--detach"], input: Self.spec(version))
                    #expect(deploy.status == 0, "\(deploy)")
                    Clock.sleep(nanoseconds: Int64(delay))
                    try box.kill()
                    Clock.sleep(nanoseconds: 300_000_000)
                    try box.start()
                    let wait = try box.run(["wait", deploy.output.trimmed], within: 60)
                    #expect(wait.status == 0, "\(wait)")
                    #expect(try lan.neighbour.fetch(Self.url) == version)
                }
            }
            #expect(bad == [])
            let names = try box.box("ps", "-a", "--format", "{{.Names}}").lines.count
            // Three that serve, three that are kept.
            #expect(names <= 6)
        }
    }

    @Test("Blue-green: nothing is seen of the new version before it is promoted")
    func blueGreen() throws {
        try withService { box, lan in
            let spec = Self.spec("v2", deploy: #"strategy: "blue_green", promote: "manual""#)
            let bad = try asking(lan) {
                let deploy = try box.run(["deploy", "-f", "-", "--wait=pause"], input: spec)
                #expect(deploy.status == 5, "\(deploy)")
                for _ in 0..<6 { #expect(try lan.neighbour.fetch(Self.url) == "v1") }
                try box.box("promote", "web")
                try eventually("the new version serves") { try lan.neighbour.fetch(Self.url) == "v2" }
                // Before its end, a rollback would be the way back of the same rollout.
                let end = try box.run("wait", "web-d2")
                #expect(end.status == 0, "\(end)")
                for _ in 0..<6 { #expect(try lan.neighbour.fetch(Self.url) == "v2") }
                let back = try box.run("rollback", "web", "--output", "json")
                #expect(back.status == 0, "\(back)")
                #expect(back.output.contains(#""starts":0"#))
                #expect(try lan.neighbour.fetch(Self.url) == "v1")
            }
            #expect(bad == [])
        }
    }

    @Test("Recreate holds new connections while nobody is there")
    func recreate() throws {
        try withService { box, lan in
            let spec = Self.spec("v2", deploy: #"strategy: "recreate""#)
            let bad = try asking(lan) {
                let deploy = try box.run(["deploy", "-f", "-"], input: spec, within: 60)
                #expect(deploy.status == 0, "\(deploy)")
            }
            #expect(bad == [])
            #expect(try lan.neighbour.fetch(Self.url) == "v2")
        }
    }
}
