import Testing

@testable import Deployment

let strategies: [DeployPolicy.Strategy] = DeployPolicy.Strategy.allCases

@Suite("Rollouts")
struct RolloutTests {
    @Test("The first deploy", arguments: strategies)
    func first(_ strategy: DeployPolicy.Strategy) {
        let simulation = Simulation.serving(testSpec(strategy))
        #expect(simulation.service.history.last?.outcome == .succeeded, "\(simulation.trace.suffix(30))")
        #expect(simulation.serving(1) == 4)
        #expect(simulation.violations == [])
    }

    @Test("The next revision", arguments: strategies)
    func next(_ strategy: DeployPolicy.Strategy) {
        let spec = testSpec(strategy)
        var simulation = Simulation.serving(spec)
        simulation.deploy(spec, "two")
        let record = simulation.runToEnd()
        #expect(record?.outcome == .succeeded, "\(simulation.trace.suffix(40).joined(separator: "\n"))")
        #expect(simulation.serving(2) == 4)
        #expect(simulation.serving(1) == 0)
        #expect(simulation.violations == [])
        if strategy != .recreate, strategy != .allAtOnce { #expect(record?.ledger.leastPooled ?? 0 >= 4) }
        simulation.run { $0.service.window == nil && $0.service.instances.count == 4 }
        // The idle environment stays.
        #expect(simulation.service.instances.count { $0.alive } == 4)
        #expect(simulation.violations == [])
    }

    @Test("A revision that never gets healthy changes nothing", arguments: strategies)
    func sick(_ strategy: DeployPolicy.Strategy) {
        let spec = testSpec(strategy)
        var simulation = Simulation.serving(spec)
        let before = Set(simulation.world.table.members.map(\.instance))
        simulation.weather.sickTarget = 100
        simulation.deploy(spec, "two")
        let record = simulation.runToEnd()
        #expect(record?.outcome == .rolledBack, "\(simulation.trace.suffix(40).joined(separator: "\n"))")
        #expect(record?.reason?.code == .neverHealthy)
        #expect(record?.reason?.detail.contains("GET /up -> 500") == true)
        #expect(simulation.serving(1) == 4)
        if strategy != .recreate, strategy != .allAtOnce {
            #expect(Set(simulation.world.table.members.map(\.instance)) == before)
        }
        #expect(simulation.violations == [])
    }
}

@Suite("Simulation")
struct SimulationTests {
    /// Whole lives of services in bad weather. `BOX_SIMULATIONS` says how many; a seed that fails is printed, and
    /// `BOX_SEED` plays it alone.
    @Test("Whatever fails, the invariants hold and every rollout ends")
    func storms() {
        let only = environment("BOX_SEED").flatMap { UInt64($0) }
        let count = environment("BOX_SIMULATIONS").flatMap { UInt64($0) } ?? 3
        var actions = 0
        var failed = 0
        for seed in only.map({ $0...$0 }) ?? 1...count {
            var simulation = Simulation.serving(storm(seed), seed: seed)
            if environment("BOX_TRACE") != nil { print("seed", seed) }
            let problem = live(&simulation, seed)
            actions += simulation.actions
            guard let problem else { continue }
            let tail = simulation.trace.suffix(only == nil ? 12 : 400).joined(separator: "\n")
            Issue.record("seed \(seed), \(simulation.service.policy.strategy): \(problem)\n\(tail)")
            failed += 1
            if failed >= 4 { return }
        }
        print("simulation: \(actions) actions")
    }

    private func storm(_ seed: UInt64) -> ServiceSpec {
        var random = SeededRandom(seed: seed ^ 0xabcdef)
        return testSpec(strategies[Int(seed) % strategies.count], desired: 1 + Int(random.next() % 5)) { spec in
            spec.deploy.rollbackKeep = DeployPolicy.Keep.allCases[Int(random.next() % 3)]
            spec.deploy.surge = .count(1 + Int(random.next() % 2))
            if spec.deploy.strategy == .rolling, spec.scale.desired > 1, random.chance(30) {
                spec.deploy.surge = .count(0)
                spec.deploy.maxUnavailable = .count(1)
            }
            if random.chance(20) { spec.hooks.places[.beforeDeploy] = .init(run: ["migrate"]) }
            if random.chance(20) { spec.hooks.places[.preStop] = .init(run: ["bye"]) }
            if random.chance(20) { spec.hooks.places[.beforeTraffic] = .init(run: ["look"]) }
            if random.chance(10) { spec.deploy.rollbackWindow = .zero }
            if spec.deploy.strategy == .canary, random.chance(30) { spec.deploy.baseline = .fresh }
            if spec.deploy.strategy == .blueGreen, random.chance(50) { spec.deploy.preview = .init(port: 81, count: 1) }
            spec.deploy.reversible = spec.deploy.strategy == .recreate && random.chance(50)
        }
    }

