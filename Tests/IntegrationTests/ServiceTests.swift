import Glibc
import Kernel
import Testing

/// Services as their users see them: real containers, real router, real clients.
@Suite(.enabled(if: Lan.isPossible && Programs.has(image: "web"), Lan.need), .serialized)
struct ServiceTests {
    private static let url = "http://\(Lan.hostAddress):8081/version"

    @Test("A rolling deploy and a rollback, without one failed request")
    func rolling() throws {
        try withService { box, lan in
            #expect(try lan.neighbour.fetch(Self.url) == "v1")
            #expect(try lan.host.fetch("http://127.0.0.1:8081/version") == "v1")
            let before = try box.processes()
            #expect(before.count == 3)
            try lan.whileAsking {
                let deploy = try box.deploy(ServiceText("v2"), "--output", "json")
                #expect(deploy.status == 0, "\(deploy)")
                #expect(deploy.output.contains(#""outcome":"succeeded""#))
                for _ in 0..<6 { #expect(try lan.neighbour.fetch(Self.url) == "v2") }
                // The old ones are frozen, and come back without a start.
                let back = try box.run("rollback", "web", "--output", "json")
                #expect(back.status == 0, "\(back)")
                #expect(back.output.contains(#""starts":0"#))
                for _ in 0..<6 { #expect(try lan.neighbour.fetch(Self.url) == "v1") }
            }
            #expect(Set(before).isSubset(of: Set(try box.processes())))
            // The same again is nothing.
            let same = try box.deploy(ServiceText("v1"), "--output", "json")
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
            let before = try box.processes()
            try lan.whileAsking {
                for trouble in [", WEB_HEALTH: \"fail\"", ", WEB_EXIT_AFTER_MS: \"50\", WEB_EXIT_CODE: \"7\""] {
                    var text = ServiceText("v2")
                    text.environment = trouble
                    let deploy = try box.deploy(text, "--output", "json")
                    #expect(deploy.status == 3, "\(deploy)")
                    #expect(deploy.output.contains(#""outcome":"rolled_back""#))
                }
                let missing = try box.run("deploy", "web", "--image", "nowhere:1")
                #expect(missing.status == 8, "\(missing)")
            }
            #expect(try box.processes() == before)
        }
    }

    @Test("kill -9 of boxd in the middle of a rollout: it goes on, and no request fails")
    func killed() throws {
        try withService { box, lan in
            try lan.whileAsking {
                for (number, delay) in [200_000_000, 700_000_000, 1_300_000_000].enumerated() {
                    let version = "v\(number + 2)"
                    let deploy = try box.deploy(ServiceText(version), "--detach")
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
            let names = try box.box("ps", "-a", "--format", "{{.Names}}").lines.count
            // Three that serve, three that are kept.
            #expect(names <= 6)
        }
    }

    @Test("Blue-green: nothing is seen of the new version before it is promoted")
    func blueGreen() throws {
        try withService { box, lan in
            var text = ServiceText("v2")
            text.deploy = #"strategy: "blue_green", promote: "manual""#
            try lan.whileAsking {
                let deploy = try box.deploy(text, "--wait=pause")
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
        }
    }

    @Test("Recreate holds new connections while nobody is there")
    func recreate() throws {
        try withService { box, lan in
            try lan.swap(box, to: "v2", by: "recreate")
            #expect(try lan.neighbour.fetch(Self.url) == "v2")
        }
    }
}
