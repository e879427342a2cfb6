import Testing

@testable import Deployment

@Suite("Simulation")
struct StormTests {
    /// Whole lives of services in bad weather. `BOX_SIMULATIONS` says how many, `BOX_SEED` which is the first; a seed
    /// that fails is printed with the command that plays it alone.
    @Test("Whatever fails, the invariants hold and every rollout ends")
    func storms() {
        let first = environment("BOX_SEED").flatMap { UInt64($0) }
        let count = environment("BOX_SIMULATIONS").flatMap { UInt64($0) } ?? (first == nil ? 25 : 1)
        var actions = 0
        var events = 0
        var recoveries = 0
        var outcomes: [String: Int] = [:]
        var failed = 0
        for seed in (first ?? 1)..<(first ?? 1) + count {
            var storm = Storm(seed: seed)
            let problem = storm.live()
            actions += storm.simulation.actions
            events += storm.simulation.events
            recoveries += storm.simulation.recoveries
            for record in storm.simulation.service.history { outcomes[record.outcome.rawValue, default: 0] += 1 }
            guard let problem else { continue }
            let tail = storm.simulation.trace.suffix(count > 1 ? 12 : 600).joined(separator: "\n")
            Issue.record(
                "BOX_SEED=\(seed) swift test --filter Storm: \(storm.simulation.service.policy.strategy): \(problem)\n\(tail)"
            )
            failed += 1
            if failed >= 12 { break }
        }
        let ends = outcomes.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        print("simulation: \(count) seeds, \(events) events, \(actions) actions, \(recoveries) crashes; \(ends)")
    }
}

/// The life of one service.
struct Storm {
    let seed: UInt64
    let spec: ServiceSpec
    var simulation: Simulation
    private var random: SeededRandom

    init(seed: UInt64) {
        self.seed = seed
        spec = Self.spec(seed)
        simulation = Simulation.serving(spec, seed: seed)
        random = SeededRandom(seed: seed ^ 0x1234)
    }

    private static func spec(_ seed: UInt64) -> ServiceSpec {
        var random = SeededRandom(seed: seed ^ 0xabcdef)
        let strategy = strategies[Int(seed) % strategies.count]
        return testSpec(strategy, desired: 1 + random.below(5)) { spec in
            spec.deploy.rollbackKeep = DeployPolicy.Keep.allCases[random.below(3)]
            spec.deploy.surge = .count(1 + random.below(2))
            spec.deploy.batch = .count(1)
            if random.chance(20) { spec.hooks.places[.beforeDeploy] = .init(run: ["migrate"]) }
            if random.chance(20) { spec.hooks.places[.preStop] = .init(run: ["bye"]) }
            if random.chance(20) { spec.hooks.places[.beforeTraffic] = .init(run: ["look"]) }
            if random.chance(20) { spec.hooks.places[.afterRollback] = .init(run: ["sorry"]) }
            if random.chance(20) { spec.hooks.places[.beforePromote] = .init(run: ["sure?"]) }
            if random.chance(10) { spec.deploy.rollbackWindow = .zero }
            if random.chance(20) { spec.deploy.bake = .zero }
            if random.chance(20) { spec.deploy.onFailure = .pause }
            if random.chance(30) { spec.drain.longLived = .seconds(5) }
            if random.chance(20) { spec.health.warmup = ["/"] }
            if random.chance(30) { spec.deploy.batchPause = .milliseconds(700) }
            vary(&spec, strategy, &random)
        }
    }

    private static func vary(
        _ spec: inout ServiceSpec, _ strategy: DeployPolicy.Strategy, _ random: inout SeededRandom
    ) {
        switch strategy {
        case .rolling:
            if spec.scale.desired > 1, random.chance(40) {
                spec.deploy.surge = .count(0)
                spec.deploy.maxUnavailable = .count(1)
            } else if random.chance(30) {
                spec.deploy.maxUnavailable = .count(1)
                spec.deploy.surge = .percent(50)
                spec.deploy.batch = .percent(25)
            }
        case .canary:
            if random.chance(30) { spec.deploy.baseline = .fresh }
            if random.chance(40) {
                spec.deploy.analysis.metrics = [.init(name: .crashes, max: 0)]
                spec.deploy.analysis.onInconclusive = DeployPolicy.Analysis.OnInconclusive.allCases[random.below(3)]
                spec.deploy.steps.insert(.analysis(.seconds(2)), at: 1)
            }
            if random.chance(40) {
                spec.deploy.steps.insert(.gate(timeout: random.chance(50) ? .seconds(20) : nil), at: 2)
            }
        case .blueGreen, .immutable:
            if random.chance(50) { spec.deploy.preview = .init(port: 81, count: 1) }
            if random.chance(30) { spec.deploy.promoteByHand = true }
        case .recreate:
            if random.chance(50) {
                spec.volumes = [.init(name: "data", at: "/data")]
                spec.deploy.reversible = random.chance(50)
                if random.chance(60) {
                    spec.volumes[0].access = .exclusive
                    spec.scale = .init(min: 1, desired: 1, max: 1)
                }
            }
        case .allAtOnce: break
        }
    }

    // MARK: Life

    /// nil when all went as it should.
    mutating func live() -> String? {
        if let first = simulation.violations.first { return "at the first deploy: \(first)" }
        simulation.schedule(.visit, in: .seconds(30))
        for round in 1...3 {
            simulation.weather = weather()
            begin(round)
            interfere(round)
            let ended = simulation.run { $0.isAtRest }
            if let first = simulation.violations.first { return first }
            if !ended {
                return "the rollout does not end: step \(String(describing: simulation.service.rollout?.step)), "
                    + "pause \(String(describing: simulation.service.rollout?.pause))"
            }
        }
        simulation.due.removeAll {
            switch $0.event {
            case .steer, .command: true
            default: false
            }
        }
        return calm()
    }

