/// A service as the invariants see it: from the model, or from what a test knows of the world.
package struct WorldSnapshot: Hashable, Sendable, Codable {
    package struct Seen: Hashable, Sendable, Codable {
        package var name: String
        package var revision: Int
        package var state: Instance.State
        package var alive: Bool
        package var address: String?
        /// Open short connections.
        package var connections: Int
        package var drainIsOver: Bool
        /// No good any more, wherever it is on its way out.
        package var hasFailed: Bool
        /// Not one of those that are the way back: of a baseline, or set aside by hand.
        package var isSpare: Bool
        package var mayHaveConnections: Bool
        package var cannotBeKept: Bool
        package init(_ instance: Instance, now: Moment) {
            name = instance.name
            revision = instance.revision
            state = instance.state
            alive = instance.alive
            address = instance.address
            connections = instance.drain?.short ?? 0
            drainIsOver = instance.drain.map { now >= $0.deadline } ?? true
            hasFailed = instance.failure != nil
            isSpare = instance.isBaseline || instance.isSetAside
            mayHaveConnections = instance.mayHaveConnections
            cannotBeKept = instance.cannotBeKept
        }
    }
    package var instances: [Seen]
    package var required: Int
    /// nil: no bound now.
    package var runningBound: Int?
    package var memoryBound: Int?
    /// What the plan of the rollout that is under way has announced. Outside of one a bound may be lowered (a window
    /// ends, a scale is less) below what there is: then nothing starts, and what is too much leaves.
    package var plannedRunning: Int?
    package var plannedMemory: Int?
    package var running: Int
    package var memory: Int
    package var applied: RouterTable
    package var maybeListed: Set<String>
    package var routerIsDown: Bool
    package var quarantined: [String]
    package var lastGood: Int?
    /// I4: so many of the last good revision, frozen ones included; 0 where the spec waives it.
    package var lastGoodRequired: Int
    package var mayBeEmpty: Bool
}

extension Service {
    package var snapshot: WorldSnapshot {
        let bounds = bounds
        let strategy = rollout?.strategy
        let isHeld = rollout?.isHeld ?? false
        // Until the checks are behind a rollout, the window of the revision before still holds.
        let kept = rollout?.isChecking ?? true ? window : nil
        let warm = parkGoal != .stop && rollout?.from != nil && rollout?.kind == .deploy
        return WorldSnapshot(
            instances: instances.map { WorldSnapshot.Seen($0, now: now) }, required: requiredCapacity,
            runningBound: bounds.running, memoryBound: bounds.memory,
            plannedRunning: rollout == nil ? nil : bounds.running,
            plannedMemory: rollout == nil ? nil : bounds.memory, running: runningCount, memory: memoryCount,
            applied: router.applied, maybeListed: router.maybeListed, routerIsDown: router.isDown,
            quarantined: quarantine.map(\.address), lastGood: kept?.revision ?? rollout?.from ?? stable,
            lastGoodRequired: kept.map { parkGoal == .stop ? 0 : $0.count } ?? (warm ? rollout?.baseDesired ?? 0 : 0),
            mayBeEmpty: isHeld || isInMaintenance || strategy == .allAtOnce || !mayOverlap || stable == nil
                || desired == 0 || rollout?.desired == 0)
    }
}