    /// nil when all went as it should.
    private func live(_ simulation: inout Simulation, _ seed: UInt64) -> String? {
        var random = SeededRandom(seed: seed ^ 0x1234)
        let spec = storm(seed)
        for round in 1...3 {
            simulation.weather = weather(&random)
            let ifBusy = DeployRequest.IfBusy.allCases[Int(random.next() % 3)]
            switch random.next() % 6 {
            case 0: simulation.tell(.command(.rollback(to: nil, key: nil)))
            default: simulation.deploy(spec, "seed\(seed) round\(round)", ifBusy: ifBusy)
            }
            for _ in 0..<random.next() % 4 {
                let id = simulation.service.rollout?.id ?? ""
                let commands: [ServiceCommand] = [
                    .abort(rollout: id), .promote(rollout: id, step: nil, full: true),
                    .scale(1 + Int(random.next() % 6)),
                    .deploy(DeployRequest(spec: spec, hash: "other \(seed) \(round)", ifBusy: ifBusy)),
                    .weight(.percent(30)),
                ]
                let command = commands[Int(random.next() % UInt64(commands.count))]
                simulation.schedule(.command(command), in: .milliseconds(Int(random.next() % 8000)))
            }
            if random.chance(20) {
                simulation.schedule(.command(.pause(rollout: simulation.service.rollout?.id ?? "")), in: .seconds(1))
                simulation.schedule(.command(.resume(rollout: simulation.service.rollout?.id ?? "")), in: .seconds(9))
            }
            let ended = simulation.run { $0.isAtRest }
            if let first = simulation.violations.first { return first }
            if !ended { return "the rollout does not end: \(String(describing: simulation.service.rollout?.step))" }
            if simulation.service.history.contains(where: { $0.reason?.code == .invariant }) {
                return "stopped by an invariant"
            }
        }
        return calm(&simulation)
    }

    private func weather(_ random: inout SeededRandom) -> Weather {
        var weather = Weather()
        if random.chance(30) { weather.startFails = Double(random.next() % 20) }
        if random.chance(30) { weather.sickTarget = Double(random.next() % 60) }
        if random.chance(40) { weather.crash = Double(random.next() % 30) / 100 }
        if random.chance(30) { weather.routerFails = Double(random.next() % 30) }
        if random.chance(40) { weather.daemonDies = Double(random.next() % 3) }
        if random.chance(20) { weather.hookFails = Double(random.next() % 60) }
        if random.chance(30) { weather.actionFails = Double(random.next() % 20) }
        if random.chance(10) { weather.reboots = 0.02 }
        return weather
    }

    /// The storm is over: in a while all is as it should be.
    private func calm(_ simulation: inout Simulation) -> String? {
        simulation.weather = Weather()
        let service = simulation.service
        if service.isDegraded || service.stable == nil { return nil }
        let isWell = { (simulation: Simulation) in
            let service = simulation.service
            let stable = service.instances.filter { $0.revision == service.stable }
            return service.rollout == nil && service.window == nil
                && simulation.serving(service.stable ?? 0) == service.desired
                && simulation.world.table.members.count == service.desired
                && simulation.world.table.members.allSatisfy { simulation.world.isHealthy($0.instance) }
                && simulation.world.containers.values.count(where: \.alive) == service.desired
                && stable.count { $0.state == .pooled } == service.desired && !simulation.world.table.hold
                && service.quarantine.isEmpty
        }
        if simulation.run(atMost: 6_000, until: isWell) { return nil }
        return simulation.violations.first
            ?? "in calm weather: \(simulation.world.table.members.map(\.instance)) of \(service.desired), "
            + "\(simulation.service.instances.map { "\($0.name) \($0.state) \($0.goal)" })"
    }
}