    private mutating func begin(_ round: Int) {
        let ifBusy = DeployRequest.IfBusy.allCases[random.below(3)]
        switch random.below(8) {
        case 0: simulation.tell(.command(.rollback(to: nil, key: nil)))
        case 1: simulation.tell(.command(.rollback(to: 1, key: nil)))
        case 2:
            let key = "key \(round)"
            let first = simulation.deploy(spec, "seed\(seed) round\(round)", ifBusy: ifBusy, key: key)
            let second = simulation.deploy(spec, "seed\(seed) round\(round)", ifBusy: ifBusy, key: key)
            // Both may be lost in a crash.
            if case .accepted(let id) = first, let second, second != .accepted(rollout: id),
                simulation.weather.daemonDies == 0
            {
                simulation.violations.append("one key, two answers: \(id), \(second)")
            }
        default: simulation.deploy(spec, "seed\(seed) round\(round)", ifBusy: ifBusy)
        }
    }

    private mutating func interfere(_ round: Int) {
        for _ in 0..<random.below(5) {
            let delay = Span.milliseconds(random.below(12_000))
            if random.chance(40) {
                let steering = Simulation.Steering.allCases[random.below(Simulation.Steering.allCases.count)]
                simulation.schedule(.steer(steering), in: delay)
                continue
            }
            let ifBusy = DeployRequest.IfBusy.allCases[random.below(3)]
            let instance = simulation.service.instances.randomElement(using: &random)?.name ?? "web-r1-1"
            let commands: [ServiceCommand] = [
                .scale(1 + random.below(6)), .weight(.percent(30)), .rollback(to: nil, key: nil),
                .drain(instance: instance), .undrain(instance: instance),
                .deploy(DeployRequest(spec: spec, hash: "other \(seed) \(round)", ifBusy: ifBusy)),
                .deploy(DeployRequest(spec: spec, hash: "one", ifBusy: ifBusy)),
            ]
            simulation.schedule(.command(commands[random.below(commands.count)]), in: delay)
        }
    }

    private mutating func weather() -> Weather {
        var weather = Weather()
        if random.chance(25) { weather.startFails = Double(random.below(20)) }
        if random.chance(25) { weather.sickTarget = Double(random.below(60)) }
        if random.chance(15) { weather.sickAny = Double(random.below(10)) }
        if random.chance(15) { weather.exitsEarly = Double(random.below(50)) }
        if random.chance(25) { weather.fallsIll = Double(random.below(20)) / 100 }
        if random.chance(35) { weather.crash = Double(random.below(30)) / 100 }
        if random.chance(25) { weather.routerFails = Double(random.below(30)) }
        if random.chance(15) { weather.routerSlow = Double(random.below(20)) }
        if random.chance(15) { weather.routerDies = Double(random.below(40)) / 100 }
        if random.chance(40) { weather.daemonDies = Double(random.below(40)) / 10 }
        if random.chance(20) { weather.hookFails = Double(random.below(60)) }
        if random.chance(30) { weather.actionFails = Double(random.below(20)) }
        if random.chance(10) { weather.refuses = 20 }
        if random.chance(20) { weather.inconclusive = 30 }
        if random.chance(10) { weather.alarms = 0.1 }
        if random.chance(10) { weather.reboots = 0.05 }
        if random.chance(25) { weather.keptAlive = Double(random.below(60)) }
        return weather
    }

    // MARK: Afterwards

    /// The storm is over: in a while all is as it should be, perhaps with a person's help.
    private mutating func calm() -> String? {
        simulation.weather = Weather()
        for name in simulation.world.containers.keys { simulation.world.containers[name]?.sick = false }
        if simulation.service.isDegraded || simulation.service.stable == nil {
            // Who repairs it is there to promote it.
            var spec = spec
            spec.deploy.steps = spec.deploy.steps.map { if case .gate = $0 { .gate(timeout: nil) } else { $0 } }
            simulation.deploy(spec, "a revision that works \(seed)")
            let record = simulation.runToEnd()
            if let first = simulation.violations.first { return "repairing: \(first)" }
            guard record?.outcome == .succeeded else { return "repairing ends with \(String(describing: record))" }
        }
        for instance in simulation.service.instances where instance.isSetAside {
            simulation.tell(.command(.undrain(instance: instance.name)))
        }
        if simulation.run(atMost: 8_000, until: Self.isWell) { return nil }
        let service = simulation.service
        return simulation.violations.first
            ?? "in calm weather: \(simulation.world.table.members.map(\.instance)) of \(service.desired), "
            + "\(service.instances.map { "\($0.name) \($0.state) \($0.goal)" }), "
            + "containers \(simulation.world.containers.filter { $0.value.alive }.keys.sorted()), "
            + "quarantine \(service.quarantine), pending \(service.pending), router \(service.router.maybeListed), window \(String(describing: service.window))"
    }

    private static func isWell(_ simulation: Simulation) -> Bool {
        let service = simulation.service
        guard service.rollout == nil, service.window == nil, service.quarantine.isEmpty,
            !simulation.world.table.hold, !simulation.world.table.maintenance,
            simulation.serving(service.stable ?? 0) == service.desired
        else { return false }
        let members = simulation.world.table.members
        return members.count == service.desired && members.allSatisfy { simulation.world.isHealthy($0.instance) }
            && simulation.world.containers.values.count(where: \.alive) == service.desired
            && service.instances.count { $0.state == .pooled && $0.revision == service.stable } == service.desired
    }
}
