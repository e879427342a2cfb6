/// Begin, failure and end of a rollout.
extension Service {
    // MARK: Begin

    mutating func begin(_ request: DeployRequest, id: String) {
        if let stable, revisions[stable]?.hash == request.hash, !isDegraded {
            // It has become true while the request waited.
            adopt(request.spec)
            return recordUnstarted(request, id, .succeeded)
        }
        let number: Int
        if let known = revisions.values.first(where: { $0.hash == request.hash }) {
            number = known.number
            revisions[number]?.spec = request.spec
        } else {
            number = nextRevision
            nextRevision += 1
            revisions[number] = Revision(number: number, hash: request.hash, spec: request.spec, label: request.label)
        }
        start(.deploy, to: number, id: id, key: request.key, desired: request.spec.scale.desired)
    }

    /// Rules and numbers change without a new container.
    mutating func adopt(_ spec: ServiceSpec) {
        guard let stable else { return }
        revisions[stable]?.spec = spec
        desired = spec.scale.desired
    }

    mutating func start(_ kind: Rollout.Kind, to: Int, id: String, key: String?, desired: Int) {
        guard let revision = revisions[to] else { return }
        let policy = revision.spec.deploy
        // The stable revision once more, after a rollout got stuck: there is nothing else to go back to.
        let from = stable == to ? nil : stable
        let serving = instances.count { $0.revision != to && !$0.isLost && $0.goal == .serve }
        let base = from == nil || isInMaintenance ? serving : max(serving, self.desired)
        // After a rollout that got stuck some of them may serve already.
        let isAlone = policy.strategy == .recreate && to != stable
        let there = isAlone ? 0 : instances.count { $0.revision == to && !$0.isLost && $0.goal == .serve }
        let input = StrategyInput(
            policy: policy, hooks: revision.spec.hooks, base: base, target: desired, targetServing: there)
        let program: [RolloutStep] =
            switch kind {
            // Some of its instances may serve, and have the volumes.
            case .deploy where stable == to: [.preflight, .pull] + Self.wayBack(.rolling, desired)
            case .rollback where stable == to: [.preflight] + Self.wayBack(.rolling, desired)
            case .deploy: policy.strategy.program(input)
            case .rollback: [.preflight] + Self.wayBack(policy.strategy, desired) + input.hook(.afterRollback)
            }
        let plan = RolloutPlan(
            service: name, from: from, to: revision, base: base, desired: desired, program: program,
            strategy: policy.strategy, present: (runningCount, memoryCount))
        rollout = Rollout(
            id: id, kind: kind, key: key, from: from, to: to, strategy: policy.strategy, desired: desired,
            baseDesired: self.desired, plan: plan, program: program, startedAt: now, stepStartedAt: now,
            progressAt: now, baseServe: base, targetLive: there, targetServe: there)
        rollout?.beganInMaintenance = isInMaintenance
        let way = kind == .rollback ? toStart(to, desired) : ""
        let origin = stable.map { "r\($0)" } ?? "nothing"
        notice(.accepted, "\(origin) -> r\(to), \(policy.strategy.rawValue)" + way)
    }

    /// What a way back costs more than a thaw; empty when nothing.
    private func toStart(_ revision: Int, _ count: Int) -> String {
        let missing = count - warmCount(revision)
        return missing <= 0 ? "" : "; \(missing) of \(count) have to be started"
    }

    /// Those that serve, or come back without a start.
    package func warmCount(_ revision: Int) -> Int {
        instances.count {
            $0.revision == revision && $0.alive && !$0.isLost && !$0.cannotBeKept && !$0.isSetAside && !$0.isBaseline
        }
    }

    /// A rollback that a user asks for: no canary, no pull.
    static func wayBack(_ strategy: DeployPolicy.Strategy, _ count: Int) -> [RolloutStep] {
        switch strategy {
        case .recreate:
            [.hold, .retire(0), .verifyVolumes, .live(count), .serve(count), .release, .promote, .commit]
        case .allAtOnce: [.retire(0), .live(count), .serve(count), .promote, .commit]
        default: [.live(count), .exchange(count), .promote, .commit, .retire(0)]
        }
    }

    // MARK: Failure

    mutating func alarm(_ text: String) {
        guard let rollout, !rollout.isRollingBack, rollout.targetServe > 0 else { return }
        fail(Failure(.alarm, text))
    }

