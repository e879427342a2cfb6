import Basics

@testable import Deployment

/// Chance that can be had again.
struct SeededRandom: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
    mutating func chance(_ percent: Double) -> Bool { Double(next() % 100_000) < percent * 1000 }
    mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }
}

/// How bad the world is, in percent of the occasions.
struct Weather {
    var startFails = 0.0
    /// Of starts of the new revision: ends at once.
    var exitsEarly = 0.0
    /// Of starts of the new revision: never healthy.
    var sickTarget = 0.0
    /// Of starts of any revision.
    var sickAny = 0.0
    /// Healthy at first, and ill later.
    var fallsIll = 0.0
    var crash = 0.0
    var routerFails = 0.0
    var routerSlow = 0.0
    var routerDies = 0.0
    var daemonDies = 0.0
    var hookFails = 0.0
    var actionFails = 0.0
    var refuses = 0.0
    var inconclusive = 0.0
    var alarms = 0.0
    var reboots = 0.0
    /// Of drains: connections that nobody ends.
    var keptAlive = 0.0
}

/// Containers and a router that do what they are told, some time later, or fail to. It knows what is true, and looks
/// by itself at what the service must never do.
struct FakeWorld {
    struct Container {
        var revision: Int
        var address: String
        var alive = true
        var frozen = false
        var sick = false
        var listensAt: Moment
        var probed = false
        var reportedListening = false
        var listed = false
        /// Out of the router since, and to be left alone until.
        var drainEnds: Moment?
        var connections = 0
        /// They do not end by themselves.
        var isKeptAlive = false
        var long = 0
        var deathReported = false
    }
    var containers: [String: Container] = [:]
    var table: RouterTable
    var routerIsDown = false
    /// Addresses the kernel still knows connections to.
    var stale: Set<String> = []
    /// Result of each key.
    var hookRuns: [String: ActionResult] = [:]
    var migrations: [String: Int] = [:]
    var violations: [String] = []
    var starts = 0
    var nextAddress = 1

    init(service: String) { table = RouterTable(service: service) }

    func isHealthy(_ name: String) -> Bool { containers[name].map { $0.alive && !$0.frozen && !$0.sick } ?? false }
    func isUp(_ name: String) -> Bool { containers[name].map { $0.alive && !$0.frozen } ?? false }

    /// Does it, and says what came of it; nil for what has no answer.
    mutating func perform(
        _ kind: ServiceAction.Kind, _ service: Service, at now: Moment, _ weather: Weather, _ random: inout SeededRandom
    ) -> ActionResult? {
        switch kind {
        case .notice, .cancel: return nil
        case .start(let name, let revision, let avoid):
            return start(name, revision, avoid, service, now, weather, &random)
        case .applyRouter(_, let table):
            if routerIsDown || random.chance(weather.routerFails) { return .failed("nft: busy") }
            apply(table, service)
            return .ok
        case .readBackRouter:
            return routerIsDown || random.chance(weather.routerFails) ? .readBack(nil) : .readBack(table)
        case .signalStop, .kill, .freeze, .thaw, .remove:
            return end(kind, service, now, weather, &random)
        case .drain(let name, let policy):
            guard containers[name]?.alive == true else { return .ok }
            if containers[name]?.drainEnds == nil {
                containers[name]?.isKeptAlive = random.chance(weather.keptAlive)
                containers[name]?.connections = 1 + random.below(3)
                containers[name]?.long = policy.longLived == nil ? 0 : random.below(2)
                // Counted from the read back on, a little earlier.
                containers[name]?.drainEnds = now + policy.timeout + .milliseconds(-50)
            }
            return .ok
        case .clearAddress(let address):
            stale.remove(address)
            return random.chance(weather.actionFails) ? .failed("netlink") : .ok
        case .runHook(let place, _, _, _, let key): return hook(place, key, weather, &random)
        case .probe(let name, _):
            containers[name]?.probed = true
            return .ok
        case .verifyVolumes:
            let names = containers.filter { $0.value.alive }.keys
            if !names.isEmpty { violations.append("a volume is in use: \(names)") }
            return .ok
        case .captureLog: return .log(["boom"])
        case .preflight:
            return random.chance(weather.refuses) ? .refused([.init(subject: .disk, text: "too little")]) : .ok
        case .pull: return random.chance(weather.refuses) ? .failed("no such manifest") : .ok
        case .analyse:
            if random.chance(weather.inconclusive) { return .verdict(.inconclusive("3 requests")) }
            return .verdict(random.chance(weather.hookFails) ? .fail("error_rate 7%") : .pass)
        default: return .ok
        }
    }

