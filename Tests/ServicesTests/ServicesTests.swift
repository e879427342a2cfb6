import Basics
import Database
import Deployment
import Glibc
import Kernel
import Reactor
@testable import Services
import Synchronization
import Testing

private let loop: EventLoop = {
    do { return try EventLoop() } catch { preconditionFailure("\(error)") }
}()

/// A daemon's services over a world that outlives it.
private final class Fixture: Sendable {
    let path: String
    private let isMount: Bool
    let world = FakeWorld()
    let pool = BlockingPool()
    let database: Database

    /// `sizeLimit`: of a file system of its own, as mount(8) takes it.
    init(sizeLimit: String? = nil) throws {
        isMount = sizeLimit != nil
        path = "/tmp/box-services-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        try Sys.mkdir(path)
        if let sizeLimit { try Mounts.mount("tmpfs", path, type: "tmpfs", data: "size=\(sizeLimit)") }
        database = try Database(
            path: path + "/box.db",
            migrations: [
                """
                CREATE TABLE quarantine (
                    kind TEXT NOT NULL, key TEXT NOT NULL, reason TEXT NOT NULL, content BLOB NOT NULL,
                    time INTEGER NOT NULL)
                """
            ])
    }
    deinit {
        if isMount { try? Mounts.unmount(path) }
        try? Sys.removeTree(path)
    }

    func journal() throws -> DatabaseJournal { try DatabaseJournal(database, log: Logger("test", minimum: .error)) }

    func manager(_ journal: any ServiceJournal, boot: String = "one") -> ServiceManager {
        ServiceManager(
            ServiceTools(
                instances: world, router: world, journal: journal, clock: .boottime(loop), pool: pool,
                log: Logger("test", minimum: .error), bootID: boot), images: world)
    }
}

private func spec(_ image: String, _ changes: [String: JSONValue] = [:]) -> SpecCall {
    var tree: JSONValue = .object([
        "schema": .number(1), "service": .string("web"), "image": .string(image),
        "scale": .object(["desired": .number(3)]),
        "ports": .array([.object(["name": .string("http"), "target": .number(8080), "publish": .number(80)])]),
        "health": .object([
            "http": .object(["path": .string("/")]), "interval": .string("5ms"), "stable_for": .string("5ms"),
            "healthy_deadline": .string("300ms"),
        ]),
        "drain": .object(["timeout": .string("1s"), "stop_grace": .string("1s")]),
        "deploy": .object(["abort_keep": .string("0s"), "rollback_window": .string("10m")]),
    ])
    tree = tree.merging(.object(changes))
    var call = SpecCall()
    call.overlay = tree
    return call
}

private func deploy(_ manager: ServiceManager, _ call: SpecCall, key: String? = nil) async throws -> String {
    var request = DeployCall(service: "web", spec: call)
    request.key = key
    guard case .accepted(let id) = try await manager.deploy(request) else { throw Trouble(description: "not accepted") }
    return id
}

private func result(_ manager: ServiceManager, _ id: String) async throws -> JSONValue {
    let status = try await manager.controller("web").status(ofRollout: id, within: .seconds(20))
    guard status["done"] == .bool(true), let result = status["result"] else {
        throw Trouble(description: "\(id) does not end: \(status)")
    }
    return result
}

