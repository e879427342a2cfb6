import Testing

@testable import Deployment

/// What users ask for, at any time.
@Suite("Commands")
struct CommandTests {
    private func busy(_ strategy: DeployPolicy.Strategy = .rolling) -> Simulation {
        var simulation = Simulation.serving(testSpec(strategy))
        simulation.deploy(testSpec(strategy), "two")
        simulation.run { $0.service.instances.contains { $0.revision == 2 && $0.alive } }
        return simulation
    }
    private func gated() -> Simulation {
        let gate = { (spec: inout ServiceSpec) in
            spec.deploy.steps = [
                .weight(.percent(25)), .gate(timeout: nil), .weight(.percent(50)), .pause(.minutes(5)), .weight(.all),
            ]
        }
        var simulation = Simulation.serving(testSpec(.canary, change: gate))
        simulation.deploy(testSpec(.canary, change: gate), "two")
        simulation.run { $0.service.rollout?.step == .gate(timeout: nil) }
        return simulation
    }

    // MARK: Several deploys

    @Test("if-busy fail names the holder")
    func fail() {
        var simulation = busy()
        #expect(simulation.deploy(testSpec(.rolling), "three") == .busy(holder: "web-d2"))
        #expect(simulation.runToEnd()?.to == 2)
    }

    @Test("if-busy queue: one place, the newest wins; it begins after the other one")
    func queue() {
        var simulation = busy()
        #expect(simulation.deploy(testSpec(.rolling), "three", ifBusy: .queue) == .queued(behind: "web-d2"))
        #expect(simulation.deploy(testSpec(.rolling), "four", ifBusy: .queue) == .queued(behind: "web-d2"))
        _ = simulation.runToEnd()
        let outcomes = simulation.service.history.map { "\($0.rollout) \($0.outcome.rawValue)" }
        #expect(outcomes == ["web-d1 succeeded", "web-d3 superseded", "web-d2 succeeded", "web-d4 succeeded"])
        #expect(Outcome.superseded.exitCode == 6)
        #expect(simulation.serving(3) == 4)
        #expect(simulation.violations == [])
    }

    @Test("if-busy replace: back to the stable revision first, and from there", arguments: strategies)
    func replace(_ strategy: DeployPolicy.Strategy) {
        var simulation = busy(strategy)
        simulation.deploy(testSpec(strategy), "three", ifBusy: .replace)
        let record = simulation.runToEnd()
        #expect(record?.outcome == .succeeded)
        #expect(record?.from == 1)
        #expect(simulation.service.history.dropLast().last?.outcome == .superseded)
        #expect(simulation.serving(3) == 4)
        #expect(simulation.violations == [])
    }

    @Test("What became true while it waited needs no rollout")
    func becameTrue() {
        var simulation = busy()
        simulation.deploy(testSpec(.rolling), "one", ifBusy: .replace)
        let record = simulation.runToEnd()
        #expect(record?.outcome == .succeeded)
        #expect(record?.from == record?.to)
        #expect(simulation.serving(1) == 4)
    }

    @Test("A stuck rollout takes the one that waits with it")
    func stuckQueue() {
        var simulation = Simulation.serving(testSpec(.recreate))
        simulation.deploy(testSpec(.recreate), "two")
        simulation.deploy(testSpec(.recreate), "three", ifBusy: .queue)
        simulation.weather.startFails = 100
        simulation.run { $0.service.rollout == nil }
        #expect(simulation.service.history.suffix(2).map(\.outcome) == [.stuck, .cancelled])
        #expect(simulation.service.queued == nil)
    }