    private mutating func hook(
        _ place: Hooks.Place, _ key: String, _ weather: Weather, _ random: inout SeededRandom
    ) -> ActionResult {
        // What ran is not run again.
        if let known = hookRuns[key] { return known }
        let result: ActionResult = random.chance(weather.hookFails) ? .failed("exit 1") : .ok
        hookRuns[key] = result
        if place == .beforeDeploy, result == .ok {
            // `web-d3-on-2`
            let rollout = key.split(separator: "-").prefix(2).joined(separator: "-")
            migrations[rollout, default: 0] += 1
            if migrations[rollout] ?? 0 > 1 { violations.append("the hook of \(rollout) ran twice") }
        }
        return result
    }

    // MARK: Begin

    private mutating func start(
        _ name: String, _ revision: Int, _ avoid: [String], _ service: Service, _ now: Moment, _ weather: Weather,
        _ random: inout SeededRandom
    ) -> ActionResult {
        // Again after a crash of the daemon: it is there already.
        if let one = containers[name], one.alive { return .started(address: one.address) }
        if random.chance(weather.startFails) { return .failed("exec format error") }
        let mine = Set(service.instances.map(\.name))
        let others = containers.filter { $0.value.alive && mine.contains($0.key) }
        if let rollout = service.rollout, others.count >= rollout.plan.peakInstances {
            violations.append("I5: \(name) is one more than \(rollout.plan.peakInstances)")
        }
        if service.spec(of: revision)?.hasExclusiveVolume == true, let other = others.first {
            violations.append("\(name) starts on the volume of \(other.key)")
        }
        // Addresses are few, so that they come again.
        let used = Set(containers.values.filter(\.alive).map(\.address))
        var address = ""
        repeat {
            address = "10.0.0.\(nextAddress)"
            nextAddress = nextAddress % 60 + 1
        } while used.contains(address) || avoid.contains(address)
        if stale.contains(address) { violations.append("I10: \(name) gets \(address), still in quarantine") }
        starts += 1
        let isTarget = revision == service.rollout?.to
        var one = Container(
            revision: revision, address: address, listensAt: now + .milliseconds(Int(random.next() % 900)))
        one.sick = isTarget && random.chance(weather.sickTarget) || random.chance(weather.sickAny)
        containers[name] = one
        if isTarget, random.chance(weather.exitsEarly) { die(name) }
        return .started(address: address)
    }

    // MARK: End

    mutating func die(_ name: String) {
        guard let one = containers[name], one.alive else { return }
        containers[name]?.alive = false
        containers[name]?.frozen = false
        containers[name]?.drainEnds = nil
        // Nobody was ever sent to one that was not listed.
        if one.listed { stale.insert(one.address) }
    }

    private mutating func end(
        _ kind: ServiceAction.Kind, _ service: Service, _ now: Moment, _ weather: Weather,
        _ random: inout SeededRandom
    ) -> ActionResult {
        switch kind {
        case .freeze(let name):
            leaves(name, kind, service, now)
            if random.chance(weather.actionFails) { return .failed("freezer") }
            if let one = containers[name], one.alive, one.connections + one.long > 0 {
                violations.append("\(name) is frozen, and \(one.connections + one.long) clients wait for it")
            }
            containers[name]?.frozen = true
            return containers[name]?.alive == true ? .ok : .failed("gone")
        case .thaw(let name):
            guard containers[name]?.alive == true, !random.chance(weather.actionFails / 4) else {
                return .failed("gone")
            }
            containers[name]?.frozen = false
            return .ok
        case .signalStop(let name, _, _):
            leaves(name, kind, service, now)
            if random.chance(weather.actionFails) { return .failed("no such process") }
            containers[name]?.frozen = false
            // Some do not listen to signals.
            if !random.chance(weather.actionFails) { die(name) }
        case .kill(let name):
            leaves(name, kind, service, now)
            if random.chance(weather.actionFails) { return .failed("no such process") }
            die(name)
        case .remove(let name):
            // One that ended before its start was answered, and was started again by a daemon that came back, goes so.
            if containers[name]?.alive == true, containers[name]?.listed == true, service.index(of: name) != nil {
                violations.append("\(name) is removed while it runs")
            }
            die(name)
            containers[name] = nil
        default: break
        }
        return .ok
    }