@Suite(.timeLimit(.minutes(3))) struct ServicesTests {
    @Test("A first deploy, a second one, a rollback out of the freezer")
    func rolling() async throws {
        let fixture = try Fixture()
        let manager = fixture.manager(try fixture.journal())
        let first = try await result(manager, try await deploy(manager, spec("web:1")))
        #expect(first["outcome"] == .string("succeeded"))
        #expect(first["serving"] == .object(["r1": .number(3)]))
        let second = try await result(manager, try await deploy(manager, spec("web:2")))
        #expect(second["outcome"] == .string("succeeded"))
        #expect(second["from"] == .string("r1"))
        #expect(second["plan"]?["strategy"] == .string("rolling"))
        #expect(second["plan"]?["peak"]?["running"] == .number(4))
        // A connection for each member of each table after the first.
        if case .number(let total)? = second["requests"]?["total"] {
            #expect(total > 3)
        } else {
            Issue.record("no connections were counted: \(second)")
        }
        #expect(second["requests"]?["http_5xx_new"] == .null)
        if case .object(let timings)? = second["timings"] {
            #expect(Set(timings.keys).isSuperset(of: ["total", "start", "router", "drain"]))
        }
        let starts = fixture.world.starts
        let controller = try manager.controller("web")
        guard case .accepted(let id) = try await manager.obey(.rollback(to: nil, key: nil), controller) else {
            throw Trouble(description: "the rollback is not accepted")
        }
        let back = try await result(manager, id)
        #expect(back["outcome"] == .string("succeeded"))
        #expect(back["serving"] == .object(["r1": .number(3)]))
        #expect(fixture.world.starts == starts)
        #expect(fixture.world.trouble == [])
        await manager.close()
    }

    @Test("Connections that do not end: a stop instead of the freezer, and a reset before the kill")
    func connected() async throws {
        let fixture = try Fixture()
        let manager = fixture.manager(try fixture.journal())
        var short = spec("web:1", ["drain": .object(["timeout": .string("3s"), "stop_grace": .string("200ms")])])
        _ = try await result(manager, try await deploy(manager, short))
        fixture.world.state.withLock { $0.sockets = ["web-r1-1": 2, "web-r1-2": 3] }
        fixture.world.state.withLock { _ = $0.deaf.insert("web-r1-2") }
        short.overlay = short.overlay?.merging(.object(["image": .string("web:2")]))
        let second = try await result(manager, try await deploy(manager, short))
        #expect(second["requests"]?["forced_close"] == .number(5))
        #expect(second["requests"]?["reset"] == .number(3))
        #expect(fixture.world.state.withLock { $0.cut } == ["web-r1-2": 3])
        let controller = try manager.controller("web")
        let states = await controller.service.instances.filter { $0.revision == 1 }.map(\.state)
        #expect(states == [.stopped, .stopped, .frozen])
        #expect(await controller.status()["window"]?["to_start"] == .number(2))
        let starts = fixture.world.starts
        guard case .accepted(let id) = try await manager.obey(.rollback(to: nil, key: nil), controller) else {
            throw Trouble(description: "the rollback is not accepted")
        }
        let back = try await result(manager, id)
        #expect(back["serving"] == .object(["r1": .number(3)]))
        #expect(fixture.world.starts == starts + 2)
        #expect(fixture.world.trouble == [])
        await manager.close()
    }

    @Test("A version that is never healthy is taken back, and the old instances are left alone")
    func bad() async throws {
        let fixture = try Fixture()
        let manager = fixture.manager(try fixture.journal())
        _ = try await result(manager, try await deploy(manager, spec("web:1")))
        let before = fixture.world.alive()
        fixture.world.state.withLock { _ = $0.sick.insert("web:2@sha256:web:2") }
        let bad = try await result(manager, try await deploy(manager, spec("web:2")))
        #expect(bad["outcome"] == .string("rolled_back"))
        #expect(bad["exit"] == .number(3))
        #expect(bad["reason"]?["code"] == .string("health_never_green"))
        #expect(fixture.world.alive() == before)
        #expect(fixture.world.trouble == [])
        await manager.close()
    }

    @Test("What is refused changes nothing; what is the same does nothing")
    func refusals() async throws {
        let fixture = try Fixture()
        let manager = fixture.manager(try fixture.journal())
        fixture.world.state.withLock { $0.refusals = [.init(subject: .memory, text: "too little")] }
        let refused = try await result(manager, try await deploy(manager, spec("web:1")))
        #expect(refused["exit"] == .number(8))
        #expect(fixture.world.starts == 0)
        fixture.world.state.withLock { $0.refusals = [] }
        let key = try await deploy(manager, spec("web:1"), key: "k")
        let again = try await deploy(manager, spec("web:1"), key: "k")
        #expect(again == key)
        _ = try await result(manager, key)
        guard
            case .unchanged(let isScaled, let same) = try await manager.deploy(
                DeployCall(service: "web", spec: spec("web:1")))
        else { throw Trouble(description: "the same is deployed again") }
        #expect(!isScaled)
        #expect(same["changed"] == .bool(false))
        var stale = DeployCall(service: "web", spec: spec("web:2"))
        stale.expected = "r7"
        await #expect(throws: ServiceError.self) { try await manager.deploy(stale) }
        await manager.close()
    }

    @Test("A process that dies at any write of the journal goes on where it was", arguments: [true, false])
    func crashes(after: Bool) async throws {
        // As many moments as the rollout without a crash has.
        var moment = 1
        var ended = 0
        while true {
            let fixture = try Fixture()
            let healthy = fixture.manager(try fixture.journal())
            _ = try await result(healthy, try await deploy(healthy, spec("web:1")))
            await healthy.close()
            let mortal = MortalJournal(try fixture.journal(), after ? .after(moment) : .before(moment))
            let doomed = fixture.manager(mortal)
            await doomed.start(patience: .milliseconds(200))
            var hooked = spec("web:2")
            hooked.overlay = hooked.overlay?.merging(
                .object(["hooks": .object(["before_deploy": .object(["run": .strings(["true"])])])]))
            let request = Task { [hooked] in try? await deploy(doomed, hooked, key: "second") }
            let deadline = Clock.boottime() + 10_000_000_000
            var isOver = false
            while !mortal.isDead, !isOver, Clock.boottime() < deadline {
                try await loop.sleep(nanoseconds: 1_000_000)
                isOver = try mortal.results(of: "web", limit: 10).count > 1
            }
            await doomed.close()
            _ = await request.value
            let next = fixture.manager(try fixture.journal())
            await next.start()
            // Whoever asked does not know whether it was heard, and asks again.
            let answer = try await next.deploy(
                { [hooked] in
                    var call = DeployCall(service: "web", spec: hooked)
                    call.key = "second"
                    return call
                }())
            if case .accepted(let id) = answer {
                let end = try await result(next, id)
                #expect(end["outcome"] == .string("succeeded"), "moment \(moment): \(end)")
            }
            let controller = try next.controller("web")
            #expect(await controller.service.stable == 2, "moment \(moment)")
            #expect(await controller.service.pooled.count == 3, "moment \(moment)")
            #expect(fixture.world.trouble == [], "moment \(moment)")
            let known = Set(await controller.service.instances.map(\.name))
            #expect(Set(fixture.world.alive()).isSubset(of: known), "moment \(moment)")
            await next.close()
            ended += 1
            if isOver || !mortal.isDead { break }
            // Every one of the first, which differ most; then some.
            moment += moment < 25 ? 1 : 7
        }
        #expect(ended > 20)
    }

    @Test(
        "A full disk: what was kept for the journal is enough for a rollback", .enabled(if: getuid() == 0, "needs root")
    )
    func fullDisk() async throws {
        let fixture = try Fixture(sizeLimit: "48m")
        let journal = try DatabaseJournal(
            fixture.database, log: Logger("test", minimum: .error), reserve: fixture.path + "/reserve")
        let manager = fixture.manager(journal)
        _ = try await result(manager, try await deploy(manager, spec("web:1")))
        _ = try await result(manager, try await deploy(manager, spec("web:2")))
        // To the last block: bytes that do not fit whole are written as far as they go.
        let file = try Sys.open(fixture.path + "/full", O_WRONLY | O_CREAT, mode: 0o600)
        for size in [1 << 20, 4096] {
            let bytes = [UInt8](repeating: 7, count: size)
            while (try? file.writeAll(bytes)) != nil {}
        }
        #expect(Sys.exists(fixture.path + "/reserve"))
        let controller = try manager.controller("web")
        for round in 1...4 {
            guard case .accepted(let id) = try await manager.obey(.rollback(to: nil, key: nil), controller) else {
                throw Trouble(description: "rollback \(round) is not accepted")
            }
            #expect(try await result(manager, id)["outcome"] == .string("succeeded"))
        }
        #expect(!Sys.exists(fixture.path + "/reserve"))
        #expect(fixture.world.trouble == [])
        await manager.close()
    }

    @Test("What was scaled stays so when only the image is changed")
    func scaled() async throws {
        let fixture = try Fixture()
        let manager = fixture.manager(try fixture.journal())
        let first = spec("web:1", ["scale": .object(["desired": .number(2), "max": .number(9)])])
        _ = try await result(manager, try await deploy(manager, first))
        let controller = try manager.controller("web")
        _ = try await manager.obey(.scale(4), controller)
        var next = SpecCall()
        next.onTopOf = "web"
        next.overlay = .object(["image": .string("web:2")])
        let second = try await result(manager, try await deploy(manager, next))
        #expect(second["serving"] == .object(["r2": .number(4)]))
        _ = try await manager.obey(.limits(min: 5, max: 20), controller)
        next.overlay = .object(["image": .string("web:3")])
        let third = try await result(manager, try await deploy(manager, next))
        #expect(third["serving"] == .object(["r3": .number(5)]))
        let scale = await controller.service.revisions[3]?.spec.scale
        #expect(scale?.min == 5 && scale?.max == 20)
        #expect(fixture.world.trouble == [])
        await manager.close()
    }

    @Test("Counters that begin anew with each member")
    func traffic() {
        var traffic = RolloutTraffic(rollout: "web-d1", counts: ["a": 100, "b": 7])
        traffic.take(["a": 110, "b": 7, "c": 3])
        #expect(traffic.total == 13)
        // It left, and came back.
        traffic.take(["a": 4, "c": 3])
        traffic.take(["a": 4, "c": 8])
        #expect(traffic.total == 22)
    }

    @Test("After a start of the host the stable revision serves again")
    func reboot() async throws {
        let fixture = try Fixture()
        let manager = fixture.manager(try fixture.journal())
        _ = try await result(manager, try await deploy(manager, spec("web:1")))
        await manager.close()
        for name in fixture.world.alive() { fixture.world.die(name) }
        fixture.world.state.withLock { $0.routes = [:] }
        let next = fixture.manager(try fixture.journal(), boot: "two")
        await next.start()
        let controller = try next.controller("web")
        let deadline = Clock.boottime() + 10_000_000_000
        while await controller.service.pooled.count < 3, Clock.boottime() < deadline {
            try await loop.sleep(nanoseconds: 5_000_000)
        }
        #expect(await controller.service.pooled.count == 3)
        #expect(fixture.world.trouble == [])
        await next.close()
    }

    @Test("A row that cannot be read does not keep the others from being served")
    func corrupt() async throws {
        let fixture = try Fixture()
        let manager = fixture.manager(try fixture.journal())
        _ = try await result(manager, try await deploy(manager, spec("web:1")))
        await manager.close()
        try fixture.database.transaction {
            try $0.run("INSERT INTO services (name, entry) VALUES ('other', '{')")
        }
        let next = fixture.manager(try fixture.journal())
        await next.start()
        #expect(next.all.map(\.name) == ["web"])
        let kept = try fixture.database.read { try $0.query("SELECT key FROM quarantine") { $0.text(0) } }
        #expect(kept == ["other"])
        await next.close()
    }

    @Test("Events have numbers that go on, and the last one has the result")
    func news() async throws {
        let fixture = try Fixture()
        let journal = try fixture.journal()
        let manager = fixture.manager(journal)
        let id = try await deploy(manager, spec("web:1"))
        _ = try await result(manager, id)
        let news = try journal.news(service: "web", rollout: id, after: 0, limit: 1000)
        #expect(news.map(\.seq) == news.map(\.seq).sorted())
        #expect(news.first?.kind == "accepted")
        #expect(news.last?.kind == "result")
        #expect(news.last?.result?["outcome"] == .string("succeeded"))
        await manager.close()
    }

    /// What a schema says, also where it says so elsewhere in the document.
    private func resolved(_ schema: JSONValue) throws -> JSONValue {
        guard let reference = schema["$ref"]?.string else { return schema }
        var value = SpecSchema.document
        for part in reference.dropFirst(2).split(separator: "/") { value = try #require(value[String(part)]) }
        return value
    }

    @Test("The schema knows every key that a spec may have, and no other")
    func schema() throws {
        func check(_ value: JSONValue, _ schema: JSONValue, _ path: String) throws {
            let schema = try resolved(schema)
            guard case .object(let members) = value, case .object(let known)? = schema["properties"] else { return }
            for (key, member) in members {
                #expect(known[key] != nil, "\(path).\(key)")
                if let next = known[key] { try check(member, next, "\(path).\(key)") }
            }
        }
        let tree = spec("web:1").overlay ?? .null
        try check(tree, SpecSchema.document, "")
        // An unknown key's message names all that are known.
        let places =
            ["", "scale", "health", "drain", "deploy", "resources", "hooks"]
            + Hooks.Place.allCases.map { "hooks/\($0.rawValue)" }
        for place in places {
            let path = place.split(separator: "/").map(String.init)
            let overlay = path.reversed().reduce(JSONValue.object(["zzzzzzzzzzzz": .bool(true)])) { .object([$1: $0]) }
            let schema = try resolved(path.reduce(SpecSchema.document) { $0["properties"]?[$1] ?? .null })
            guard case .object(let known)? = schema["properties"] else {
                Issue.record("the schema lacks \(place)")
                continue
            }
            do {
                _ = try ServiceSpec.decode(tree.merging(overlay))
                Issue.record("an unknown key is taken in \(place)")
            } catch {
                // What else is missing stands in lines of its own.
                let text = "\(error)".prefix { !$0.isNewline }
                let names = text.components(after: "known are ").split(separator: ",").map {
                    String($0.drop { $0 == " " }.prefix { !$0.isWhitespace })
                }
                #expect(Set(names) == Set(known.keys), "\(place)")
            }
        }
    }
}

extension Substring {
    fileprivate func components(after marker: String) -> String {
        firstRange(of: marker).map { String(self[$0.upperBound...]) } ?? ""
    }
}
