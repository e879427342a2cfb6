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
