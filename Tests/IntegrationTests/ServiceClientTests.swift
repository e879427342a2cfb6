import Glibc
import Kernel
import Testing

/// What clients of services are told: exit statuses, events, last words.
@Suite(.enabled(if: Lan.isPossible && Programs.has(image: "web"), Lan.need), .serialized)
struct ServiceClientTests {
    private static func spec(_ version: String, _ environment: String = "", deploy: String = "") -> [UInt8] {
        var text = ServiceText(version)
        text.environment = environment
        text.deploy = deploy
        return text.bytes
    }

    private static let gated = #"strategy: "blue_green", promote: "manual""#

    private func expect(
        _ status: Int32, _ box: Daemon, _ arguments: [String], input: [UInt8]? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let outcome = try box.run(arguments, input: input, within: 60)
        #expect(outcome.status == status, "\(outcome)", sourceLocation: sourceLocation)
    }

    @Test("Exit statuses say what serves, and what is to be done")
    func statuses() throws {
        try withService { box, _ in
            let deploy = ["deploy", "-f", "-"]
            let (one, bad) = (Self.spec("v1"), Self.spec("v2", ", WEB_HEALTH: \"fail\""))
            let gate = Self.spec("v3", deploy: Self.gated)
            try expect(0, box, deploy, input: one)
            try expect(2, box, deploy + ["--no-such-flag"], input: one)
            try expect(2, box, ["scale", "web", "many"])
            try expect(2, box, ["promote"])
            try expect(2, box, deploy, input: Array("{ schema: 1, service: 'web', imag: 'web' }".utf8))
            try expect(2, box, ["status", "web", "--output", "yaml"])
            try expect(3, box, deploy, input: bad)
            try expect(8, box, ["deploy", "web", "--image", "nowhere:1"])
            let hangs = Self.with(
                Self.spec("v2"), #"hooks: { before_deploy: { run: ["sleep", "60"], timeout: "300ms" } }"#)
            try expect(3, box, deploy, input: hangs)
            #expect(
                try box.box("service", "history", "web", "-n", "1", "-o", "json").contains("took longer than 300ms"))
            #expect(!(try box.box("ps", "-a", "--format", "{{.Names}}").contains("hook")))
            for missing in [["status", "nobody"], ["rollback", "web", "--to", "r99"], ["promote", "web-d99"]] {
                try expect(10, box, missing)
            }
            try expect(0, box, ["plan", "-f", "-", "--detailed-exitcode"], input: one)
            try expect(20, box, ["plan", "-f", "-", "--detailed-exitcode"], input: gate)
            try expect(5, box, deploy + ["--wait=pause"], input: gate)
            try expect(7, box, deploy, input: Self.spec("v4"))
            try expect(9, box, ["wait", try rollout(box), "--timeout", "300ms"])
            let waiting = try box.background(["wait", try rollout(box)])
            pause(0.3)
            try waiting.signal(SIGINT)
            #expect(try waiting.wait(within: 10).status == 130)
            // Nobody's patience ends a rollout.
            let third = try box.box(deploy + ["--if-busy", "queue", "--detach"], input: Self.spec("v4")).trimmed
            try expect(0, box, deploy + ["--if-busy", "queue", "--detach"], input: Self.spec("v5"))
            try expect(6, box, ["wait", third])
            try expect(3, box, ["abort", try rollout(box)])
            try eventually("the one that waited serves") {
                try box.box("status", "web", "-o", "json").contains(#""state":"steady""#)
            }
            let stuck = Self.spec("v6", ", WEB_EXIT_AFTER_MS: \"50\"", deploy: #"strategy: "recreate""#)
            try expect(
                4, box, deploy, input: Self.with(stuck, #"hooks: { before_deploy: { run: ["true"] } }"#))
            try expect(4, box, ["doctor", "web"])
            try expect(0, box, deploy, input: Self.spec("v7"))
            try expect(11, box, ["-H", "unix://\(box.place)/nowhere.sock", "status"])
            try expectDenied(box)
        }
    }

    /// With one more member.
    private static func with(_ spec: [UInt8], _ member: String) -> [UInt8] {
        Array((String(decoding: spec, as: UTF8.self).trimmed.dropLast() + member + " }").utf8)
    }

    /// The rollout under way.
    private func rollout(_ box: Daemon) throws -> String {
        let status = try box.box("status", "web", "-o", "json")
        let name = status.firstSplit(at: #""rollout":{"#).1.firstSplit(at: #""deploy":""#).1
        return String(name.prefix { $0 != "\"" })
    }

    private func expectDenied(_ box: Daemon) throws {
        // A copy that everybody may execute, wherever the programs are.
        let copy = "/tmp/\(box.name)-boxctl"
        defer { try? Sys.unlink(copy) }
        try Sys.replaceFile(
            copy, try Sys.readFile("\(Programs.directory)/boxctl", limit: 1 << 28), mode: 0o755, sync: false)
        let program = "import os, sys; os.setuid(65534); os.execv(sys.argv[1], sys.argv[1:])"
        let denied = try Running.run("/usr/bin/python3", ["-c", program, copy, "-H", "unix://\(box.socket)", "status"])
        #expect(denied.status == 12, "\(denied)")
    }

    @Test("What happened is told afterwards: events, last words, the plan, what clients lost")
    func told() throws {
        try withService { box, _ in
            let crash = Self.spec("v2", ", WEB_EXIT_AFTER_MS: \"50\", WEB_EXIT_CODE: \"7\"")
            try expect(3, box, ["deploy", "-f", "-"], input: crash)
            let failed = try box.run("logs", "web-d2", "--failed")
            #expect(failed.status == 0, "\(failed)")
            #expect(failed.errors.contains("exited with 7"))
            try expect(10, box, ["logs", "web-d1", "--failed"])
            let events = try box.box("service", "events", "web-d2").lines
            #expect(events.first?.contains("web-d2 accepted") == true)
            #expect(events.last?.contains("web-d2 result: rolled_back") == true)
            let number = try #require(events.dropLast().last?.split(separator: " ").first.map(String.init))
            let later = try box.box("service", "events", "web", "--since", number, "-o", "ndjson").lines
            #expect(later.first?.contains(#""outcome":"rolled_back""#) == true, "\(later)")
            let history = try box.box("service", "history", "web", "-o", "json")
            #expect(history.contains(#""plan":{"#) && history.contains(#""forced_close":0"#))
            try expect(0, box, ["scale", "web", "--min", "4", "--max", "6"])
            try eventually("as many as the limit says") {
                try box.box("status", "web", "-o", "json").contains(#""serving":{"r1":4}"#)
            }
            try expect(0, box, ["deploy", "web", "--env", "A=1"])
            #expect(try box.box("status", "web", "-o", "json").contains(#""desired":4"#))
        }
    }

    @Test("A client that keeps its connection is told that it ends; a rollback starts what could not be frozen")
    func keptAlive() throws {
        try withService { box, lan in
            let program = """
                import socket
                s = socket.create_connection(("\(Lan.hostAddress)", 8081))
                s.sendall(b"GET /version HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
                s.recv(4096)
                print("ready", flush=True)
                s.settimeout(30)
                try: print("closed" if s.recv(4096) == b"" else "more", flush=True)
                except ConnectionResetError: print("reset", flush=True)
                """
            for (behaviour, end) in [("graceful", "closed"), ("ignore", "reset")] {
                let first = Self.spec("v1", ", WEB_SIGTERM: \"\(behaviour)\"")
                let short = { (spec: [UInt8]) in
                    Array(
                        String(decoding: spec, as: UTF8.self).replacing(#"timeout: "5s""#, with: #"timeout: "1s""#).utf8
                    )
                }
                try expect(0, box, ["deploy", "-f", "-"], input: short(first))
                let client = try lan.neighbour.start("/usr/bin/python3", ["-c", program])
                try eventually("the client has its answer") { client.output.hasPrefix("ready") }
                try expect(0, box, ["deploy", "-f", "-"], input: short(Self.spec("v2")))
                try eventually("the client is told: \(client.output)") { client.output.lines.last == end }
                _ = try client.wait(within: 10)
                #expect(try box.box("status", "web", "-o", "json").contains(#""to_start":1"#))
                let back = try box.run("rollback", "web", "-o", "json")
                #expect(back.status == 0, "\(back)")
                #expect(back.output.contains(#""starts":1"#), "\(back)")
            }
        }
    }

    @Test("A daemon that comes back late gives everything the time that it could not watch")
    func late() throws {
        try withService { box, lan in
            let slow = Self.spec("v2", ", WEB_START_DELAY_MS: \"1500\"")
            let id = try box.box(["deploy", "-f", "-", "--detach"], input: slow).trimmed
            pause(0.7)
            try box.kill()
            // Longer than start_timeout and healthy_deadline together.
            pause(9)
            try box.start()
            try expect(0, box, ["wait", id])
            #expect(try lan.neighbour.fetch("http://\(Lan.hostAddress):8081/version") == "v2")
        }
    }
}

extension String {
    fileprivate func replacing(_ text: String, with other: String) -> String {
        let (before, after) = firstSplit(at: text)
        return before == self ? self : before + other + after
    }
}
