import Basics
import FoundationEssentials

@testable import Deployment

/// Drives a service with a fake clock, and looks at every invariant after every action.
struct Simulation {
    struct Due {
        var at: Moment
        var order: Int
        var event: Happening
    }
    enum Happening {
        case perform(ServiceAction)
        case answer(Int64, ActionResult)
        case beat
        case command(ServiceCommand)
    }

    var service: Service
    var world: FakeWorld
    var random: SeededRandom
    var weather = Weather()
    var now = Moment.zero
    var due: [Due] = []
    var order = 0
    var actions = 0
    var events = 0
    var notices: [ServiceNotice] = []
    var replies: [ServiceReply] = []
    var violations: [String] = []
    /// Every event as it was given, to play it again.
    var tape: [(ServiceEvent, Moment)] = []
    var keepsTape = false
    private var log: [(Moment, ServiceAction)] = []
    /// Printing costs more than all the rest: only for what failed.
    var trace: [String] {
        log.suffix(400).map { at, action in
            if case .notice(let notice) = action.kind {
                return "\(Double(at.nanoseconds) / 1e9) \(notice.kind) \(notice.instance ?? "") \(notice.text)"
            }
            return "\(Double(at.nanoseconds) / 1e9) -> \(action.id) \(action.kind)"
        }
    }
    var wake: Moment?
    var lastMemory = 0

    init(seed: UInt64, name: String = "web") {
        service = Service(name: name)
        world = FakeWorld(service: name)
        random = SeededRandom(seed: seed)
        schedule(.beat, in: .milliseconds(50))
    }

    mutating func schedule(_ event: Happening, in span: Span) {
        order += 1
        due.append(Due(at: now + span, order: order, event: event))
    }

    @discardableResult
    mutating func tell(_ event: ServiceEvent) -> ServiceReply? {
        events += 1
        if keepsTape { tape.append((event, now)) }
        let decision = service.handle(event, at: now)
        for action in decision.actions {
            if case .notice(let notice) = action.kind {
                notices.append(notice)
                log.append((now, action))
                continue
            }
            actions += 1
            log.append((now, action))
            schedule(.perform(action), in: .milliseconds(Int(random.next() % 20)))
        }
        let memory = service.memoryCount
        defer { lastMemory = memory }
        for one in Invariant.violations(of: service.snapshot) {
            // A bound that was lowered is reached when the instances have left.
            if one.invariant == .bounds, memory <= lastMemory { continue }
            violations.append("\(one.invariant.rawValue) \(one.text)")
        }
        if let reply = decision.reply { replies.append(reply) }
        wake = service.nextWake
        return decision.reply
    }

    mutating func step() {
        if let wake, due.allSatisfy({ $0.at > wake }) {
            now = max(now, wake)
            self.wake = nil
            tell(.tick)
            return look()
        }
        guard let next = due.indices.min(by: { (due[$0].at, due[$0].order) < (due[$1].at, due[$1].order) }) else {
            return
        }
        let happening = due.remove(at: next)
        now = max(now, happening.at)
        switch happening.event {
        case .command(let command): tell(.command(command))
        case .answer(let id, let result): tell(.done(id, result))
        case .perform(let action):
            let result = world.perform(action.kind, service, at: now, weather, &random)
            if let result, !random.chance(weather.losesReplies) {
                schedule(.answer(action.id, result), in: .milliseconds(Int(random.next() % 30)))
            }
            if random.chance(weather.daemonDies) { dieAndRecover() }
        case .beat: beat()
        }
        look()
    }

    private mutating func look() {
        violations += world.violations
        world.violations = []
    }

    /// What happens by itself.
    private mutating func beat() {
        for name in world.containers.keys.sorted() {
            guard var one = world.containers[name] else { continue }
            if one.alive, random.chance(weather.crash) {
                world.die(name)
                one.alive = false
            }
            if !one.alive {
                if world.containers[name]?.deathReported == false {
                    world.containers[name]?.deathReported = true
                    tell(.instance(name, .exited(code: 1, outOfMemory: false)))
                }
                continue
            }
            if one.probed, !one.frozen, now >= one.listensAt {
                if !one.reportedListening {
                    world.containers[name]?.reportedListening = true
                    tell(.instance(name, .listening))
                }
                if random.chance(20) {
                    tell(.instance(name, .probe(ProbeResult(passed: !one.sick, detail: "GET /up -> 500"))))
                }
            }
            if one.draining {
                if one.connections > 0, random.chance(30) { world.containers[name]?.connections -= 1 }
                tell(.instance(name, .connections(short: one.connections, long: 0)))
            }
        }
        if random.chance(weather.reboots) { dieAndRecover(reboot: true) }
        schedule(.beat, in: .milliseconds(50))
    }

