import Testing

@testable import Deployment

/// The rows of the failure matrix: what may go wrong, before and after the new revision has traffic.
@Suite("Failures")
struct FailureTests {
    static let overlapping: [DeployPolicy.Strategy] = [.rolling, .immutable, .blueGreen, .canary]

    /// Until the new revision serves or waits in the step after.
    static func serving(_ strategy: DeployPolicy.Strategy, change: (inout ServiceSpec) -> Void = { _ in }) -> Simulation
    {
        let spec = testSpec(strategy) { spec in
            spec.deploy.bake = .seconds(20)
            change(&spec)
        }
        return Simulation.serving(spec)
    }
    /// The rollout is under way, the new revision in the pool.
    static func mixed(_ strategy: DeployPolicy.Strategy, change: (inout ServiceSpec) -> Void = { _ in }) -> Simulation {
        var simulation = serving(strategy, change: change)
        simulation.deploy(
            testSpec(
                strategy,
                change: {
                    $0.deploy.bake = .seconds(20); change(&$0)
                }), "two")
        simulation.run { $0.serving(2) > 0 && $0.service.pooled.contains { $0.revision == 2 } }
        return simulation
    }
    static func old(_ simulation: Simulation) -> [String] {
        simulation.world.containers.filter { $0.value.alive && $0.value.revision == 1 }.keys.sorted()
    }

    /// Old ones as they were, all of them, and nothing of the new.
    static func expectRolledBack(
        _ simulation: inout Simulation, _ code: Failure.Code, _ before: [String], sourceLocation: SourceLocation
    ) {
        let record = simulation.runToEnd()
        #expect(record?.outcome == .rolledBack, sourceLocation: sourceLocation)
        #expect(record?.outcome.exitCode == 3, sourceLocation: sourceLocation)
        #expect(record?.reason?.code == code, sourceLocation: sourceLocation)
        #expect(simulation.serving(1) == 4, sourceLocation: sourceLocation)
        #expect(simulation.serving(2) == 0, sourceLocation: sourceLocation)
        #expect(Set(before).isSubset(of: old(simulation)), sourceLocation: sourceLocation)
        #expect(simulation.violations == [], sourceLocation: sourceLocation)
        simulation.run { $0.world.containers.values.count(where: \.alive) == 4 }
        #expect(simulation.world.containers.values.count(where: \.alive) == 4, sourceLocation: sourceLocation)
        #expect(simulation.service.stable == 1, sourceLocation: sourceLocation)
    }

