/// Begin, failure and end of a rollout.
extension Service {
    // MARK: Begin

    mutating func begin(_ request: DeployRequest, id: String) {
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

    mutating func start(_ kind: Rollout.Kind, to: Int, id: String, key: String?, desired: Int) {
        guard let revision = revisions[to] else { return }
        let policy = revision.spec.deploy
        let base = instances.count { $0.revision != to && !$0.isLost && $0.goal == .serve }
        let input = StrategyInput(
            policy: policy, hooks: revision.spec.hooks, base: stable == nil ? 0 : max(base, self.desired),
            target: desired)
        let program =
            kind == .deploy
            ? policy.strategy.program(input) : Self.wayBack(policy.strategy, desired, revision.spec.hooks)
        let plan = RolloutPlan(
            service: name, from: stable, to: revision, base: input.base, desired: desired, program: program,
            strategy: policy.strategy)
        rollout = Rollout(
            id: id, kind: kind, key: key, from: stable, to: to, strategy: policy.strategy, desired: desired,
            baseDesired: self.desired, plan: plan, program: program, startedAt: now, stepStartedAt: now,
            progressAt: now, baseServe: max(base, stable == nil ? 0 : self.desired))
        // Those that are left of a try before are no better for having been there already.
        window = nil
        notice(.accepted, "r\(stable ?? 0) -> r\(to), \(policy.strategy.rawValue)")
    }

    /// A rollback that a user asks for: no canary, no pull.
    private static func wayBack(_ strategy: DeployPolicy.Strategy, _ count: Int, _ hooks: Hooks) -> [RolloutStep] {
        let after: [RolloutStep] = hooks[.afterRollback] == nil ? [] : [.hook(.afterRollback)]
        switch strategy {
        case .recreate:
            return [
                .preflight, .hold, .retire(0), .verifyVolumes, .live(count), .serve(count), .release, .promote, .commit,
            ]
                + after
        case .allAtOnce: return [.preflight, .retire(0), .live(count), .serve(count), .promote, .commit] + after
        default: return [.preflight, .live(count), .exchange(count), .promote, .commit, .retire(0)] + after
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
            return becomeStuck(Failure(failure.code, "the rollback failed: \(failure)", instance: failure.instance))
        }
        if rollout.stepAction != nil { cancelStep() }
        let isEarly = rollout.step == .preflight || rollout.step == .pull
        if isEarly, failure.code != .aborted, failure.code != .replaced {
            self.rollout?.reason = failure
            return finish(.refused)
        }
        if rollout.kind == .rollback, failure.code != .aborted, failure.code != .replaced {
            return becomeStuck(failure)
        }
        let isAsked = failure.code == .aborted || failure.code == .replaced
        if policy.onFailure == .pause, !isAsked, failure.code != .rebooted {
            self.rollout?.reason = failure
            self.rollout?.hasEnteredStep = false
            return pause(.failure, failure.detail)
        }
        if rollout.pause != nil { self.rollout?.endPause(now) }
        if router.isDown { self.rollout?.pause = .init(reason: .routerDown, since: now, detail: "the router is down") }
        guard let program = rollbackProgram else {
            failure = Failure(
                rollout.hasMigrated ? .irreversible : failure.code,
                "\(failure)" + (rollout.hasMigrated ? "; the migration cannot be undone" : ""),
                instance: failure.instance)
            return becomeStuck(failure)
        }
        self.rollout?.reason = failure
        self.rollout?.isRollingBack = true
        self.rollout?.baseline = 0
        if !rollout.isHeld { self.rollout?.isPreviewing = false }
        // Nothing begins any more; what was on the way is taken back by the steps.
        self.rollout?.targetLive = 0
        let serving = instances.count { isTarget($0) && $0.goal == .serve && $0.state == .pooled }
        self.rollout?.targetServe = serving
        notice(.rollback, failure.description)
        self.rollout?.follow(program, now)
    }

    /// From where things stand; nil when a person has to decide.
    private var rollbackProgram: [RolloutStep]? {
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

    private mutating func cancelStep() {
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
        isInMaintenance = rollout.hasMigrated && rollout.isHeld
        let serving = pooled.count
        for index in instances.indices {
            let instance = instances[index]
            switch instance.state {
            case .pooled, .draining, .drained: instances[index].goal = .serve
            case .ready where serving < rollout.baseDesired: instances[index].goal = .serve
            default: break
            }
        }
        if isInMaintenance { for index in instances.indices { instances[index].goal = parkedGoal(instances[index]) } }
        notice(.needsHuman, failure.description)
        finish(.stuck)
    }

    private func parkedGoal(_ instance: Instance) -> Instance.Goal { instance.goal == .serve ? .serve : instance.goal }

    // MARK: End

    mutating func finish(_ outcome: Outcome) {
        guard let rollout else { return }
        if rollout.stepAction != nil { cancelStep() }
        if let since = rollout.heldSince { self.rollout?.ledger.held += now - since }
        let serving = Dictionary(grouping: pooled, by: \.revision).mapValues(\.count)
        history.append(
            RolloutRecord(
                rollout: rollout.id, kind: rollout.kind, key: rollout.key, from: rollout.from, to: rollout.to,
                outcome: outcome, reason: self.rollout?.reason, refusals: rollout.refusals, serving: serving,
                duration: now - rollout.startedAt, ledger: self.rollout?.ledger ?? Ledger()))
        if history.count > 50 { history.removeFirst(history.count - 50) }
        notice(.finished, outcome.rawValue + (self.rollout?.reason.map { ": \($0)" } ?? ""))
        if outcome == .rolledBack || outcome == .superseded, stable != nil { isDegraded = false }
        self.rollout = nil
        if let scale = pendingScale, outcome != .stuck {
            desired = scale
            pendingScale = nil
        }
        forgetRevisions()
        guard let next = queued, let id = queuedID else { return }
        (queued, queuedID) = (nil, nil)
        begin(next, id: id)
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
        for number in revisions.keys where !kept.contains(number) { revisions[number] = nil }
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
            if let timeout, now >= rollout.stepStartedAt + timeout {
                fail(Failure(.gateTimeout, "nobody promoted within \(timeout)"))
            }
            return
        }
        if let deadline = progressDeadline, now >= deadline {
            fail(Failure(.timeout, "no progress for \(policy.progressDeadline): \(rollout.step?.text ?? "end")"))
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
