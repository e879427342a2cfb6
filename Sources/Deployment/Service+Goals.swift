/// Which instance shall be what: from the numbers that the steps have set, or from the desired count when nothing is
/// under way. Looked at again after every event, so a death at any moment is made good by the same few rules.
extension Service {
    mutating func assignGoals() {
        for index in instances.indices where instances[index].state == .failed || instances[index].state == .unhealthy {
            instances[index].goal = .remove
        }
        guard let rollout else { return assignSteadyGoals() }
        removeForeign(rollout)
        assignBase(rollout)
        assignBaseline(rollout)
        assignTarget(rollout)
    }

    // MARK: Nothing under way

    private mutating func assignSteadyGoals() {
        guard let stable else {
            // The first deploy failed: what is left of it goes, unless it is all there is.
            if !isDegraded { dismissAll { _ in true } }
            return
        }
        let isMine = { (instance: Instance) in instance.revision == stable && !instance.isLost && !instance.isSetAside }
        var serving = instances.count { isMine($0) && $0.goal == .serve }
        if isDegraded {
            guard !isInMaintenance else { return }
            serving = instances.count { !$0.isLost && !$0.isSetAside && $0.goal == .serve }
        }
        while serving < desired, recruit(revision: stable, goal: .serve, where: isMine) { serving += 1 }
        guard !isDegraded else { return }
        while serving > desired, let index = instances.lastIndex(where: { isMine($0) && $0.goal == .serve }) {
            instances[index].goal = .remove
            serving -= 1
        }
        // Of the stable revision, but in nobody's plan.
        for index in instances.indices where isMine(instances[index]) && instances[index].goal != .serve {
            instances[index].goal = .remove
        }
        let kept = window?.revision
        let isIdle = spec(of: stable)?.deploy.strategy == .blueGreen
        for index in instances.indices where instances[index].revision != stable && instances[index].revision != kept {
            // The idle environment waits, stopped, for the next deploy.
            let stays = isIdle && instances[index].environment != nil && instances[index].environment != environment
            instances[index].goal = stays && !instances[index].isLost ? .stop : .remove
        }
        for index in instances.indices where instances[index].revision == kept && instances[index].goal == .serve {
            instances[index].goal = parkGoal
        }
    }

    private mutating func dismissAll(_ isMeant: (Instance) -> Bool) {
        for index in instances.indices where isMeant(instances[index]) { instances[index].goal = .remove }
    }

    // MARK: A rollout

    /// What is neither of the old revision nor of the new one, and not serving: older rollback windows end here.
    private mutating func removeForeign(_ rollout: Rollout) {
        // It may still be refused, and then nothing has changed.
        if rollout.isChecking { return }
        for index in instances.indices {
            let instance = instances[index]
            if instance.revision != rollout.to, instance.revision != rollout.from, instance.goal != .serve {
                instances[index].goal = .remove
            }
            // Out of the pool by hand: it goes when the others of its revision do.
            if instance.isSetAside, !isTarget(instance), rollout.baseServe == 0 { instances[index].goal = .remove }
        }
    }

    /// What becomes of an old instance that has left the pool.
    var parkGoal: Instance.Goal {
        let policy = policy
        if rollout?.strategy == .recreate || policy.rollbackWindow == .zero { return .stop }
        switch policy.rollbackKeep {
        case .frozen: return .park
        case .running: return .ready
        case .stopped: return .stop
        }
    }