    /// What was under way is done or not; what was to be answered is not.
    mutating func dieAndRecover(reboot: Bool = false) {
        for one in due {
            if case .perform(let action) = one.event, random.chance(50) {
                _ = world.perform(action.kind, service, at: now, weather, &random)
            }
        }
        due.removeAll {
            switch $0.event {
            case .perform, .answer: true
            default: false
            }
        }
        if random.chance(5), let data = try? JSONEncoder().encode(service) {
            let copy = try? JSONDecoder().decode(Service.self, from: data)
            if copy != service { violations.append("I8: the journal does not give back what it was given") }
            if let copy { service = copy }
        }
        if reboot {
            for name in world.containers.keys { world.die(name) }
            world.stale = []
            world.table = RouterTable(service: service.name)
        }
        for name in world.containers.keys {
            world.containers[name]?.probed = false
            if world.containers[name]?.alive == false { world.containers[name]?.deathReported = true }
        }
        let seen = world.containers.keys.sorted().map { name in
            let one = world.containers[name]!
            return Observation.Seen(
                name: name, existence: !one.alive ? .exited : one.frozen ? .frozen : .running, address: one.address)
        }
        tell(.recovered(Observation(instances: seen, isReboot: reboot)))
    }

    /// Until nothing is under way, and all is as it shall be.
    @discardableResult
    mutating func run(atMost limit: Int = 12_000, until isDone: (Simulation) -> Bool) -> Bool {
        for _ in 0..<limit {
            if isDone(self) { return true }
            if !violations.isEmpty { return false }
            step()
        }
        return isDone(self)
    }

    var isAtRest: Bool { service.rollout == nil && service.queued == nil }
    mutating func runToEnd() -> RolloutRecord? {
        run { $0.isAtRest } ? service.history.last : nil
    }

    func serving(_ revision: Int) -> Int { world.table.members.count { $0.instance.hasPrefix("web-r\(revision)-") } }
}

/// A spec with short waits.
func testSpec(_ strategy: DeployPolicy.Strategy, desired: Int = 4, change: (inout ServiceSpec) -> Void = { _ in })
    -> ServiceSpec
{
    var spec = ServiceSpec(service: "web", image: "web@sha256:00")
    spec.scale = .init(min: 1, desired: desired, max: 20)
    spec.ports = [.init(name: "http", target: 80, publish: 80)]
    spec.health.stableFor = .milliseconds(200)
    spec.health.healthyDeadline = .seconds(20)
    spec.drain.timeout = .seconds(2)
    spec.deploy.strategy = strategy
    spec.deploy.bake = .seconds(1)
    spec.deploy.rollbackWindow = .seconds(30)
    spec.deploy.abortKeep = .seconds(1)
    spec.deploy.progressDeadline = .minutes(2)
    if strategy == .canary {
        spec.deploy.steps = [.weight(.percent(10)), .pause(.seconds(1)), .weight(.percent(50)), .weight(.all)]
    }
    change(&spec)
    return spec
}

extension Simulation {
    /// The first revision serves, everything is fine.
    static func serving(_ spec: ServiceSpec, seed: UInt64 = 1) -> Simulation {
        var simulation = Simulation(seed: seed)
        simulation.tell(.command(.deploy(DeployRequest(spec: spec, hash: "one"))))
        _ = simulation.runToEnd()
        return simulation
    }
    @discardableResult
    mutating func deploy(_ spec: ServiceSpec, _ hash: String, ifBusy: DeployRequest.IfBusy = .fail) -> ServiceReply? {
        tell(.command(.deploy(DeployRequest(spec: spec, hash: hash, ifBusy: ifBusy))))
    }
}
