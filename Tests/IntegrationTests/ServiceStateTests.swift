import Glibc
import Kernel
import Testing

/// Health, hooks, volumes, room on the disk, and what is shown of it all.
@Suite(.enabled(if: Lan.isPossible && Programs.has(image: "web"), Lan.need), .serialized)
struct ServiceStateTests {
    @Test("Each way to probe, and what it says when it fails")
    func probes() throws {
        try withService { box, _ in
            for (number, probe) in [
                ("exec: [\"sh\", \"-c\", \"echo too cold; exit 4\"]", "exit 4 -> 4: too cold"),
                ("log: \"never said\"", "the log does not have 'never said' yet"),
                ("http: { path: \"/status/301\" }", "GET /status/301 -> 301"),
            ].enumerated() {
                var text = ServiceText("bad\(number)")
                text.health = probe.0
                text.deadline = "500ms"
                let deploy = try box.deploy(text)
                #expect(deploy.status == 3, "\(deploy)")
                #expect(deploy.output.contains(probe.1), "\(deploy)")
            }
            try box.box("create", "--name", "talk", "web")
            let entry = #"ENTRYPOINT ["sh", "-c", "echo so far so good; exec /usr/bin/web"]"#
            try box.box("commit", "-c", entry, "talk", "web:talk")
            try box.box("rm", "talk")
            for (number, probe) in [
                "tcp: {}", "log: \"so good\"", "exec: [\"/usr/bin/web\", \"--healthcheck\"]",
            ].enumerated() {
                var text = ServiceText("good\(number)")
                text.image = "web:talk"
                text.health = probe
                let deploy = try box.deploy(text)
                #expect(deploy.status == 0, "\(deploy)")
            }
            let doctor = try box.run("doctor", "web")
            #expect(doctor.status == 0, "\(doctor)")
            #expect(doctor.output.contains("/usr/bin/web --healthcheck -> 0"))
        }
    }

    private static let hooks = """
        user: "root", volumes: [{ name: "notes", at: "/notes" }],
        hooks: {
          before_deploy: { run: ["sh", "-c", "echo before_deploy >>/notes/log"] },
          before_traffic: { run: ["sh", "-c", "echo before_traffic >>/notes/log"] },
          after_traffic: { run: ["sh", "-c", "echo after_traffic >>/notes/log"] },
          before_promote: { run: ["sh", "-c", "echo before_promote >>/notes/log; exit $CODE"] },
          after_rollback: { run: ["sh", "-c", "echo after_rollback >>/notes/log"] },
          pre_stop: { run: ["sh", "-c", "echo pre_stop >>/notes/log"] } },
        """