    private mutating func assignBase(_ rollout: Rollout) {
        let isBase = { (instance: Instance) in
            instance.revision != rollout.to && !instance.isLost && !instance.isBaseline && !instance.isSetAside
        }
        var serving = instances.count { isBase($0) && $0.goal == .serve }
        let from = rollout.from
        if rollout.isRollingBack { reuseOld(isBase) }
        while serving < rollout.baseServe, let from,
            recruit(revision: from, goal: .serve, where: isBase)
        {
            serving += 1
        }
        while serving > rollout.baseServe {
            let all = instances.indices.filter { isBase(instances[$0]) && instances[$0].goal == .serve }
            // Obsolete ones first, then the oldest.
            guard let index = all.first(where: { instances[$0].revision != from }) ?? all.first else { break }
            instances[index].goal = instances[index].revision == from ? parkGoal : .remove
            serving -= 1
        }
        // One that came back for a rollback which got stuck, and never served: nobody waits for it now.
        if rollout.baseServe == 0, parkGoal == .stop {
            for index in instances.indices where isBase(instances[index]) && instances[index].goal == .ready {
                instances[index].goal = .stop
            }
        }
        // One that died while it was kept leaves the way back too narrow.
        guard let from, parkGoal != .stop, rollout.kind == .deploy, !rollout.isRollingBack, rollout.pause == nil
        else { return }
        let isGoing = { (instance: Instance) in
            instance.state == .stopped || instance.goal == .remove || instance.goal == .stop
        }
        // One that was given up because of its connections is not made good: a rollback starts it.
        let kept = instances.count {
            $0.revision == from && !$0.isBaseline && !$0.isSetAside
                && ($0.cannotBeKept ? $0.failure == nil : isBase($0) && !isGoing($0))
        }
        var missing = rollout.baseDesired - kept
        if !rollout.isChecking {
            giveUp(beyond: rollout.baseDesired) { $0.revision == from && $0.alive && isBase($0) && !isGoing($0) }
        }
        let isMeant = { (instance: Instance) in
            instance.revision == from && isBase(instance) && isGoing(instance) && !instance.cannotBeKept
        }
        while missing > 0 {
            // One that is up needs no room.
            let stays = instances.contains { isMeant($0) && $0.alive && $0.state != .stopping && !isLeaving($0) }
            guard stays || hasRoomToKeep(rollout), recruit(revision: from, goal: parkGoal, where: isMeant) else {
                break
            }
            missing -= 1
        }
    }

    /// More of the old revision than are needed to go back would take the room of new ones.
    private mutating func giveUp(beyond count: Int, where isMeant: (Instance) -> Bool) {
        let all = instances.indices.filter { isMeant(instances[$0]) && !instances[$0].cannotBeKept }
        let idle = all.filter { instances[$0].goal != .serve }
        for index in idle.suffix(max(0, all.count - count)) { instances[index].goal = .remove }
    }

    /// A stop that failed leaves one up after all: it is better than one that has not even begun to start.
    private mutating func reuseOld(_ isBase: (Instance) -> Bool) {
        let up: [Instance.State] = [.ready, .draining, .drained]
        for index in instances.indices {
            let instance = instances[index]
            guard isBase(instance), instance.alive, up.contains(instance.state), instance.goal != .serve,
                !isLeaving(instance),
                let other = instances.firstIndex(where: {
                    isBase($0) && $0.revision == instance.revision && $0.goal == .serve && $0.action == nil
                        && ($0.state == .created || $0.state == .stopped)
                })
            else { continue }
            instances[index].goal = .serve
            instances[other].goal = instances[other].state == .created ? .remove : parkGoal
        }
    }

    /// Beside all that the plan still has to start: what is kept must never take the place of a new one.
    private func hasRoomToKeep(_ rollout: Rollout) -> Bool {
        let isNew = { (instance: Instance) in instance.revision == rollout.to || instance.isBaseline }
        let others = instances.count { !isNew($0) && ($0.alive || $0.action != nil || $0.state == .created) }
        let new = instances.count { isNew($0) && ($0.alive || $0.action != nil) }
        return others + max(new, rollout.desired + rollout.baseline) < bounds.memory
    }

    private mutating func assignBaseline(_ rollout: Rollout) {
        let mine = instances.indices.filter { instances[$0].isBaseline && !instances[$0].isLost }
        for index in mine.dropFirst(rollout.baseline) { instances[index].goal = .remove }
        guard let from = rollout.from, mine.count < rollout.baseline, mayStart(from) else { return }
        for _ in mine.count..<rollout.baseline {
            create(revision: from, goal: .serve)
            instances[instances.count - 1].isBaseline = true
        }
    }