    @Test("One key is one deploy, for ever; the same again changes nothing")
    func keys() {
        var simulation = busy()
        #expect(simulation.deploy(testSpec(.rolling), "two") == .accepted(rollout: "web-d2"))
        let first = simulation.deploy(testSpec(.rolling), "three", ifBusy: .queue, key: "k")
        #expect(first == .queued(behind: "web-d2"))
        #expect(
            simulation.deploy(testSpec(.rolling), "three", ifBusy: .queue, key: "k") == .accepted(rollout: "web-d3"))
        _ = simulation.runToEnd()
        #expect(simulation.deploy(testSpec(.rolling), "three", key: "k") == .accepted(rollout: "web-d3"))
        #expect(simulation.deploy(testSpec(.rolling), "three") == .unchanged)
        #expect(simulation.isAtRest)
    }

    @Test("Other numbers with the same contents start what is missing, and nothing else")
    func numbers() {
        var simulation = Simulation.serving(testSpec(.rolling))
        #expect(simulation.deploy(testSpec(.rolling, desired: 6), "one") == .unchanged)
        simulation.run { $0.serving(1) == 6 }
        #expect(simulation.serving(1) == 6)
        #expect(simulation.world.starts == 6)
    }

    // MARK: Gates

    @Test("promote goes on, once; a step that is gone is no error, one to come is")
    func promote() throws {
        var simulation = gated()
        let step = try #require(simulation.service.rollout?.cursor)
        let tell = { (simulation: inout Simulation, step: Int?) in
            simulation.tell(.command(.promote(rollout: "web-d2", step: step, full: false)))
        }
        #expect(tell(&simulation, step + 2) == .invalid("it is at step \(step), not \(step + 2)"))
        #expect(tell(&simulation, step) == .ok)
        #expect(tell(&simulation, step) == .unchanged)
        simulation.run { $0.service.rollout?.step == .pause(.minutes(5)) }
        #expect(tell(&simulation, step) == .unchanged)
        #expect(tell(&simulation, nil) == .ok)
        #expect(simulation.runToEnd()?.outcome == .succeeded)
        #expect(simulation.tell(.command(.promote(rollout: "web-d2", step: nil, full: false))) == .unchanged)
        #expect(
            simulation.tell(.command(.promote(rollout: "web-d9", step: nil, full: false)))
                == .notFound("there is no rollout 'web-d9'"))
    }

    @Test("promote --full leaves out all that waits, and still looks whether all are healthy")
    func promoteFully() {
        var simulation = gated()
        let began = simulation.now
        simulation.tell(.command(.promote(rollout: "web-d2", step: nil, full: true)))
        #expect(simulation.runToEnd()?.outcome == .succeeded)
        #expect(simulation.now - began < .seconds(30))
        #expect(simulation.serving(2) == 4)
    }

    @Test("A gate ends by its time")
    func gateTimeout() {
        let gate = { (spec: inout ServiceSpec) in spec.deploy.steps.insert(.gate(timeout: .seconds(20)), at: 1) }
        var simulation = Simulation.serving(testSpec(.canary, change: gate))
        simulation.deploy(testSpec(.canary, change: gate), "two")
        let record = simulation.runToEnd()
        #expect(record?.reason?.code == .gateTimeout)
        #expect(record?.outcome == .rolledBack)
    }

    @Test("A pause stops the clocks, not the watch")
    func pause() throws {
        var simulation = gated()
        simulation.tell(.command(.promote(rollout: "web-d2", step: nil, full: false)))
        simulation.run { $0.service.rollout?.step == .pause(.minutes(5)) }
        #expect(simulation.tell(.command(.pause(rollout: "web-d2"))) == .ok)
        #expect(simulation.tell(.command(.pause(rollout: "web-d2"))) == .unchanged)
        let began = simulation.now
        simulation.run { $0.now > began + .minutes(9) }
        #expect(simulation.service.rollout?.pause?.reason == .manual)
        #expect(simulation.tell(.command(.resume(rollout: "web-d2"))) == .ok)
        #expect(simulation.tell(.command(.resume(rollout: "web-d2"))) == .unchanged)
        // The five minutes have not begun to pass.
        let left = try #require(simulation.service.rollout).stepStartedAt + .minutes(5) - simulation.now
        #expect(left > .minutes(4))
        simulation.tell(.command(.pause(rollout: "web-d2")))
        simulation.world.die(try #require(simulation.service.pooled.first { $0.revision == 2 }?.name))
        #expect(simulation.runToEnd()?.outcome == .rolledBack)
        #expect(simulation.violations == [])
    }

    @Test("A weight by hand: at most what the new ones can carry")
    func weight() {
        var simulation = gated()
        #expect(
            simulation.tell(.command(.weight(.percent(60))))
                == .invalid("60.0% needs 3 new instances; 1 are in the pool"))
        #expect(simulation.tell(.command(.weight(.percent(10)))) == .ok)
        simulation.run { $0.world.table.share(of: 2) == .percent(10) }
        #expect(simulation.world.table.share(of: 2) == .percent(10))
        #expect(simulation.world.table.share(of: 1) == .percent(90))
    }

    // MARK: Back

    @Test("abort: back while it runs, nothing when it does not", arguments: strategies)
    func abort(_ strategy: DeployPolicy.Strategy) {
        var simulation = busy(strategy)
        #expect(simulation.tell(.command(.abort(rollout: "web-d2"))) == .accepted(rollout: "web-d2"))
        #expect(simulation.runToEnd()?.outcome == .rolledBack)
        #expect(simulation.serving(1) == 4)
        #expect(simulation.violations == [])
        let actions = simulation.actions
        #expect(simulation.tell(.command(.abort(rollout: "web-d2"))) == .unchanged)
        #expect(simulation.tell(.command(.abort(rollout: "web-d7"))) == .notFound("there is no rollout 'web-d7'"))
        #expect(simulation.actions == actions)
    }

    @Test("abort before anything changed is no rollback")
    func abortEarly() {
        var simulation = Simulation.serving(testSpec(.rolling))
        simulation.deploy(testSpec(.rolling), "two")
        #expect(simulation.tell(.command(.abort(rollout: "web-d2"))) == .ok)
        #expect(simulation.service.history.last?.outcome == .cancelled)
        #expect(simulation.world.starts == 4)
    }

    @Test(
        "rollback inside the window: frozen ones come back, nothing is started",
        arguments: [DeployPolicy.Strategy.rolling, .immutable, .blueGreen, .canary])
    func rollback(_ strategy: DeployPolicy.Strategy) {
        var simulation = Simulation.serving(testSpec(strategy))
        let before = Set(simulation.world.containers.keys)
        simulation.deploy(testSpec(strategy), "two")
        _ = simulation.runToEnd()
        #expect(simulation.service.instances.count { $0.state == .frozen } == 4)
        let starts = simulation.world.starts
        let began = simulation.now
        #expect(simulation.tell(.command(.rollback(to: nil, key: nil))) == .accepted(rollout: "web-d3"))
        simulation.run { $0.serving(1) == 4 && $0.serving(2) == 0 }
        #expect(simulation.now - began < .seconds(2))
        let record = simulation.runToEnd()
        #expect(record?.outcome == .succeeded)
        #expect(record?.ledger.starts == 0)
        #expect(record?.ledger.thaws == 4)
        #expect(simulation.world.starts == starts)
        #expect(Set(simulation.world.table.members.map(\.instance)) == before)
        #expect(record?.ledger.leastPooled == 4)
        #expect(simulation.violations == [])
    }

    @Test(
        "Connections that do not end keep an instance out of the freezer: a rollback starts it, and says so",
        arguments: [DeployPolicy.Strategy.rolling, .immutable, .blueGreen, .canary])
    func keptAlive(_ strategy: DeployPolicy.Strategy) {
        var simulation = Simulation.serving(testSpec(strategy))
        simulation.weather.keptAlive = 100
        simulation.deploy(testSpec(strategy), "two")
        let deployed = simulation.runToEnd()
        #expect(deployed?.outcome == .succeeded)
        #expect(deployed?.ledger.forcedCloses ?? 0 >= 4)
        let old = simulation.service.instances.filter { $0.revision == 1 }
        #expect(old.map(\.state) == Array(repeating: .stopped, count: 4))
        #expect(
            simulation.notices.contains {
                $0.text.hasSuffix("it is stopped instead of frozen, a rollback has to start it")
            })
        #expect(simulation.service.window?.revision == 1)
        simulation.weather.keptAlive = 0
        simulation.tell(.command(.rollback(to: nil, key: nil)))
        #expect(simulation.notices.last { $0.kind == .accepted }?.text.hasSuffix("; 4 of 4 have to be started") == true)
        let record = simulation.runToEnd()
        #expect(record?.outcome == .succeeded)
        #expect(record?.ledger.starts == 4)
        #expect(record?.ledger.thaws == 0)
        #expect(record?.ledger.leastPooled == 4)
        // The same ones, once more.
        #expect(simulation.service.pooled.map(\.name).sorted() == old.map(\.name).sorted())
        #expect(simulation.violations == [])
    }

    @Test("Kept running out of the pool, it serves what is open to its end, and is drained again before its stop")
    func keptRunning() {
        let spec = testSpec(.blueGreen) { $0.deploy.rollbackKeep = .running }
        var simulation = Simulation.serving(spec)
        simulation.weather.keptAlive = 100
        simulation.deploy(spec, "two")
        #expect(simulation.runToEnd()?.ledger.forcedCloses == 0)
        #expect(simulation.service.instances.count { $0.revision == 1 && $0.state == .ready && $0.alive } == 4)
        simulation.run { $0.service.window == nil && $0.service.instances.allSatisfy { !$0.alive || $0.revision == 2 } }
        #expect(simulation.notices.count { $0.text.hasSuffix("connections open at the end of the drain") } == 4)
        #expect(simulation.violations == [])
    }

    @Test("rollback after the window starts them anew, in full, before the switch", arguments: strategies)
    func rollbackLate(_ strategy: DeployPolicy.Strategy) {
        var simulation = Simulation.serving(testSpec(strategy))
        simulation.deploy(testSpec(strategy), "two")
        _ = simulation.runToEnd()
        simulation.run { $0.service.window == nil && $0.service.instances.allSatisfy { !$0.alive || $0.revision == 2 } }
        simulation.tell(.command(.rollback(to: 1, key: nil)))
        let record = simulation.runToEnd()
        #expect(record?.outcome == .succeeded)
        #expect(record?.kind == .rollback)
        #expect(record?.ledger.starts == 4)
        #expect(simulation.serving(1) == 4)
        if FailureTests.overlapping.contains(strategy) { #expect(record?.ledger.leastPooled == 4) }
        #expect(simulation.violations == [])
    }

    @Test("rollback to what is not kept, or to nothing")
    func rollbackNowhere() {
        var simulation = Simulation.serving(testSpec(.rolling))
        #expect(simulation.tell(.command(.rollback(to: nil, key: nil))) == .notFound("'web' has no revision before r1"))
        #expect(
            simulation.tell(.command(.rollback(to: 9, key: nil))) == .notFound("r9 of 'web' is not kept any more"))
        #expect(simulation.tell(.command(.rollback(to: 1, key: nil))) == .unchanged)
    }

    @Test("A rollback whose target does not come up leaves what serves alone", arguments: FailureTests.overlapping)
    func rollbackFails(_ strategy: DeployPolicy.Strategy) {
        var simulation = Simulation.serving(testSpec(strategy))
        simulation.deploy(testSpec(strategy), "two")
        _ = simulation.runToEnd()
        simulation.run { $0.service.window == nil && $0.service.instances.allSatisfy { !$0.alive || $0.revision == 2 } }
        let before = Set(simulation.world.table.members.map(\.instance))
        simulation.weather.startFails = 100
        simulation.tell(.command(.rollback(to: 1, key: nil)))
        let record = simulation.runToEnd()
        #expect(record?.outcome == .rolledBack)
        #expect(Set(simulation.world.table.members.map(\.instance)) == before)
        #expect(simulation.violations == [])
    }

    // MARK: Numbers

    @Test("scale, within its limits; during a rollout afterwards")
    func scale() {
        var simulation = busy()
        #expect(simulation.tell(.command(.scale(6))) == .queued(behind: "web-d2"))
        _ = simulation.runToEnd()
        simulation.run { $0.serving(2) == 6 }
        #expect(simulation.serving(2) == 6)
        #expect(
            simulation.tell(.command(.scale(21))) == .invalid("21 is not from scale.min 1 to scale.max 20"))
        #expect(simulation.tell(.command(.scale(2))) == .ok)
        simulation.run { $0.world.table.members.count == 2 && $0.service.window == nil }
        #expect(simulation.serving(2) == 2)
        #expect(simulation.violations == [])
    }

    @Test("The limits of scale: the count follows, nothing else is started")
    func limits() {
        var simulation = Simulation.serving(testSpec(.rolling))
        let tell = { (simulation: inout Simulation, least: Int?, most: Int?) in
            simulation.tell(.command(.limits(min: least, max: most)))
        }
        #expect(tell(&simulation, 5, 30) == .ok)
        simulation.run { $0.serving(1) == 5 }
        #expect(simulation.world.starts == 5)
        #expect(tell(&simulation, nil, 30) == .unchanged)
        #expect(simulation.tell(.command(.scale(25))) == .ok)
        #expect(tell(&simulation, nil, 6) == .ok)
        simulation.run { $0.serving(1) == 6 }
        #expect(simulation.service.desired == 6)
        #expect(tell(&simulation, 9, nil) == .invalid("scale.min 9 is more than scale.max 6"))
        if case .invalid(let text) = tell(&simulation, 0, nil) {
            #expect(text.hasPrefix("scale.min: 0 needs to_zero_after"))
        } else {
            Issue.record("a limit that no spec may have")
        }
        simulation.deploy(testSpec(.rolling, desired: 6), "two")
        #expect(tell(&simulation, 1, 9) == .busy(holder: "web-d2"))
        #expect(simulation.violations == [])
    }

    @Test("weight, of the new revision or of the one that is named")
    func weights() {
        var simulation = gated()
        let tell = { (simulation: inout Simulation, percent: Double, revision: Int?) in
            simulation.tell(.command(.weight(.percent(percent), of: revision)))
        }
        #expect(tell(&simulation, 10, nil) == .ok)
        #expect(simulation.service.rollout?.share == .percent(10))
        #expect(tell(&simulation, 20, 2) == .ok)
        #expect(simulation.service.rollout?.share == .percent(20))
        #expect(tell(&simulation, 95, 1) == .ok)
        #expect(simulation.service.rollout?.share == .percent(5))
        #expect(tell(&simulation, 5, 7) == .invalid("r7 takes no part in web-d2: r1 -> r2"))
        #expect(tell(&simulation, 80, nil) == .invalid("80.0% needs 4 new instances; 1 are in the pool"))
        simulation.run { $0.world.table.share(of: 2) == .percent(5) }
        #expect(simulation.world.table.share(of: 1) == .percent(95))
        #expect(simulation.violations == [])
    }

    @Test("The time of a step that failed is told, too")
    func failedStep() {
        var simulation = Simulation.serving(testSpec(.immutable))
        simulation.weather.sickTarget = 100
        simulation.deploy(testSpec(.immutable), "two")
        let record = simulation.runToEnd()
        #expect(record?.outcome == .rolledBack)
        #expect(record?.timings.start ?? .zero >= .seconds(20))
        let sum = record?.timings.named.reduce(Span.zero) { $0 + $1.length }
        #expect(sum == record?.duration)
    }

    @Test("drain: another one comes first; undrain takes it back")
    func drain() {
        var simulation = Simulation.serving(testSpec(.rolling))
        #expect(simulation.tell(.command(.drain(instance: "web-r1-1"))) == .ok)
        simulation.run { !$0.world.table.lists("web-r1-1") }
        #expect(simulation.serving(1) == 4)
        #expect(simulation.tell(.command(.undrain(instance: "web-r1-1"))) == .ok)
        simulation.run { $0.world.table.lists("web-r1-1") && $0.world.table.members.count == 4 }
        #expect(simulation.world.table.lists("web-r1-1"))
        #expect(simulation.tell(.command(.drain(instance: "web-r1-9"))) == .notFound("there is no instance 'web-r1-9'"))
        #expect(simulation.violations == [])
    }

    // MARK: What is kept of it

    @Test("The ledger, the timings and the plan of a rollout")
    func ledger() throws {
        var simulation = Simulation.serving(testSpec(.rolling) { $0.deploy.batchPause = .seconds(1) })
        simulation.deploy(testSpec(.rolling) { $0.deploy.batchPause = .seconds(1) }, "two")
        let ended = simulation.runToEnd()
        let record = try #require(ended)
        #expect(record.ledger.starts == 4)
        #expect(record.ledger.drains == 4)
        #expect(record.ledger.leastPooled == 4)
        #expect(record.ledger.mostRunning <= record.plan?.peakRunning ?? 0)
        #expect(record.plan?.peakRunning == 5)
        #expect(record.plan?.peakInstances == 8)
        #expect(record.timings.gate >= .seconds(5))
        #expect(record.timings.start > .zero)
        #expect(record.timings.rollback == .zero)
        let timings = record.timings
        let sum = [
            timings.check, timings.pull, timings.hooks, timings.start, timings.router, timings.drain, timings.gate,
        ]
        .reduce(Span.zero, +)
        #expect(sum == record.duration)
        #expect(record.serving == [2: 4])
    }

    @Test("Exit codes say what serves")
    func exitCodes() {
        #expect(
            Outcome.allCases.map { "\($0.rawValue) \($0.exitCode)" }.sorted() == [
                "cancelled 6", "refused 8", "rolled_back 3", "stuck 4", "succeeded 0", "superseded 6",
            ])
    }

    @Test("What comes too often is not written each time")
    func durable() {
        var simulation = Simulation.serving(testSpec(.rolling))
        simulation.run { $0.service.window == nil && $0.service.quarantine.isEmpty }
        let good = InstanceReport.probe(ProbeResult(passed: true, detail: "200"))
        #expect(!simulation.service.handle(.instance("web-r1-1", good), at: simulation.now).isDurable)
        #expect(!simulation.service.handle(.tick, at: simulation.now).isDurable)
        #expect(simulation.service.handle(.command(.scale(5)), at: simulation.now).isDurable)
    }
}
