import Glibc
import Kernel
import Testing

/// A service of the image `web`, as people write it; the port is the host's.
struct ServiceText {
    var version: String
    var name = "web"
    var image = "web"
    var environment = ""
    var desired = 3
    var port = "{ name: \"http\", target: 8080, publish: 8081 }"
    var health = "http: { path: \"/healthz\", port: \"http\" }"
    var deadline = "3s"
    var deploy = ""
    /// Whole members, with a comma at the end.
    var more = ""

    init(_ version: String) { self.version = version }

    var bytes: [UInt8] {
        Array(
            """
            { schema: 1, service: "\(name)", image: "\(image)",   // with a remark
              env: { WEB_VERSION: "\(version)" \(environment) },
              scale: { desired: \(desired) },
              ports: [\(port)],
              health: { \(health), interval: "50ms", stable_for: "100ms", start_timeout: "5s", healthy_deadline: "\(deadline)" },
              drain: { timeout: "5s", stop_grace: "2s" },
              \(more)
              deploy: { abort_keep: "0s", \(deploy) }, }
            """.utf8)
    }
}

extension Daemon {
    /// `boxctl deploy`, whatever comes of it.
    func deploy(_ text: ServiceText, _ options: String...) throws -> Outcome {
        try run(["deploy", "-f", "-"] + options, input: text.bytes)
    }

    /// The first word of every line: of a listing the names.
    func names(_ command: String...) throws -> [String] {
        try box(command).lines.compactMap { $0.split(separator: " ").first.map(String.init) }
    }

    /// States and names of a service's instances, as in `web-r1-1 pooled`.
    func instances(_ service: String = "web") throws -> [String] {
        try box("status", service).lines.filter { $0.hasPrefix("\(service)-r") }.map {
            $0.split(separator: " ").enumerated().filter { $0.offset != 1 }.prefix(2).map { String($0.element) }
                .joined(separator: " ")
        }
    }

    /// The names of the containers that run, with the processes in them.
    func processes() throws -> [String] {
        try box("ps", "--format", "{{.Names}}").lines.sorted().map { "\($0) \(try inspect($0, ".State.Pid"))" }
    }
}

/// With three instances of the version `v1` at port 8081.
func withService(_ first: ServiceText = ServiceText("v1"), _ body: (Daemon, Lan) throws -> Void) throws {
    try withLan(images: ["web"]) { box, lan in
        let outcome = try box.deploy(first)
        guard outcome.status == 0 else { throw Trouble(outcome.description) }
        // Whoever removes the containers first sees them come back.
        defer {
            for name in (try? box.box("service", "ls", "-q").lines) ?? [] {
                _ = try? box.run(["service", "rm", "-f", name], within: 30)
            }
        }
        try body(box, lan)
    }
}

extension Lan {
    /// What the neighbour is told at a port of the host, by several connections one after another.
    func versions(_ count: Int = 6, port: Int = 8081) throws -> Set<String> {
        var seen: Set<String> = []
        let url = "http://\(Self.hostAddress):\(port)/version"
        for _ in 0..<count { seen.insert(try neighbour.fetch(url) ?? "nobody") }
        return seen
    }

    /// Asks again and again meanwhile, by connections of their own; nothing may be answered by anything but 200.
    func whileAsking(
        port: Int = 8081, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
    ) throws {
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
                    c = http.client.HTTPConnection("\(Lan.hostAddress)", \(port), timeout=20)
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
        let clients = try (0..<4).map { _ in try neighbour.start("/usr/bin/python3", ["-c", program]) }
        for client in clients { try eventually("a client is ready") { client.output.hasPrefix("ready") } }
        defer { for client in clients where client.isRunning { try? client.signal(SIGKILL) } }
        try body()
        var bad: [String] = []
        for client in clients {
            try client.signal(SIGTERM)
            let outcome = try client.wait(within: 30)
            bad += outcome.output.lines.filter { $0.hasPrefix("bad") }
            #expect(
                outcome.output.lines.dropFirst().first.flatMap { Int($0) } ?? 0 > 10, sourceLocation: sourceLocation)
        }
        #expect(bad == [], sourceLocation: sourceLocation)
    }

    /// Deploys a version by a strategy, while clients ask.
    func swap(_ box: Daemon, to version: String, by strategy: String) throws {
        var text = ServiceText(version)
        text.deploy = "strategy: \"\(strategy)\""
        try whileAsking {
            let deploy = try box.deploy(text)
            #expect(deploy.status == 0, "\(deploy)")
        }
    }

    /// How many of so many connections each version answered.
    func shares(of count: Int) throws -> [String: Int] {
        let program = """
            import collections, http.client
            seen = collections.Counter()
            for _ in range(\(count)):
                c = http.client.HTTPConnection("\(Lan.hostAddress)", 8081, timeout=5)
                c.request("GET", "/version")
                seen[c.getresponse().read().decode().strip()] += 1
                c.close()
            for version, number in seen.items(): print(version, number)
            """
        var result: [String: Int] = [:]
        for line in try neighbour.expect("/usr/bin/python3", "-c", program).lines {
            let words = line.split(separator: " ")
            result[String(words[0])] = Int(words[1])
        }
        return result
    }
}