    @Test("Hooks run in their order, each once; one that fails takes the rollout back")
    func hooks() throws {
        try withService { box, lan in
            func notes() throws -> [String] {
                try Sys.readText("\(box.place)/data/volumes/notes/data/log").lines
            }
            var text = ServiceText("v2")
            text.more = Self.hooks
            text.deploy = #"rollback_window: "0s""#
            let deploy = try box.deploy(text)
            #expect(deploy.status == 0, "\(deploy)")
            #expect(try notes() == ["before_deploy", "before_traffic", "after_traffic", "before_promote"])
            text.version = "v3"
            text.environment = ", CODE: \"9\""
            let failed = try box.deploy(text)
            #expect(failed.status == 3, "\(failed)")
            #expect(failed.output.contains("run hook before_promote:"))
            #expect(failed.output.contains("exited with 9"))
            #expect(try lan.versions() == ["v2"])
            // Those that left for good, the three new ones and the old ones, were told so before their signal.
            let second = try notes().dropFirst(4)
            #expect(
                second.filter { $0 != "pre_stop" } == [
                    "before_deploy", "before_traffic", "after_traffic", "before_promote", "after_rollback",
                ])
            #expect(second.count { $0 == "pre_stop" } >= 3)
            text.environment = ""
            text.more = "hooks: { before_traffic: { run: [\"nowhere\"] } },"
            let missing = try box.deploy(text)
            #expect(missing.status == 8)
            #expect(missing.output.contains("hooks.before_traffic: image web has no program 'nowhere'"))
            text.more = "hooks: { befor_traffic: { run: [\"true\"] } },"
            let wrong = try box.deploy(text)
            #expect(wrong.status == 2)
            #expect(wrong.errors.contains("did you mean 'before_traffic'?"))
        }
    }

    @Test("A version that is ill after its migration: the volume is put back, or a person has to decide")
    func migration() throws {
        var text = ServiceText("v1")
        text.desired = 1
        text.more = """
            user: "root", volumes: [{ name: "rows", at: "/rows", access: "exclusive" }],
            hooks: { before_deploy: { run: ["sh", "-c", "echo $WEB_VERSION >>/rows/history"] } },
            """
        text.deploy = #"strategy: "recreate", reversible: true"#
        try withService(text) { box, lan in
            func history() throws -> [String] {
                try Sys.readText("\(box.place)/data/volumes/rows/data/history").lines
            }
            #expect(try history() == ["v1"])
            text.version = "v2"
            try lan.whileAsking {
                let deploy = try box.deploy(text)
                #expect(deploy.status == 0, "\(deploy)")
                #expect(try history() == ["v1", "v2"])
                text.version = "v3"
                text.environment = #", WEB_HEALTH: "fail""#
                let ill = try box.deploy(text)
                #expect(ill.status == 3, "\(ill)")
                #expect(try history() == ["v1", "v2"])
            }
            #expect(try lan.versions() == ["v2"])
            // Nothing to put back, and the old version would not understand the data: nobody serves, and says so at once.
            text.deploy = #"strategy: "recreate""#
            let stuck = try box.deploy(text)
            #expect(stuck.status == 4, "\(stuck)")
            #expect(try history() == ["v1", "v2", "v3"])
            #expect(try lan.versions(1) == ["nobody"])
            let doctor = try box.run("doctor", "web")
            #expect(doctor.status == 4)
            #expect(doctor.output.contains("a person has to decide"))
            text.environment = ""
            text.version = "v4"
            let good = try box.deploy(text)
            #expect(good.status == 0, "\(good)")
            #expect(try lan.versions() == ["v4"])
        }
    }

    @Test("On a full disk nothing is begun, and the way back works")
    func fullDisk() throws {
        try withLan(images: []) { box, lan in
            _ = try box.terminate()
            let root = "\(box.place)/data"
            try Sys.makeDirectories(root, mode: 0o700)
            func system(_ words: String...) throws {
                let outcome = try Running.run(words[0], Array(words.dropFirst()))
                guard outcome.status == 0 else { throw Trouble(outcome.description) }
            }
            try system("mount", "-t", "tmpfs", "-o", "size=200m", "box-small", root)
            defer {
                _ = try? Sys.unlink("\(root)/fill")
                _ = try? box.run(["service", "rm", "-f", "web"], within: 30)
                _ = try? box.terminate()
                try? system("umount", "-l", root)
            }
            try box.start()
            try box.box("load", "-q", "-i", Programs.image("web"))
            for version in ["v1", "v2"] { #expect(try box.deploy(ServiceText(version)).status == 0) }
            let before = try box.processes()
            // All but some megabytes.
            let space = try Sys.open(root, Sys.openDirectory).fileSystemStatus()
            let free = Int((space.blocksAvailable * space.blockSize) >> 20)
            try system("dd", "if=/dev/zero", "of=\(root)/fill", "bs=1M", "count=\(free - 20)", "status=none")
            let refused = try box.deploy(ServiceText("v3"), "--output", "json")
            #expect(refused.status == 8, "\(refused)")
            #expect(refused.output.contains("are needed for 1 more instance and the journal"), "\(refused)")
            #expect(try box.processes() == before)
            let back = try box.run("rollback", "web", "--output", "json")
            #expect(back.status == 0, "\(back)")
            #expect(back.output.contains(#""starts":0"#))
            #expect(try lan.versions() == ["v1"])
        }
    }

    @Test("Doctor and history, of a service that serves and of one that never did")
    func looking() throws {
        try withService { box, _ in
            var bad = ServiceText("v1")
            bad.name = "ill"
            bad.port = ""
            bad.health = "exec: [\"false\"]"
            #expect(try box.deploy(bad).status == 3)
            let ill = try box.run("doctor", "ill")
            #expect(ill.status == 4)
            #expect(ill.output.contains("no revision serves; the last rollout: ill-d1 rolled_back"))
            #expect(!ill.output.contains("router"))
            try box.box("service", "rm", "ill")
            #expect(try box.run("doctor", "ill").status == 10)
            #expect(try box.run("doctor", "web").status == 0)
            let history = try box.box("service", "history", "web")
            #expect(history.contains("web-d1"))
            #expect(history.contains(" ago"))
            // The image has the name, too, and Docker's meaning of the word goes first.
            #expect(try box.box("history", "web").contains("images/web/build"))
        }
    }

    @Test("status --watch on a terminal keeps to it; elsewhere there are plain lines")
    func watch() throws {
        try withService { box, _ in
            for columns: UInt16 in [50, 120] {
                let terminal = try PseudoTerminal(rows: 5, columns: columns)
                let watching = try box.background(["status", "--watch", "web"], terminal: terminal.end)
                defer { try? watching.signal(SIGKILL) }
                try terminal.expect("3 of 3 instances")
                let picture = try terminal.expect("\u{1b}[H")
                #expect(picture.split(separator: "\u{1b}").allSatisfy { $0.count <= Int(columns) + 4 }, "\(picture)")
                // One line is the cursor's.
                #expect(picture.lines.count <= 4, "\(picture)")
            }
            let deploy = try box.deploy(ServiceText("v2"), "--detach")
            let plain = try box.run("status", "--watch", deploy.output.trimmed)
            #expect(plain.status == 0)
            #expect(plain.output.contains("succeeded in"))
            #expect(!plain.output.contains("\u{1b}"))
        }
    }
}
