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
        case report(String, InstanceReport)
        case beat
        case routerIsBack
        case command(ServiceCommand)
        /// Whatever is under way.
        case steer(Steering)
        /// Somebody comes by and lets it go on, whatever it waits for; and again later.
        case visit
    }
    enum Steering: CaseIterable { case promote, promoteFully, pause, resume, abort }

    var service: Service
    /// What the journal holds: the service as it was when something changed last.
    var journal: Service
    var world: FakeWorld
    var random: SeededRandom
    var weather = Weather()
    var now = Moment.zero
    var due: [Due] = []
    var order = 0
    var actions = 0
    var events = 0
    var recoveries = 0
    var visits = 0
    var notices: [ServiceNotice] = []
    var replies: [ServiceReply] = []
    var violations: [String] = []
    private var log: [(Moment, String, ServiceAction?)] = []
    /// Printing costs more than all the rest: only for what failed.
    var trace: [String] {
        log.suffix(600).map { at, text, action in
            let time = "\(Double(at.nanoseconds / 1_000_000) / 1e3)"
            guard let action else { return "\(time) <- \(text)" }
            if case .notice(let notice) = action.kind {
                return "\(time) \(notice.kind) \(notice.instance ?? "") \(notice.text)"
            }
            return "\(time) -> \(action.id) \("\(action.kind)".replacingAll("Deployment.", ""))"
        }
    }
    private var cancelled: Set<Int64> = []
    var wake: Moment?
    var routerIsFree = Moment.zero
    private var last: (memory: Int, running: Int, stable: Int?) = (0, 0, nil)

    init(seed: UInt64, name: String = "web") {
        service = Service(name: name)
        journal = service
        world = FakeWorld(service: name)
        random = SeededRandom(seed: seed)
        schedule(.beat, in: .milliseconds(50))
    }

    mutating func schedule(_ event: Happening, in span: Span) {
        order += 1
        due.append(Due(at: now + span, order: order, event: event))
    }

    // MARK: Telling

    @discardableResult
    mutating func tell(_ event: ServiceEvent) -> ServiceReply? {
        events += 1
        switch event {
        case .tick, .done, .instance(_, .probe), .instance(_, .connections): break
        default: log.append((now, "\(event)", nil))
        }
        let decision = service.handle(event, at: now)
        // Killed between the decision and the journal: nobody has heard of it.
        if weather.daemonDies > 0, random.chance(weather.daemonDies / 20) {
            dieAndRecover(away: absence())
            return nil
        }
        if decision.isDurable { journal = service }
        for action in decision.actions { given(action) }
        if log.count > 2000 { log.removeFirst(1000) }
        if service.instances.count > 60 { violations.append("\(service.instances.count) instances") }
        lookAfter()
        if let reply = decision.reply { replies.append(reply) }
        wake = service.nextWake
        return decision.reply
    }

    private mutating func given(_ action: ServiceAction) {
        log.append((now, "", action))
        if case .notice(let notice) = action.kind {
            notices.append(notice)
            if notice.kind == .needsHuman, notice.text.hasPrefix("I"),
                Invariant.allCases.contains(where: {
                    notice.text.hasPrefix($0.rawValue + ":")
                })
            {
                violations.append("stopped by an invariant: \(notice.text)")
            }
            return
        }
        if case .cancel(let id) = action.kind { cancelled.insert(id) }
        actions += 1
        world.judge(action.kind, service, at: now)
        var delay = Span.milliseconds(Int(random.next() % 20))
        switch action.kind {
        case .applyRouter, .readBackRouter:
            if random.chance(weather.routerSlow) { delay = .milliseconds(Int(random.next() % 15_000)) }
            // One after the other, as the driver has them.
            routerIsFree = max(routerIsFree, now + delay)
            delay = routerIsFree - now
        default: break
        }
        schedule(.perform(action), in: delay)
    }

    private mutating func lookAfter() {
        let snapshot = service.snapshot
        for one in Invariant.violations(of: snapshot) { violations.append("\(one.invariant.rawValue) \(one.text)") }
        // Outside of a rollout a bound may be lowered; beyond it nothing grows.
        if let bound = snapshot.memoryBound, snapshot.memory > bound, snapshot.memory > last.memory {
            violations.append("I5: \(snapshot.memory) in memory, \(bound) are allowed")
        }
        if let bound = snapshot.runningBound, snapshot.running > bound, snapshot.running > last.running {
            violations.append("I5: \(snapshot.running) run, \(bound) are allowed")
        }
        if service.stable != last.stable {
            let isCommitted = service.rollout.map { $0.to == service.stable && !$0.isRollingBack } ?? false
            let ended = service.history.last { $0.outcome == .succeeded }
            if !isCommitted, ended?.to != service.stable { violations.append("I7: r\(service.stable ?? 0)") }
        }
        last = (snapshot.memory, snapshot.running, service.stable)
    }

    // MARK: Time

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
        case .steer(let steering): steer(steering)
        case .visit:
            visits += 1
            // And gives it up in the end.
            steer(visits % 10 == 0 ? .abort : .resume)
            steer(.promote)
            schedule(.visit, in: .seconds(30))
        case .answer(let id, let result): tell(.done(id, result))
        case .report(let name, let report): tell(.instance(name, report))
        case .routerIsBack:
            world.routerIsDown = false
            tell(.routerUp)
        case .perform(let action):
            perform(action)
            if random.chance(weather.daemonDies) { dieAndRecover(away: absence()) }
        case .beat: beat()
        }
        look()
    }

    /// Nobody relies on a look that comes too late to be wanted.
    private func isPointless(_ action: ServiceAction) -> Bool {
        if case .verifyVolumes = action.kind { cancelled.contains(action.id) } else { false }
    }

    private mutating func perform(_ action: ServiceAction) {
        if isPointless(action) { return }
        let result = world.perform(action.kind, service, at: now, weather, &random)
        if let result { schedule(.answer(action.id, result), in: .milliseconds(Int(random.next() % 30))) }
        // A short life may be over before the answer is there.
        if case .start(let name, _, _) = action.kind, world.containers[name]?.alive == false {
            world.containers[name]?.deathReported = true
            let report = InstanceReport.exited(code: 1, outOfMemory: false)
            schedule(.report(name, report), in: .milliseconds(Int(random.next() % 30)))
        }
    }

    private mutating func steer(_ steering: Steering) {
        let id = service.rollout?.id ?? "web-d1"
        switch steering {
        case .promote: tell(.command(.promote(rollout: id, step: nil, full: false)))
        case .promoteFully: tell(.command(.promote(rollout: id, step: nil, full: true)))
        case .pause: tell(.command(.pause(rollout: id)))
        case .resume: tell(.command(.resume(rollout: id)))
        case .abort: tell(.command(.abort(rollout: id)))
        }
    }

    private mutating func look() {
        violations += world.violations
        world.violations = []
    }

    /// What happens by itself.
    private mutating func beat() {
        for name in world.containers.keys.sorted() { live(name) }
        if random.chance(weather.alarms) { tell(.alarm("p95")) }
        if !world.routerIsDown, random.chance(weather.routerDies) {
            world.routerIsDown = true
            schedule(.routerIsBack, in: .milliseconds(Int(random.next() % 8000)))
            tell(.routerDown)
        }
        if random.chance(weather.reboots) { dieAndRecover(reboot: true) }
        schedule(.beat, in: .milliseconds(service.rollout == nil ? 250 : 50))
    }

    private mutating func live(_ name: String) {
        guard let one = world.containers[name] else { return }
        if one.alive, random.chance(weather.crash) { world.die(name) }
        guard world.containers[name]?.alive == true else {
            if world.containers[name]?.deathReported == false {
                world.containers[name]?.deathReported = true
                tell(.instance(name, .exited(code: 1, outOfMemory: false)))
            }
            return
        }
        if random.chance(weather.fallsIll) { world.containers[name]?.sick = true }
        if one.probed, !one.frozen, now >= one.listensAt {
            if !one.reportedListening {
                world.containers[name]?.reportedListening = true
                tell(.instance(name, .listening))
            }
            // Probes of the well ones are not interesting.
            if random.chance(one.sick || !world.table.lists(name) ? 20 : 1) {
                tell(.instance(name, .probe(ProbeResult(passed: !one.sick, detail: "GET /up -> 500"))))
            }
        }
        guard one.drainEnds != nil, !one.frozen else { return }
        if one.connections > 0, !one.isKeptAlive, random.chance(30) { world.containers[name]?.connections -= 1 }
        if one.long > 0, random.chance(1) { world.containers[name]?.long -= 1 }
        tell(.instance(name, .connections(short: one.connections, long: one.long)))
    }

    // MARK: Crashes

    /// Mostly it is back at once; sometimes somebody looks for what is wrong first.
    private mutating func absence() -> Span {
        random.chance(80) ? .zero : .milliseconds(random.below(150_000))
    }

    /// What was under way is done or not; what was to be answered is not; what was not written is forgotten.
    mutating func dieAndRecover(reboot: Bool = false, away: Span = .zero) {
        recoveries += 1
        log.append((now, reboot ? "REBOOT" : "CRASH, away for \(away)", nil))
        for one in due.sorted(by: { $0.order < $1.order }) {
            if case .perform(let action) = one.event, random.chance(50), !isPointless(action) {
                _ = world.perform(action.kind, service, at: now, weather, &random)
            }
        }
        due.removeAll {
            switch $0.event {
            case .perform, .answer, .report: true
            default: false
            }
        }
        now = now + away
        routerIsFree = now
        service = journal
        if random.chance(20) { roundTrip() }
        if reboot { startHost() }
        for name in world.containers.keys {
            world.containers[name]?.probed = false
            world.containers[name]?.reportedListening = false
            if world.containers[name]?.alive == false { world.containers[name]?.deathReported = true }
        }
        let seen = world.containers.sorted { $0.key < $1.key }.map { name, one in
            Observation.Seen(
                name: name, existence: !one.alive ? .exited : one.frozen ? .frozen : .running, address: one.address)
        }
        // Not to die again in the middle of it.
        let dies = weather.daemonDies
        weather.daemonDies = 0
        let before = notices.count
        tell(.recovered(Observation(instances: seen, isReboot: reboot)))
        for one in notices[before...] where one.text.hasPrefix("nothing listens") || one.text.hasPrefix("not healthy") {
            violations.append("\(one.instance ?? "") had no time to get well: \(one.text)")
        }
        if world.routerIsDown { tell(.routerDown) }
        weather.daemonDies = dies
    }

    private mutating func roundTrip() {
        guard let data = try? JSONEncoder().encode(service),
            let copy = try? JSONDecoder().decode(Service.self, from: data)
        else { return violations.append("I8: the journal cannot be written or read") }
        if copy != service { violations.append("I8: the journal does not give back what it was given") }
        service = copy
    }

    /// The clock begins again, and nothing runs.
    private mutating func startHost() {
        for name in world.containers.keys { world.die(name) }
        world.stale = []
        world.table = RouterTable(service: service.name)
        let start = Moment.zero + .seconds(3)
        for index in due.indices { due[index].at = start + (due[index].at - now) }
        now = start
        routerIsFree = now
    }

    // MARK: Running

    /// Until nothing is under way, and all is as it shall be.
    @discardableResult
    mutating func run(atMost limit: Int = 30_000, until isDone: (Simulation) -> Bool) -> Bool {
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

extension String {
    func replacingAll(_ text: String, _ other: String) -> String {
        var result = ""
        var rest = self[...]
        while let range = rest.firstRange(of: text) {
            result += rest[..<range.lowerBound] + other
            rest = rest[range.upperBound...]
        }
        return result + rest
    }
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
    spec.drain.stopGrace = .seconds(3)
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
    mutating func deploy(
        _ spec: ServiceSpec, _ hash: String, ifBusy: DeployRequest.IfBusy = .fail, key: String? = nil
    ) -> ServiceReply? {
        tell(.command(.deploy(DeployRequest(spec: spec, hash: hash, ifBusy: ifBusy, key: key))))
    }
}