    mutating func fail(_ failure: Failure) {
        guard let rollout else { return }
        var failure = failure
        if rollout.isRollingBack {
            return becomeStuck(
                Failure(failure.code, "the rollback failed: \(failure.detail)", instance: failure.instance))
        }
        if rollout.stepAction != nil { cancelStep() }
        let isAsked = failure.code == .aborted || failure.code == .replaced
        if rollout.isChecking, !isAsked {
            timeStep()
            self.rollout?.reason = failure
            return finish(.refused)
        }
        // It is the one to go back to.
        if rollout.to == stable || rollout.beganInMaintenance { return becomeStuck(failure) }
        if policy.onFailure == .pause, !isAsked, failure.code != .rebooted {
            self.rollout?.reason = failure
            self.rollout?.hasEnteredStep = false
            if rollout.pause != nil { self.rollout?.endPause(now) }
            return pause(.failure, failure.detail)
        }
        if rollout.pause != nil { self.rollout?.endPause(now) }
        if router.isDown { pauseForRouter() }
        keepOld()
        guard let program = rollbackProgram else {
            failure = Failure(
                rollout.hasMigrated ? .irreversible : failure.code,
                failure.detail + (rollout.hasMigrated ? "; the migration cannot be undone" : ""),
                instance: failure.instance)
            return becomeStuck(failure)
        }
        timeStep()
        self.rollout?.reason = failure
        self.rollout?.isRollingBack = true
        self.rollout?.rollbackStartedAt = now
        self.rollout?.baseline = 0
        self.rollout?.isPreviewing = false
        // Nothing begins any more; what is in the pool is taken back by the steps.
        self.rollout?.targetLive = 0
        let serving = instances.count { isTarget($0) && $0.goal == .serve && $0.state == .pooled }
        self.rollout?.targetServe = serving
        notice(.rollback, "\(failure)" + (rollout.from.map { toStart($0, rollout.baseDesired) } ?? ""))
        self.rollout?.follow(program, now)
    }

    /// An old one that is only on its way out stays; nothing has to come up for it.
    private mutating func keepOld() {
        guard let rollout, rollout.from != nil, rollout.strategy != .recreate || !rollout.hasMigrated else { return }
        var serving = instances.count {
            $0.revision == rollout.from && $0.goal == .serve && !$0.isLost && !$0.isBaseline
        }
        for index in instances.indices where serving < rollout.baseDesired {
            let instance = instances[index]
            guard instance.revision == rollout.from, instance.goal != .serve || instance.isBaseline,
                [.pooled, .draining, .drained].contains(instance.state), !instance.isSetAside,
                !isLeaving(instance), instance.failure == nil
            else { continue }
            instances[index].goal = .serve
            // As good as any.
            instances[index].isBaseline = false
            serving += 1
        }
        self.rollout?.baseServe = max(rollout.baseServe, min(serving, rollout.baseDesired))
    }

    /// From where things stand; nil when a person has to decide.
    var rollbackProgram: [RolloutStep]? {
        guard let rollout else { return nil }
        let base = instances.filter { $0.revision != rollout.to && !$0.isBaseline }
        let input = RollbackInput(
            strategy: rollout.strategy, policy: policy, hooks: spec(of: rollout.to)?.hooks ?? Hooks(),
            base: rollout.from == nil ? 0 : rollout.baseDesired,
            baseServing: base.count { $0.state == .pooled && $0.goal == .serve },
            targetServing: pooled.count { isTarget($0) }, hasShare: rollout.share != nil, isHeld: rollout.isHeld,
            frozen: base.count { $0.state == .frozen || ($0.state == .ready && $0.goal != .serve) },
            hasMigrated: rollout.hasMigrated)
        return input.program
    }

    mutating func cancelStep() {
        guard let id = rollout?.stepAction else { return }
        if pending.contains(where: { $0.action.id == id }) {
            pending.removeAll { $0.action.id == id }
            outbox.append(ServiceAction(id: nextAction, kind: .cancel(action: id)))
            nextAction += 1
        }
        rollout?.stepAction = nil
        rollout?.stepResult = nil
    }

    /// There is no rollback of a rollback: whatever is healthy serves, and a person decides.
    mutating func becomeStuck(_ failure: Failure) {
        guard let rollout else {
            isDegraded = true
            return notice(.needsHuman, failure.description)
        }
        self.rollout?.reason = failure
        isDegraded = true
        isInMaintenance = rollout.hasMigrated && rollout.isHeld || rollout.beganInMaintenance && pooled.isEmpty
        var serving = pooled.count
        for index in instances.indices where !instances[index].isSetAside {
            let instance = instances[index]
            if isLeaving(instance) { continue }
            switch instance.state {
            case .pooled: instances[index].goal = .serve
            // Not one that is on its way out because it is ill.
            case .draining, .drained: if instance.failure == nil { instances[index].goal = .serve }
            case .ready where serving < rollout.baseDesired:
                serving += 1
                instances[index].goal = .serve
            case .created, .starting, .warming:
                // Not healthy yet, and of a revision that nobody trusts.
                if isTarget(instance), rollout.to != stable { instances[index].goal = .remove }
            default: break
            }
        }
        notice(.needsHuman, failure.description)
        finish(.stuck)
    }