    private mutating func assignTarget(_ rollout: Rollout) {
        if rollout.isDiscarding {
            return dismissAll { $0.revision == rollout.to }
        }
        let isMine = { (instance: Instance) in
            instance.revision == rollout.to && !instance.isLost && !instance.isSetAside
        }
        // What was on its way to the pool needs the room that the old ones come back to.
        if rollout.isRollingBack {
            for index in instances.indices where isMine(instances[index]) && instances[index].goal != .serve {
                instances[index].goal = .remove
            }
        }
        var live = instances.count { isMine($0) && ($0.goal == .serve || $0.goal == .ready) }
        let wanted = max(rollout.targetLive, rollout.targetServe)
        while !rollout.isRollingBack, rollout.pause == nil, live < wanted,
            recruit(
                revision: rollout.to, goal: .ready,
                where: { isMine($0) && $0.goal != .serve && $0.goal != .ready })
        {
            live += 1
        }
        if rollout.isChecking { return }
        var serving = instances.count { isMine($0) && $0.goal == .serve }
        while serving > rollout.targetServe,
            let index = instances.lastIndex(where: { isMine($0) && $0.goal == .serve })
        {
            instances[index].goal = .remove
            serving -= 1
        }
        for wantsFit in [true, false] {
            for index in instances.indices where serving < rollout.targetServe {
                guard isMine(instances[index]), instances[index].goal == .ready,
                    instances[index].isFit || !wantsFit
                else { continue }
                instances[index].goal = .serve
                serving += 1
            }
        }
        admitEarly(rollout, isMine)
    }

    /// An old instance died, and a new one of the batch could take over before the batch is complete.
    private mutating func admitEarly(_ rollout: Rollout, _ isMine: (Instance) -> Bool) {
        guard rollout.strategy == .rolling, !rollout.isRollingBack, rollout.from != nil else { return }
        guard instances.count(where: { $0.state == .pooled }) < requiredCapacity,
            let index = instances.firstIndex(where: { isMine($0) && $0.goal == .ready && $0.state == .ready })
        else { return }
        self.rollout?.targetServe += 1
        instances[index].goal = .serve
        notice(
            .earlyAdmission, "admitted before its batch: an old instance is missing", instance: instances[index].name)
    }

    // MARK: Finding one

    private func mayStart(_ revision: Int) -> Bool { backoff[revision]?.notBefore.map { now >= $0 } ?? true }

    /// The quickest to come: one that has not gone yet, one that is up, a frozen one, a stopped one, a new one.
    /// false: not now.
    private mutating func recruit(revision: Int, goal: Instance.Goal, where isMeant: (Instance) -> Bool) -> Bool {
        let ranks: [[Instance.State]] = [
            [.pooled, .draining, .drained], [.ready], [.frozen], [.warming, .starting, .created], [.stopped],
        ]
        for states in ranks {
            let found = instances.firstIndex {
                isMeant($0) && $0.goal != goal && states.contains($0.state)
                    && ($0.revision == revision || states.contains(.draining)) && !isLeaving($0)
                    && !(goal == .park && $0.goal == .serve)
            }
            if let found, states != [.stopped] || mayStart(revision) {
                instances[found].goal = goal
                return true
            }
        }
        guard mayStart(revision), revisions[revision] != nil else { return false }
        create(revision: revision, goal: goal)
        return true
    }

    /// A stop signal or a removal is on its way: it will not come back.
    func isLeaving(_ instance: Instance) -> Bool {
        guard let id = instance.action, let action = pending.first(where: { $0.action.id == id })?.action else {
            return false
        }
        switch action.kind {
        case .signalStop, .remove, .runHook: return true
        default: return false
        }
    }

    private mutating func create(revision: Int, goal: Instance.Goal) {
        var instance = Instance(
            name: "\(name)-r\(revision)-\(nextOrdinal)", revision: revision, ordinal: nextOrdinal, goal: goal,
            since: now)
        if spec(of: revision)?.deploy.strategy == .blueGreen {
            instance.environment =
                revision == rollout?.to && rollout?.from != nil
                ? (environment ?? .blue).other : environment ?? .blue
        }
        nextOrdinal += 1
        instances.append(instance)
    }
}