/// What holds at all times (I6, I7 and I8 hold by the shape of `Service`: it has one rollout, one stable revision that
/// only `commit` sets, and its pending actions are in the value that is written before they begin).
package enum Invariant: String, Hashable, Sendable, Codable, CaseIterable {
    case capacity = "I1"
    case onlyReadyListed = "I2"
    case routerFirst = "I3"
    case wayBack = "I4"
    case bounds = "I5"
    case oneRollout = "I6"
    case oneStable = "I7"
    case journalled = "I8"
    case neverEmpty = "I9"
    case quarantine = "I10"

    package struct Violation: Hashable, Sendable, Codable {
        package var invariant: Invariant
        package var text: String
    }

    /// Before an action: what it would break.
    package static func violations(of kind: ServiceAction.Kind, in world: WorldSnapshot) -> [Violation] {
        switch kind {
        case .applyRouter(_, let table): return listing(table, world)
        case .signalStop(let name, _, _), .freeze(let name), .remove(let name): return leaving(name, kind, world)
        case .start(let name, _, let avoid):
            var found: [Violation] = []
            if let bound = world.runningBound, world.running >= bound {
                found.append(.init(invariant: .bounds, text: "\(name) would be one more than \(bound) running"))
            }
            if let bound = world.memoryBound, world.memory >= bound {
                found.append(.init(invariant: .bounds, text: "\(name) would be one more than \(bound) in memory"))
            }
            if !Set(world.quarantined).isSubset(of: avoid) {
                found.append(.init(invariant: .quarantine, text: "\(name) may be given an address in quarantine"))
            }
            return found
        default: return []
        }
    }

    private static func listing(_ table: RouterTable, _ world: WorldSnapshot) -> [Violation] {
        var found: [Violation] = []
        let byName = Dictionary(world.instances.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        var healthy = 0
        for member in table.members + table.preview {
            guard let one = byName[member.instance], one.alive, one.address == member.address else {
                found.append(
                    .init(invariant: .onlyReadyListed, text: "\(member.instance) is gone, and would be listed"))
                continue
            }
            let isFit = one.state == .ready || one.state == .pooled
            // The last one, ailing, is better than none: I9 before I2.
            if !isFit, !(one.state == .unhealthy && table.members.count == 1 || allUnhealthy(table, byName)) {
                found.append(
                    .init(invariant: .onlyReadyListed, text: "\(one.name) is \(one.state), and would be listed"))
            }
            if world.quarantined.contains(member.address) {
                found.append(.init(invariant: .quarantine, text: "\(member.address) is in quarantine"))
            }
        }
        healthy = table.members.count { byName[$0.instance].map { $0.state == .ready || $0.state == .pooled } ?? false }
        let pooled = world.instances.filter { $0.state == .pooled && $0.alive }
        let dropsFit = pooled.contains { !table.lists($0.name) }
        if dropsFit, healthy < world.required {
            found.append(.init(invariant: .capacity, text: "\(healthy) in the pool, \(world.required) are required"))
        }
        if table.isEmpty, !pooled.isEmpty, !world.mayBeEmpty {
            found.append(.init(invariant: .neverEmpty, text: "the pool would be empty"))
        }
        return found
    }

    private static func allUnhealthy(_ table: RouterTable, _ byName: [String: WorldSnapshot.Seen]) -> Bool {
        table.members.allSatisfy { byName[$0.instance]?.state == .unhealthy }
    }

    private static func leaving(
        _ name: String, _ kind: ServiceAction.Kind, _ world: WorldSnapshot
    ) -> [Violation] {
        guard let one = world.instances.first(where: { $0.name == name }) else { return [] }
        var found: [Violation] = []
        if world.maybeListed.contains(name) {
            found.append(.init(invariant: .routerFirst, text: "\(name) may still be listed by the router"))
        }
        if one.alive, one.state == .draining || one.connections > 0 && !one.drainIsOver {
            found.append(.init(invariant: .routerFirst, text: "\(name) has \(one.connections) open connections"))
        }
        if case .freeze = kind, one.mayHaveConnections {
            found.append(.init(invariant: .routerFirst, text: "\(name) may have connections that nobody would answer"))
        }
        if case .remove = kind { return found + wayBack(without: one, world) }
        if case .signalStop = kind { return found + wayBack(without: one, world) }
        return found
    }

    /// The way back may be narrowed by deaths and by connections that do not end, never by us.
    private static func wayBack(without one: WorldSnapshot.Seen, _ world: WorldSnapshot) -> [Violation] {
        guard one.revision == world.lastGood, !one.hasFailed, !one.isSpare, one.alive, !one.cannotBeKept else {
            return []
        }
        let required = world.lastGoodRequired - world.instances.count { $0.revision == one.revision && $0.cannotBeKept }
        guard required > 0 else { return [] }
        let kept: [Instance.State] = [.ready, .pooled, .frozen, .draining, .drained, .warming, .starting]
        let left = world.instances.count {
            $0.revision == world.lastGood && $0.alive && !$0.isSpare && kept.contains($0.state) && $0.name != one.name
        }
        if left >= required { return [] }
        return [.init(invariant: .wayBack, text: "\(left) of r\(one.revision) would be left to go back to")]
    }

    /// After everything: what does not hold.
    package static func violations(of world: WorldSnapshot) -> [Violation] {
        var found: [Violation] = []
        let byName = Dictionary(world.instances.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        if let bound = world.plannedMemory, world.memory > bound {
            found.append(.init(invariant: .bounds, text: "\(world.memory) in memory, \(bound) were planned"))
        }
        if let bound = world.plannedRunning, world.running > bound {
            found.append(.init(invariant: .bounds, text: "\(world.running) run, \(bound) were planned"))
        }
        for one in world.instances where one.state == .stopping && world.maybeListed.contains(one.name) {
            found.append(.init(invariant: .routerFirst, text: "\(one.name) is being stopped, and may be listed"))
        }
        for member in world.applied.members where byName[member.instance] == nil {
            found.append(.init(invariant: .onlyReadyListed, text: "\(member.instance) is listed, and removed"))
        }
        let addresses = world.instances.filter { $0.alive && $0.state != .failed }.compactMap(\.address)
        for address in addresses where world.quarantined.contains(address) {
            found.append(.init(invariant: .quarantine, text: "\(address) is used while in quarantine"))
        }
        if Set(addresses).count != addresses.count {
            found.append(.init(invariant: .quarantine, text: "two instances have the same address"))
        }
        return found
    }
}