    /// I3, with what is true instead of what the service believes.
    private mutating func leaves(_ name: String, _ kind: ServiceAction.Kind, _ service: Service, _ now: Moment) {
        guard let one = containers[name], one.alive else { return }
        if table.lists(name) { violations.append("I3: \(name) leaves while listed: \(kind)") }
        if one.listed, one.drainEnds == nil { violations.append("I3: \(name) was not drained: \(kind)") }
        if one.connections > 0, let ends = one.drainEnds, now < ends {
            violations.append("I3: \(name) has \(one.connections) connections: \(kind)")
        }
    }

    /// I4 and law 2, as the action is given out: with what is true instead of what the service believes.
    mutating func judge(_ kind: ServiceAction.Kind, _ service: Service, at now: Moment) {
        guard case .signalStop(let name, _, _) = kind, let one = containers[name], one.alive, !one.sick,
            let rollout = service.rollout, !rollout.isChecking, one.revision == rollout.from,
            let index = service.index(of: name), !service.instances[index].isLost,
            !service.instances[index].isSetAside, !service.instances[index].preStopDone,
            !service.instances[index].isBaseline
        else { return }
        // Its drain came to its deadline: connections are open, it cannot be frozen.
        if let ends = one.drainEnds, now >= ends { return }
        let isGiven = rollout.strategy == .recreate || service.parkGoal == .stop || rollout.kind == .rollback
        if isGiven, !rollout.isRollingBack { return }
        let others = containers.count {
            $0.value.revision == one.revision && $0.value.alive && $0.key != name
        }
        if others < rollout.baseDesired {
            violations.append("I4: \(name) of the last good revision is stopped, \(others) are left")
        }
    }

    // MARK: The router

    private mutating func apply(_ new: RouterTable, _ service: Service) {
        check(new, service)
        table = new
        for name in containers.keys where new.lists(name) {
            containers[name]?.listed = true
            containers[name]?.drainEnds = nil
            containers[name]?.connections = 0
        }
    }

    /// What a driver would see of I1, I2 and I9: only deaths that the service cannot know of are excused.
    private mutating func check(_ new: RouterTable, _ service: Service) {
        for member in new.members {
            guard let one = containers[member.instance] else {
                violations.append("I2: \(member.instance) does not exist and is listed")
                continue
            }
            if one.frozen { violations.append("I2: \(member.instance) is frozen and gets listed") }
            if one.alive, one.address != member.address {
                violations.append("I2: \(member.instance) has another address")
            }
        }
        let lost = Set(service.instances.filter(\.isLost).map(\.name))
        let before = Set(table.members.map(\.instance).filter(isHealthy)).subtracting(lost)
        let after = Set(new.members.map(\.instance).filter(isHealthy))
        let unknown = new.members.count { !isHealthy($0.instance) }
        if !before.isSubset(of: after), after.count + unknown < service.requiredCapacity {
            violations.append("I1: \(after.count) of \(service.requiredCapacity) in the pool after \(new)")
        }
        if service.requiredCapacity > 0, new.isEmpty, !before.isEmpty { violations.append("I9: empty pool") }
        if new.groups.reduce(0, { $0 + $1.share.parts }) != (new.isEmpty ? 0 : 10_000) {
            violations.append("shares of \(new.groups.map(\.share)) are not all of it")
        }
    }
}