    // MARK: End

    mutating func finish(_ outcome: Outcome) {
        guard let rollout else { return }
        if rollout.stepAction != nil { cancelStep() }
        record(outcome)
        notice(.finished, outcome.rawValue + (self.rollout?.reason.map { ": \($0)" } ?? ""))
        if outcome == .rolledBack || outcome == .superseded, rollout.from != nil { isDegraded = false }
        self.rollout = nil
        if let scale = pendingScale {
            desired = stable.flatMap { spec(of: $0)?.scale }.map { min(max(scale, $0.min), $0.max) } ?? desired
            pendingScale = nil
        }
        forgetRevisions()
        guard let next = queued, let id = queuedID else { return }
        (queued, queuedID) = (nil, nil)
        // What it was to follow is not there.
        if outcome == .stuck { return recordUnstarted(next, id, .cancelled, Failure(.stuck, "\(rollout.id) is stuck")) }
        begin(next, id: id)
    }

    private mutating func record(_ outcome: Outcome) {
        if let since = rollout?.heldSince { rollout?.ledger.held += now - since }
        if let since = rollout?.rollbackStartedAt { rollout?.timings.rollback = now - since }
        guard let rollout else { return }
        let serving = Dictionary(grouping: pooled, by: \.revision).mapValues(\.count)
        history.append(
            RolloutRecord(
                rollout: rollout.id, kind: rollout.kind, key: rollout.key, from: rollout.from, to: rollout.to,
                outcome: outcome, reason: rollout.reason, refusals: rollout.refusals, serving: serving,
                duration: now - rollout.startedAt, timings: rollout.timings, ledger: rollout.ledger,
                plan: rollout.plan))
        if history.count > 50 { history.removeFirst(history.count - 50) }
        for index in history.indices.dropLast(3) { history[index].plan = nil }
    }

    /// Those that nobody can go back to.
    private mutating func forgetRevisions() {
        guard let stable else { return }
        let limit = max(2, spec(of: stable)?.deploy.revisions ?? 5)
        var kept = Set(instances.map(\.revision)).union([stable])
        if let window { kept.insert(window.revision) }
        for record in history.reversed() where record.outcome == .succeeded && kept.count < limit {
            kept.insert(record.to)
        }
        for number in revisions.keys where !kept.contains(number) {
            revisions[number] = nil
            backoff[number] = nil
        }
    }

    mutating func pause(_ reason: Rollout.Pause.Reason, _ text: String) {
        guard rollout?.pause == nil else { return }
        rollout?.pause = Rollout.Pause(reason: reason, since: now, detail: text)
        notice(.paused, "\(reason.rawValue): \(text)")
    }

    mutating func rolloutTimePassed() {
        guard let rollout, rollout.pause == nil else { return }
        if rollout.isHeld, !rollout.holdWarned, let since = rollout.heldSince, now >= since + policy.holdTimeout {
            self.rollout?.holdWarned = true
            notice(.holdExceeded, "new connections have waited for \(policy.holdTimeout)")
        }
        if case .gate(let timeout) = rollout.step {
            if let timeout, !rollout.isPromoted, now >= rollout.stepStartedAt + timeout {
                fail(Failure(.gateTimeout, "nobody promoted within \(timeout)"))
            }
            return
        }
        if let deadline = progressDeadline, now >= deadline {
            let text = "no progress for \(policy.progressDeadline): \(rollout.step?.text ?? "end")"
            fail(Failure(rollout.isInconclusive ? .inconclusive : .timeout, text))
        }
    }

    /// nil while somebody is being waited for.
    var progressDeadline: Moment? {
        guard let rollout, rollout.pause == nil else { return nil }
        if case .gate = rollout.step { return nil }
        let extra = max(rollout.step?.length ?? .zero, longestWait)
        return rollout.progressAt + policy.progressDeadline + extra
    }

    /// Drains are allowed their own time.
    private var longestWait: Span {
        let last = instances.compactMap { $0.drain?.longDeadline }.max() ?? now
        return last > now ? last - now : .zero
    }
}