    @Test("The new one exits at once: fast, and nothing old was touched", arguments: strategies)
    func exits(_ strategy: DeployPolicy.Strategy) {
        var simulation = Self.serving(strategy)
        let before = strategy == .recreate ? [] : Self.old(simulation)
        simulation.weather.exitsEarly = 100
        let began = simulation.now
        simulation.deploy(testSpec(strategy), "two")
        Self.expectRolledBack(&simulation, .exited, before, sourceLocation: #_sourceLocation)
        if Self.overlapping.contains(strategy) {
            #expect(simulation.service.history.last.map { $0.duration < .seconds(2) } == true)
            #expect(simulation.now >= began)
        }
    }

    @Test("The new one cannot be started", arguments: strategies)
    func startFails(_ strategy: DeployPolicy.Strategy) {
        var simulation = Self.serving(strategy)
        let before = strategy == .recreate ? [] : Self.old(simulation)
        simulation.deploy(testSpec(strategy), "two")
        simulation.run { $0.service.rollout?.isChecking == false }
        simulation.weather.startFails = 100
        simulation.run { $0.service.rollout?.isRollingBack != false }
        simulation.weather.startFails = 0
        Self.expectRolledBack(&simulation, .startFailed, before, sourceLocation: #_sourceLocation)
    }

    @Test("The new one dies after it has traffic", arguments: strategies)
    func diesLater(_ strategy: DeployPolicy.Strategy) throws {
        var simulation = Self.mixed(strategy)
        let before = strategy == .recreate ? [] : Self.old(simulation)
        let victim = try #require(simulation.service.pooled.first { $0.revision == 2 }?.name)
        simulation.world.die(victim)
        Self.expectRolledBack(&simulation, .exited, before, sourceLocation: #_sourceLocation)
    }

    @Test("An old one dies meanwhile: it comes back as what it was", arguments: overlapping)
    func oldDies(_ strategy: DeployPolicy.Strategy) throws {
        var simulation = Self.serving(strategy)
        simulation.deploy(testSpec(strategy), "two")
        simulation.run { $0.service.instances.contains { $0.revision == 2 && $0.state == .starting } }
        simulation.world.die(try #require(simulation.service.pooled.first { $0.revision == 1 }?.name))
        let record = simulation.runToEnd()
        #expect(record?.outcome == .succeeded)
        #expect(simulation.serving(2) == 4)
        #expect(simulation.violations == [])
        // Only rolling takes a new one in before its batch is complete.
        let isEarly = simulation.notices.contains { $0.kind == .earlyAdmission }
        if strategy != .rolling { #expect(!isEarly) }
    }

    @Test("The daemon dies at every single action", arguments: strategies)
    func daemon(_ strategy: DeployPolicy.Strategy) {
        for kill in stride(from: 1, through: 80, by: 7) {
            var simulation = Simulation.serving(testSpec(strategy))
            simulation.deploy(testSpec(strategy), "two")
            let until = simulation.actions + kill
            simulation.run { $0.actions >= until || $0.isAtRest }
            simulation.dieAndRecover()
            let record = simulation.runToEnd()
            #expect(record?.outcome == .succeeded, "killed at action \(kill)")
            #expect(simulation.serving(2) == 4)
            #expect(simulation.violations == [])
        }
    }

    @Test("The daemon was away longer than the progress deadline")
    func stale() {
        var simulation = Self.serving(.immutable)
        simulation.deploy(testSpec(.immutable), "two")
        simulation.run { $0.service.instances.contains { $0.revision == 2 && $0.state == .starting } }
        simulation.now = simulation.now + .minutes(10)
        simulation.dieAndRecover()
        let record = simulation.runToEnd()
        #expect(record?.outcome == .rolledBack)
        #expect(simulation.serving(1) == 4)
        #expect(simulation.violations == [])
    }

    @Test("What the daemon could not see while it was away is no failure", arguments: overlapping)
    func away(_ strategy: DeployPolicy.Strategy) {
        var simulation = Self.serving(strategy)
        let before = Self.old(simulation)
        simulation.deploy(testSpec(strategy) { $0.deploy.bake = .seconds(20) }, "two")
        // Longer than the times for listening, for health and for a drain; shorter than that for any progress.
        for state in [Instance.State.starting, .warming, .draining] {
            simulation.run { $0.service.instances.contains { $0.state == state } }
            simulation.dieAndRecover(away: .seconds(90))
            #expect(simulation.service.instances.contains { $0.state == state })
            #expect(simulation.service.rollout?.isRollingBack == false)
        }
        let record = simulation.runToEnd()
        #expect(record?.outcome == .succeeded)
        #expect(record?.reason == nil)
        #expect(Set(before).isDisjoint(with: simulation.world.table.members.map(\.instance)))
        #expect(simulation.violations == [])
    }

    @Test("What has to be watched for a time is watched for so long, whoever was away")
    func awayInBake() {
        var simulation = Self.serving(.immutable)
        simulation.deploy(testSpec(.immutable) { $0.deploy.bake = .seconds(20) }, "two")
        simulation.run { $0.service.rollout?.phase == .baking }
        simulation.dieAndRecover(away: .seconds(40))
        #expect(simulation.service.rollout?.phase == .baking)
        let back = simulation.now
        #expect(simulation.runToEnd()?.outcome == .succeeded)
        #expect(simulation.now - back >= .seconds(20))
    }

    @Test("The host starts anew in the middle: the stable revision", arguments: strategies)
    func reboot(_ strategy: DeployPolicy.Strategy) {
        var simulation = Self.mixed(strategy)
        simulation.dieAndRecover(reboot: true)
        let record = simulation.runToEnd()
        #expect(record?.outcome == .rolledBack)
        #expect(record?.reason?.code == .rebooted)
        simulation.run { $0.serving(1) == 4 }
        #expect(simulation.serving(1) == 4)
        #expect(simulation.violations == [])
    }

    @Test("The router is down: a pause, nothing stops, then on it goes", arguments: strategies)
    func routerDown(_ strategy: DeployPolicy.Strategy) {
        var simulation = Self.mixed(strategy)
        simulation.world.routerIsDown = true
        simulation.tell(.routerDown)
        #expect(simulation.service.rollout?.phase == .paused)
        let before = simulation.world.containers.values.count(where: \.alive)
        simulation.schedule(.routerIsBack, in: .minutes(5))
        simulation.run { !$0.world.routerIsDown }
        // Stops that were given out before are done.
        #expect(simulation.world.containers.values.count(where: \.alive) >= before - 1)
        #expect(simulation.runToEnd()?.outcome == .succeeded)
        #expect(simulation.violations == [])
    }

    @Test("The router refuses for good: back, and stuck when that is refused as well")
    func routerRefuses() {
        var simulation = Self.serving(.blueGreen)
        simulation.deploy(testSpec(.blueGreen), "two")
        simulation.weather.routerFails = 100
        let record = simulation.runToEnd()
        #expect(record?.outcome == .stuck)
        #expect(record?.reason?.code == .router)
        #expect(record?.serving == [1: 4])
        #expect(simulation.serving(1) == 4)
        #expect(simulation.violations == [])
    }

    @Test("Taken back between a stop and the start in its place: the free place is filled first")
    func betweenStopAndStart() {
        let change = { (spec: inout ServiceSpec) in
            spec.deploy.surge = .count(0)
            spec.deploy.maxUnavailable = .count(1)
            spec.deploy.rollbackKeep = .stopped
        }
        var simulation = Self.serving(.rolling, change: change)
        simulation.deploy(testSpec(.rolling, change: change), "two")
        simulation.run {
            $0.serving(2) == 2 && $0.service.instances.contains { $0.ordinal == 7 && $0.state == .warming }
        }
        #expect(simulation.serving(1) == 1)
        simulation.tell(.command(.abort(rollout: "web-d2")))
        let record = simulation.runToEnd()
        #expect(record?.outcome == .rolledBack)
        #expect(record?.ledger.leastPooled == 3)
        #expect(simulation.serving(1) == 4)
        #expect(simulation.violations == [])
    }

    @Test("A router that works again takes the old table back")
    func routerRecovers() {
        var simulation = Self.serving(.blueGreen)
        simulation.deploy(testSpec(.blueGreen), "two")
        simulation.run { $0.service.rollout?.step == .exchange(4) }
        simulation.weather.routerFails = 100
        simulation.run { $0.service.rollout?.isRollingBack != false }
        simulation.weather.routerFails = 0
        Self.expectRolledBack(
            &simulation, .router, simulation.world.table.members.map(\.instance), sourceLocation: #_sourceLocation)
    }

    @Test(
        "After the end of a rollout one that dies is started again, and nothing is rolled back", arguments: strategies)
    func diesAfterwards(_ strategy: DeployPolicy.Strategy) throws {
        var simulation = Self.mixed(strategy)
        #expect(simulation.runToEnd()?.outcome == .succeeded)
        simulation.world.die(try #require(simulation.service.pooled.first?.name))
        simulation.run { $0.serving(2) == 3 }
        simulation.run { $0.serving(2) == 4 }
        #expect(simulation.serving(2) == 4)
        #expect(simulation.service.stable == 2)
        #expect(simulation.service.rollout == nil)
        #expect(simulation.service.history.count == 2)
        #expect(simulation.violations == [])
    }

    @Test("No way back pulls: the registry may be down", arguments: strategies)
    func rollbackNeverPulls(_ strategy: DeployPolicy.Strategy) {
        var simulation = Self.mixed(strategy)
        let pulls = simulation.notices.count { $0.text == RolloutStep.pull.text }
        simulation.tell(.alarm("error_rate 40%"))
        #expect(simulation.service.rollout?.program.contains(.pull) == false)
        #expect(simulation.runToEnd()?.outcome == .rolledBack)
        simulation.deploy(testSpec(strategy), "three")
        _ = simulation.runToEnd()
        simulation.tell(.command(.rollback(to: nil, key: nil)))
        #expect(simulation.service.rollout?.program.contains(.pull) == false)
        #expect(simulation.runToEnd()?.outcome == .succeeded)
        #expect(simulation.notices.count { $0.text == RolloutStep.pull.text } == pulls + 1)
        #expect(simulation.violations == [])
    }

    @Test("A hook fails", arguments: strategies)
    func hook(_ strategy: DeployPolicy.Strategy) {
        var simulation = Self.serving(strategy)
        let before = strategy == .recreate ? [] : Self.old(simulation)
        simulation.weather.hookFails = 100
        simulation.deploy(testSpec(strategy) { $0.hooks.places[.beforeDeploy] = .init(run: ["migrate"]) }, "two")
        Self.expectRolledBack(&simulation, .hook, before, sourceLocation: #_sourceLocation)
        #expect(simulation.world.starts <= 8)
    }

    @Test("Preflight or pull say no: refused, and nothing was changed", arguments: strategies)
    func refused(_ strategy: DeployPolicy.Strategy) {
        var simulation = Self.serving(strategy)
        let transactions = simulation.service.router.generation
        simulation.weather.refuses = 100
        simulation.deploy(testSpec(strategy), "two")
        let record = simulation.runToEnd()
        #expect(record?.outcome == .refused)
        #expect(record?.outcome.exitCode == 8)
        #expect(record?.refusals == [.init(subject: .disk, text: "too little")])
        #expect(simulation.service.router.generation == transactions)
        #expect(simulation.world.starts == 4)
    }

    @Test("Refused inside a rollback window: what is kept stays")
    func refusedInWindow() {
        var simulation = Self.serving(.immutable)
        simulation.deploy(testSpec(.immutable), "two")
        _ = simulation.runToEnd()
        #expect(simulation.service.instances.count { $0.state == .frozen } == 4)
        simulation.weather.refuses = 100
        simulation.deploy(testSpec(.immutable), "three")
        #expect(simulation.runToEnd()?.outcome == .refused)
        #expect(simulation.service.window?.revision == 1)
        #expect(simulation.service.instances.count { $0.state == .frozen } == 4)
        simulation.weather = Weather()
        let starts = simulation.world.starts
        simulation.tell(.command(.rollback(to: nil, key: nil)))
        #expect(simulation.runToEnd()?.outcome == .succeeded)
        #expect(simulation.world.starts == starts)
    }

    @Test("A migration that was done cannot be undone: stuck, in maintenance; the next deploy goes forwards")
    func irreversible() {
        var simulation = Self.serving(.recreate)
        let migrating = testSpec(.recreate) { $0.hooks.places[.beforeDeploy] = .init(run: ["migrate"]) }
        simulation.weather.exitsEarly = 100
        simulation.deploy(migrating, "two")
        let record = simulation.runToEnd()
        #expect(record?.outcome == .stuck)
        #expect(record?.outcome.exitCode == 4)
        #expect(record?.reason?.code == .irreversible)
        simulation.run { $0.world.table.maintenance }
        #expect(simulation.service.isInMaintenance)
        #expect(simulation.notices.contains { $0.kind == .needsHuman })
        simulation.weather = Weather()
        simulation.deploy(testSpec(.recreate), "three")
        #expect(simulation.runToEnd()?.outcome == .succeeded)
        #expect(simulation.serving(3) == 4)
        #expect(!simulation.world.table.maintenance)
        #expect(Self.old(simulation).isEmpty, "the old revision never met the new data")
    }

    @Test("Reversible: the volumes are put back")
    func reversible() {
        var simulation = Self.serving(.recreate)
        simulation.weather.exitsEarly = 100
        simulation.deploy(
            testSpec(.recreate) {
                $0.hooks.places[.beforeDeploy] = .init(run: ["migrate"])
                $0.volumes = [.init(name: "d", at: "/d")]
                $0.deploy.reversible = true
            }, "two")
        Self.expectRolledBack(&simulation, .exited, [], sourceLocation: #_sourceLocation)
        #expect(simulation.notices.contains { $0.text == RolloutStep.restore.text })
    }

    @Test("Too little traffic to tell is no pass")
    func inconclusive() {
        let change = { (spec: inout ServiceSpec) in
            spec.deploy.analysis.metrics = [.init(name: .crashes, max: 0)]
            spec.deploy.steps.insert(.analysis(.seconds(2)), at: 1)
        }
        var simulation = Self.serving(.canary, change: change)
        simulation.weather.inconclusive = 100
        simulation.deploy(testSpec(.canary, change: change), "two")
        let before = Self.old(simulation)
        Self.expectRolledBack(&simulation, .inconclusive, before, sourceLocation: #_sourceLocation)
    }

    @Test("An alarm ends a rollout, also while it is paused", arguments: overlapping)
    func alarm(_ strategy: DeployPolicy.Strategy) {
        var simulation = Self.mixed(strategy)
        simulation.tell(.command(.pause(rollout: "web-d2")))
        let before = Self.old(simulation)
        simulation.tell(.alarm("error_rate 40%"))
        Self.expectRolledBack(&simulation, .alarm, before, sourceLocation: #_sourceLocation)
    }

    @Test("on_failure pause: nothing is undone before somebody says so", arguments: overlapping)
    func pauses(_ strategy: DeployPolicy.Strategy) throws {
        var simulation = Self.mixed(strategy) { $0.deploy.onFailure = .pause }
        simulation.world.die(try #require(simulation.service.pooled.first { $0.revision == 2 }?.name))
        simulation.run { $0.service.rollout?.pause != nil }
        #expect(simulation.service.rollout?.pause?.reason == .failure)
        #expect(simulation.service.rollout?.reason?.code == .exited)
        simulation.tell(.command(.resume(rollout: "web-d2")))
        let record = simulation.runToEnd()
        #expect(record?.outcome == .succeeded)
        #expect(record?.reason == nil)
        #expect(simulation.violations == [])
    }
}
