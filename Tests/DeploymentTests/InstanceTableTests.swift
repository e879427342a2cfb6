import Testing

@testable import Deployment

/// Every state against every event: what is not in the table leaves the state as it was.
@Suite("Instance")
struct InstanceTableTests {
    private static let health = HealthPolicy(
        healthyThreshold: 1, unhealthyThreshold: 1, startTimeout: .seconds(30), healthyDeadline: .seconds(120),
        stableFor: .zero)
    private static let start = Moment.zero + .seconds(100)

    /// As it comes into the state: alive where there is a process.
    static func instance(_ state: Instance.State) -> Instance {
        var one = Instance(name: "web-r1-1", revision: 1, ordinal: 1, goal: .serve, since: start)
        one.state = state
        one.alive = ![.created, .stopped, .removed, .failed].contains(state)
        one.address = one.alive ? "10.0.0.1" : nil
        one.warmed = true
        if state == .draining {
            one.drain = Instance.Drain(deadline: start + .seconds(10), longDeadline: start + .seconds(20))
        }
        return one
    }

    /// Name of the event, and what it is; time passes shortly, until the first deadlines, and until all of them.
    static let events: [(String, InstanceEvent, Span)] = [
        ("started", .started(address: "10.0.0.2"), .zero),
        ("startFailed", .startFailed("exec format error"), .zero),
        ("listening", .listening, .zero),
        ("probe ok", .probe(ProbeResult(passed: true, detail: "200")), .zero),
        ("probe bad", .probe(ProbeResult(passed: false, detail: "500")), .zero),
        ("warmedUp", .warmedUp, .zero),
        ("admitted", .admitted, .zero),
        ("withdrawn", .withdrawn, .zero),
        ("recalled", .recalled, .zero),
        ("busy", .connections(short: 1, long: 0), .zero),
        ("quiet", .connections(short: 0, long: 0), .zero),
        ("frozen", .frozen, .zero),
        ("thawed", .thawed, .zero),
        ("signalled", .signalled, .zero),
        ("exited", .exited(code: 1, outOfMemory: false), .zero),
        ("removed", .removed, .zero),
        ("failed", .failed(Failure(.hook, "no")), .zero),
        ("soon", .time, .seconds(1)),
        ("late", .time, .seconds(31)),
        ("very late", .time, .seconds(121)),
    ]

    static let moves: [Instance.State: [String: Instance.State]] = [
        .created: [
            "started": .starting, "startFailed": .failed, "exited": .failed, "removed": .removed, "failed": .failed,
        ],
        .starting: [
            "listening": .warming, "signalled": .stopping, "exited": .failed, "failed": .failed, "late": .failed,
            "very late": .failed,
        ],
        .warming: [
            "probe ok": .ready, "signalled": .stopping, "exited": .failed, "failed": .failed, "very late": .failed,
        ],
        .ready: [
            "admitted": .pooled, "withdrawn": .draining, "frozen": .frozen, "signalled": .stopping,
            "probe bad": .failed, "exited": .failed, "failed": .failed,
        ],
        .pooled: ["withdrawn": .draining, "probe bad": .unhealthy, "exited": .failed, "failed": .failed],
        .unhealthy: ["withdrawn": .draining, "exited": .failed, "failed": .failed],
        .draining: [
            "recalled": .ready, "exited": .stopped, "failed": .failed, "late": .drained, "very late": .drained,
        ],
        .drained: [
            "recalled": .ready, "frozen": .frozen, "signalled": .stopping, "exited": .stopped, "failed": .failed,
        ],
        .frozen: ["thawed": .warming, "signalled": .stopping, "exited": .stopped, "failed": .failed],
        .stopping: ["exited": .stopped, "failed": .failed],
        .stopped: ["started": .starting, "startFailed": .failed, "removed": .removed, "failed": .failed],
        .failed: ["removed": .removed],
        .removed: [:],
    ]

    @Test("State against event", arguments: Instance.State.allCases)
    func table(_ state: Instance.State) throws {
        let expected = try #require(Self.moves[state])
        for (name, event, later) in Self.events {
            var one = Self.instance(state)
            let changed = one.apply(event, at: Self.start + later, health: Self.health, drain: DrainPolicy())
            #expect(one.state == expected[name] ?? state, "\(state) + \(name)")
            #expect(changed == (one.state != state), "\(state) + \(name)")
            // A second time it is a late report, and does nothing new to what has just begun.
            if changed, one.state == .stopped || one.state == .removed || one.state == .failed {
                #expect(!one.alive || one.state == .failed, "\(state) + \(name)")
            }
        }
    }

