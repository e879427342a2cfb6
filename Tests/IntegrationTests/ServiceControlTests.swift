import Glibc
import Kernel
import Testing

/// What a person does with a rollout or a service that is under way.
@Suite(.enabled(if: Lan.isPossible && Programs.has(image: "web"), Lan.need), .serialized)
struct ServiceControlTests {
    @Test("The preview port shows the new version before it is promoted, and nobody afterwards")
    func preview() throws {
        try withService { box, lan in
            var text = ServiceText("v2")
            text.deploy = #"strategy: "blue_green", promote: "manual", preview: { port: 8091 }"#
            try lan.whileAsking {
                #expect(try lan.versions(1, port: 8091) == ["nobody"])
                let deploy = try box.deploy(text, "--wait=pause")
                #expect(deploy.status == 5, "\(deploy)")
                #expect(try lan.versions() == ["v1"])
                #expect(try lan.versions(port: 8091) == ["v2"])
                try box.box("promote", "web")
                #expect(try box.run("wait", "web-d2").status == 0)
                #expect(try lan.versions() == ["v2"])
                // Refused at once, and not left waiting.
                let before = Clock.boottime()
                #expect(try lan.versions(1, port: 8091) == ["nobody"])
                #expect(Clock.boottime() - before < 2_000_000_000)
            }
        }
    }

    @Test("An instance is taken out of the pool, replaced, and put back")
    func setAside() throws {
        try withService { box, lan in
            try lan.whileAsking {
                try box.box("drain", "web-r1-2")
                try eventually("another one is there in its place") {
                    try box.instances().contains("web-r1-4 pooled") && box.instances().contains("web-r1-2 ready")
                }
                #expect(try lan.versions() == ["v1"])
                try box.box("undrain", "web-r1-2")
                try eventually("there are three again") {
                    try box.names("ps", "--format", "{{.Names}}").count == 3
                        && box.instances().contains("web-r1-2 pooled")
                }
            }
            let deploy = try box.deploy(ServiceText("v2"))
            #expect(deploy.status == 0, "\(deploy)")
            let frozen = try box.run("drain", "web-r1-2")
            #expect(frozen.status == 2)
            #expect(frozen.errors.contains("'web-r1-2' is frozen, and not in the pool"))
            #expect(try box.run("drain", "web-r9-1").status == 10)
        }
    }

    @Test("A canary: its share of the connections, pauses, a gate, and the way back")
    func canary() throws {
        try withService { box, lan in
            var text = ServiceText("v2")
            text.deploy = """
                strategy: "canary", steps: [{ weight: "10%" }, { pause: "200ms" }, { weight: "30%" },
                  { gate: "manual" }, { weight: "100%" }]
                """
            #expect(try box.deploy(text, "--wait=pause").status == 5)
            // Five standard deviations: wrong once in a million runs.
            let shares = try lan.shares(of: 1000)
            #expect(abs((shares["v2"] ?? 0) - 300) < 73, "\(shares)")
            try box.box("weight", "web", "5")
            let fewer = try lan.shares(of: 1000)
            #expect(abs((fewer["v2"] ?? 0) - 50) < 35, "\(fewer)")
            let more = try box.run("weight", "web", "60%")
            #expect(more.status == 2)
            #expect(more.errors.contains("60.0% needs 2 new instances; 1 are in the pool"))
            try lan.whileAsking {
                let back = try box.run("abort", "web")
                #expect(back.status == 3, "\(back)")
                #expect(back.output.contains("aborted by hand"))
                #expect(try lan.shares(of: 200) == ["v1": 200])
            }
            #expect(try box.run("weight", "web", "10").errors.contains("weights are for a canary that is under way"))
            // Once more, to its end; paused by hand it goes no further.
            #expect(try box.deploy(text, "--wait=pause").status == 5)
            try box.box("pause", "web-d3")
            #expect(try box.run("wait", "web-d3", "--timeout", "300ms").status == 9)
            try box.box("resume", "web-d3")
            try box.box("promote", "web-d3")
            let end = try box.run("wait", "web-d3")
            #expect(end.status == 0, "\(end)")
            #expect(try lan.versions() == ["v2"])
        }
    }

    @Test("Immutable swaps whole groups; all at once says what it costs")
    func otherStrategies() throws {
        try withService { box, lan in
            try lan.swap(box, to: "v2", by: "immutable")
            #expect(try lan.versions() == ["v2"])
            var text = ServiceText("v3")
            text.deploy = #"strategy: "all_at_once""#
            let plan = try box.run(["plan", "-f", "-"], input: text.bytes)
            #expect(plan.status == 0, "\(plan)")
            #expect(plan.output.contains("all_at_once is for development"))
            let deploy = try box.deploy(text)
            #expect(deploy.status == 0, "\(deploy)")
            #expect(try lan.versions() == ["v3"])
        }
    }

    @Test("More and fewer instances under load; as many as the spec allows")
    func scale() throws {
        try withService { box, lan in
            try lan.whileAsking {
                for count in [6, 2] {
                    try box.box("scale", "web", "\(count)")
                    try eventually("there are \(count)") {
                        let all = try box.instances()
                        return all.count == count && all.allSatisfy { $0.hasSuffix(" pooled") }
                    }
                }
            }
            let none = try box.run("scale", "web", "0")
            #expect(none.status == 2)
            #expect(none.errors.contains("0 is not from scale.min 1 to scale.max 1000"))
        }
    }

    @Test("A whole pool that dies at once is there again at once")
    func poolDies() throws {
        try withService { box, lan in
            try box.box(["kill"] + box.names("ps", "--format", "{{.Names}}"))
            try eventually("three others are in the pool", within: 3) {
                let all = try box.instances().filter { $0.hasSuffix(" pooled") }
                return all == ["web-r1-4 pooled", "web-r1-5 pooled", "web-r1-6 pooled"]
            }
            #expect(try lan.versions() == ["v1"])
        }
    }

    @Test("Services side by side: one's rollout is nothing to the other; datagrams are swapped, too")
    func sideBySide() throws {
        try withService { box, lan in
            var other = ServiceText("d1")
            other.name = "dns"
            other.environment = #", WEB_UDP_PORT: "5300""#
            other.desired = 2
            other.port = "{ name: \"q\", target: 5300, publish: 5300, protocol: \"udp\" }"
            // No port of TCP is listed that a probe could ask.
            other.health = "exec: [\"/usr/bin/web\", \"--healthcheck\"]"
            let first = try box.deploy(other)
            #expect(first.status == 0, "\(first)")
            let asked = { try lan.neighbour.ask(Lan.hostAddress, 5300)?.split(separator: " ").first.map(String.init) }
            #expect(try asked() == "d1")
            try lan.whileAsking {
                other.version = "d2"
                let second = try box.deploy(other)
                #expect(second.status == 0, "\(second)")
                for _ in 0..<6 { #expect(try asked() == "d2") }
                let back = try box.run("rollback", "dns")
                #expect(back.status == 0, "\(back)")
                for _ in 0..<6 { #expect(try asked() == "d1") }
                try box.box("service", "rm", "dns")
            }
            #expect(try asked() == nil)
            #expect(try lan.versions() == ["v1"])
        }
    }
}
