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
    mutating func chance(_ percent: Double) -> Bool { Double(next() % 10_000) < percent * 100 }
}

/// How bad the world is, in percent of the occasions.
struct Weather {
    var startFails = 0.0
    /// Of starts of the new revision: never healthy.
    var sickTarget = 0.0
    var crash = 0.0
    var routerFails = 0.0
    var daemonDies = 0.0
    var hookFails = 0.0
    var actionFails = 0.0
    var losesReplies = 0.0
    var reboots = 0.0
}

/// Containers and a router that do what they are told, some time later, or fail to.
struct FakeWorld {
    struct Container {
        var address: String
        var alive = true
        var frozen = false
        var sick = false
        var listensAt: Moment
        var probed = false
        var reportedListening = false
        var draining = false
        var connections = 0
        var deathReported = false
    }
    var containers: [String: Container] = [:]
    var table: RouterTable
    /// Addresses the kernel still knows connections to.
    var stale: Set<String> = []
    var hookRuns: [String: Int] = [:]
    var violations: [String] = []
    var starts = 0
    var nextAddress = 1

    init(service: String) { table = RouterTable(service: service) }

    func isHealthy(_ name: String) -> Bool { containers[name].map { $0.alive && !$0.frozen } ?? false }

    /// Does it, and says what came of it; nil for what has no answer.
    mutating func perform(
        _ kind: ServiceAction.Kind, _ service: Service, at now: Moment, _ weather: Weather, _ random: inout SeededRandom
    ) -> ActionResult? {
        switch kind {
        case .notice, .cancel: return nil
        case .start(let name, let revision, let avoid):
            return start(name, revision, avoid, service, now, weather, &random)
        case .applyRouter(_, let table):
            if random.chance(weather.routerFails) { return .failed("nft: busy") }
            check(table, service)
            self.table = table
            return .ok
        case .readBackRouter:
            return random.chance(weather.routerFails) ? .readBack(nil) : .readBack(table)
        case .freeze(let name):
            if random.chance(weather.actionFails) { return .failed("freezer") }
            if table.lists(name) { violations.append("I2: \(name) is frozen and listed") }
            containers[name]?.frozen = true
            containers[name]?.draining = false
            return .ok
        case .thaw(let name):
            guard containers[name]?.alive == true else { return .failed("gone") }
            containers[name]?.frozen = false
            return .ok
        case .drain(let name, _):
            if containers[name]?.draining == false { containers[name]?.connections = Int(random.next() % 4) }
            containers[name]?.draining = true
            return .ok
        case .recall(let name):
            containers[name]?.draining = false
            return .ok
        case .signalStop(let name, _, _), .kill(let name):
            if table.lists(name) { violations.append("I3: \(name) is signalled while listed") }
            if random.chance(weather.actionFails) { return .failed("no such process") }
            containers[name]?.frozen = false
            if case .kill = kind { die(name) } else if !random.chance(weather.actionFails) { die(name) }
            return .ok
        case .remove(let name):
            if containers[name]?.alive == true { violations.append("\(name) is removed while it runs") }
            containers[name] = nil
            return .ok
        case .clearAddress(let address):
            stale.remove(address)
            return .ok
        case .runHook(_, _, _, _, let key):
            // What ran is not run again.
            if hookRuns[key] == nil { hookRuns[key] = 1 }
            return random.chance(weather.hookFails) ? .failed("exit 1") : .ok
        case .probe(let name, _):
            containers[name]?.probed = true
            return .ok
        case .verifyVolumes:
            let revisions = Set(containers.filter { $0.value.alive }.map { $0.key.split(separator: "-")[1] })
            if !revisions.isEmpty { violations.append("a volume is in use: \(revisions)") }
            return .ok
        case .captureLog: return .log(["boom"])
        case .analyse: return .verdict(random.chance(weather.hookFails) ? .fail("error_rate 7%") : .pass)
        default: return .ok
        }
    }

    private mutating func start(
        _ name: String, _ revision: Int, _ avoid: [String], _ service: Service, _ now: Moment, _ weather: Weather,
        _ random: inout SeededRandom
    ) -> ActionResult {
        // Again after a crash of the daemon: it is there already.
        if let one = containers[name], one.alive { return .started(address: one.address) }
        if random.chance(weather.startFails) { return .failed("exec format error") }
        // Addresses are few, so that they come again.
        let used = Set(containers.values.filter(\.alive).map(\.address))
        var address = ""
        repeat {
            address = "10.0.0.\(nextAddress)"
            nextAddress = nextAddress % 250 + 1
        } while used.contains(address) || avoid.contains(address)
        if stale.contains(address) { violations.append("I10: \(name) gets \(address), still in quarantine") }
        starts += 1
        var one = Container(address: address, listensAt: now + .milliseconds(Int(random.next() % 900)))
        one.sick = revision == service.rollout?.to && random.chance(weather.sickTarget)
        containers[name] = one
        return .started(address: address)
    }

    mutating func die(_ name: String) {
        guard let one = containers[name], one.alive else { return }
        containers[name]?.alive = false
        containers[name]?.frozen = false
        containers[name]?.draining = false
        stale.insert(one.address)
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
        let before = Set(table.members.map(\.instance).filter(isHealthy))
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