    @Test("Drained after three quiet samples, and not before")
    func samples() {
        var one = Self.instance(.draining)
        let apply = { (one: inout Instance, short: Int, long: Int, after: Span) in
            _ = one.apply(
                .connections(short: short, long: long), at: Self.start + after, health: Self.health,
                drain: DrainPolicy())
        }
        for short in [0, 0, 1, 0, 0] { apply(&one, short, 0, .zero) }
        #expect(one.state == .draining)
        apply(&one, 0, 0, .zero)
        #expect(one.state == .drained)
        #expect(one.forced == 0)
        #expect(!one.mayHaveConnections)
    }

    @Test("Long connections have their own deadline, and what is cut is counted")
    func long() {
        var one = Self.instance(.draining)
        for _ in 0..<5 {
            _ = one.apply(
                .connections(short: 0, long: 2), at: Self.start + .seconds(11), health: Self.health,
                drain: DrainPolicy())
        }
        #expect(one.state == .draining)
        #expect(one.deadline(Self.health) == Self.start + .seconds(20))
        _ = one.apply(.time, at: Self.start + .seconds(20), health: Self.health, drain: DrainPolicy())
        #expect(one.state == .drained)
        #expect(one.forced == 2)
    }

    @Test("What was not seen to be quiet in the end cannot be kept in the freezer")
    func cannotBeKept() {
        let drain = { (samples: [(Int, Int)]) in
            var one = Self.instance(.draining)
            for (short, long) in samples {
                _ = one.apply(
                    .connections(short: short, long: long), at: Self.start, health: Self.health, drain: DrainPolicy())
            }
            _ = one.apply(.time, at: Self.start + .seconds(30), health: Self.health, drain: DrainPolicy())
            #expect(one.state == .drained)
            return one
        }
        #expect(!drain([(1, 0), (0, 0), (0, 0), (0, 0)]).cannotBeKept)
        #expect(drain([(0, 0), (0, 0), (0, 1)]).cannotBeKept)
        #expect(drain([(1, 0)]).forced == 1)
        // Nobody could look.
        let unseen = drain([])
        #expect(unseen.cannotBeKept)
        #expect(unseen.forced == 0)
        var back = drain([(1, 0)])
        _ = back.apply(.recalled, at: Self.start, health: Self.health, drain: DrainPolicy())
        #expect(!back.cannotBeKept)
        #expect(back.forced == 0)
        var again = drain([(1, 0)])
        for event in [InstanceEvent.signalled, .exited(code: 0, outOfMemory: false)] {
            _ = again.apply(event, at: Self.start, health: Self.health, drain: DrainPolicy())
            #expect(again.cannotBeKept)
        }
        _ = again.apply(.started(address: "10.0.0.2"), at: Self.start, health: Self.health, drain: DrainPolicy())
        #expect(!again.cannotBeKept && !again.mayHaveConnections)
    }

    @Test("Ready after enough probes, the warm-up and the stable time; after a thaw one probe is enough")
    func gate() {
        var health = Self.health
        health.healthyThreshold = 2
        health.stableFor = .seconds(5)
        health.warmup = ["/"]
        var one = Self.instance(.warming)
        one.warmed = false
        let good = InstanceEvent.probe(ProbeResult(passed: true, detail: "200"))
        _ = one.apply(good, at: Self.start + .seconds(6), health: health, drain: DrainPolicy())
        _ = one.apply(good, at: Self.start + .seconds(6), health: health, drain: DrainPolicy())
        #expect(one.state == .warming)
        _ = one.apply(.warmedUp, at: Self.start + .seconds(6), health: health, drain: DrainPolicy())
        #expect(one.state == .ready)

        one = Self.instance(.frozen)
        _ = one.apply(.thawed, at: Self.start, health: health, drain: DrainPolicy())
        _ = one.apply(good, at: Self.start, health: health, drain: DrainPolicy())
        #expect(one.state == .ready)
    }

    @Test("What failed tells why")
    func reasons() {
        var one = Self.instance(.warming)
        _ = one.apply(
            .probe(ProbeResult(passed: false, detail: "GET /up -> 301 https://a")), at: Self.start,
            health: Self.health, drain: DrainPolicy())
        _ = one.apply(.time, at: Self.start + .minutes(3), health: Self.health, drain: DrainPolicy())
        #expect(one.failure?.code == .neverHealthy)
        #expect(one.failure?.detail == "not healthy after 2m0s: GET /up -> 301 https://a")
        one = Self.instance(.pooled)
        _ = one.apply(
            .exited(code: 137, outOfMemory: true), at: Self.start, health: Self.health, drain: DrainPolicy())
        #expect(one.failure?.code == .outOfMemory)
        one = Self.instance(.starting)
        _ = one.apply(.time, at: Self.start + .minutes(3), health: Self.health, drain: DrainPolicy())
        #expect(one.failure?.code == .noListen)
    }
}
