/// The steps of a rollout, one after another: each sets what it wants once, and is done when it is so.
extension Service {
    /// true when something changed, and the rest has to be looked at again.
    mutating func advance() -> Bool {
        guard let rollout, rollout.pause == nil else { return false }
        guard let step = rollout.step else {
            finish(rollout.isRollingBack ? (rollout.isReplaced ? .superseded : .rolledBack) : .succeeded)
            return true
        }
        if !rollout.hasEnteredStep {
            self.rollout?.hasEnteredStep = true
            notice(.step, step.text)
            enter(step)
            return true
        }
        guard isDone(step), self.rollout?.id == rollout.id else { return self.rollout != rollout }
        leave()
        self.rollout?.cursor += 1
        self.rollout?.enterStep(now)
        // The checks are behind it: now the rollback window of the revision before ends.
        if self.rollout?.isChecking == false { window = rollout.to == stable ? window : nil }
        return true
    }

    /// Promoted out of a comparison: nobody waits for its end.
    mutating func leave() {
        cancelStep()
        timeStep()
        rollout?.isInconclusive = false
    }

    /// The step ends now, one way or the other. The way back is told as a whole.
    mutating func timeStep() {
        guard let rollout, let step = rollout.step, !rollout.isRollingBack else { return }
        self.rollout?.timings.add(now - rollout.stepStartedAt, of: step)
    }

    private mutating func enter(_ step: RolloutStep) {
        guard let rollout else { return }
        switch step {
        case .live(let count): self.rollout?.targetLive = max(rollout.targetLive, count)
        case .serve(let count):
            self.rollout?.targetServe = max(rollout.targetServe, count)
            isInMaintenance = false
        case .baseServe(let count): self.rollout?.baseServe = max(rollout.baseServe, count)
        case .retire(let count): self.rollout?.baseServe = min(rollout.baseServe, count)
        case .exchange(let count):
            self.rollout?.targetServe = count
            self.rollout?.baseServe = 0
            isInMaintenance = false
        case .baseline(let count): self.rollout?.baseline = count
        case .weight(let share): self.rollout?.share = share
        case .preview(let on): self.rollout?.isPreviewing = on
        case .hold:
            self.rollout?.isHeld = true
            if rollout.heldSince == nil { self.rollout?.heldSince = now }
        case .dismiss(let count):
            self.rollout?.targetServe = min(rollout.targetServe, count)
            self.rollout?.targetLive = min(rollout.targetLive, count)
        case .discard:
            self.rollout?.isDiscarding = true
            self.rollout?.targetServe = 0
            self.rollout?.targetLive = 0
            self.rollout?.baseline = 0
            self.rollout?.isPreviewing = false
        // The intention counts: whether a migration that was cut short has changed anything, nobody knows.
        case .migrate:
            let isThere = spec(of: rollout.to)?.hooks[.beforeDeploy] != nil
            self.rollout?.hasMigrated = isThere
        default: break
        }
        ask(step)
    }

    private mutating func commit(_ rollout: Rollout) {
        let policy = policy
        stable = rollout.to
        desired = rollout.desired
        isDegraded = false
        isInMaintenance = false
        environment = instances.first { $0.revision == rollout.to && $0.environment != nil }?.environment
        window = nil
        if let from = rollout.from, policy.rollbackWindow > .zero {
            let kept = instances.count { $0.revision == from && $0.alive }
            window = Window(
                revision: from, count: max(kept, rollout.baseDesired), ends: now + policy.rollbackWindow)
        }
    }

    // MARK: Questions to the engine

    private mutating func ask(_ step: RolloutStep) {
        guard let rollout else { return }
        // After a pause because of a failure it runs again.
        let key = "\(rollout.id)-\(rollout.isRollingBack ? "back" : "on")-\(rollout.cursor)-\(rollout.attempt)"
        let kind: ServiceAction.Kind
        switch step {
        case .preflight: kind = .preflight(rollout.plan)
        case .pull: kind = .pull(image: rollout.plan.image)
        case .hook(let place):
            guard let hook = hook(place, rollout, key) else { return }
            kind = hook
        case .migrate:
            guard let hook = hook(.beforeDeploy, rollout, key) else { return }
            kind = hook
        case .verifyVolumes: kind = .verifyVolumes(revision: rollout.to)
        case .snapshot: kind = .snapshotVolumes(revision: rollout.to, key: "\(rollout.id)-volumes")
        case .restore: kind = .restoreVolumes(revision: rollout.to, key: "\(rollout.id)-volumes")
        case .analysis(let length): kind = analysis(length, rollout)
        case .bake(let length) where !policy.analysis.isEmpty: kind = analysis(length, rollout)
        default: return
        }
        let id = issue(kind, .step)
        self.rollout?.stepAction = id
    }

    private func hook(_ place: Hooks.Place, _ rollout: Rollout, _ key: String) -> ServiceAction.Kind? {
        guard let hook = spec(of: rollout.to)?.hooks[place] else { return nil }
        let revision = hook.location == .new ? rollout.to : rollout.from ?? rollout.to
        return .runHook(place: place, hook: hook, revision: revision, instance: nil, key: key)
    }

    private func analysis(_ length: Span, _ rollout: Rollout) -> ServiceAction.Kind {
        let hasBaseline = instances.contains { $0.isBaseline && $0.state == .pooled }
        let control = pooled.filter { $0.revision != rollout.to && $0.isBaseline == hasBaseline }
        let target = instances.filter { $0.revision == rollout.to && $0.isFit }
        return .analyse(
            length: length, policy: policy.analysis, target: target.map(\.name), control: control.map(\.name))
    }

    /// The answer to what the step asked, when it is good; what is not good ends the rollout.
    private mutating func answered(_ code: Failure.Code) -> Bool {
        guard let rollout, rollout.stepAction != nil else { return true }
        switch rollout.stepResult {
        case nil: return false
        case .failed(let text):
            if rollout.step == .hook(.afterRollback) {
                notice(.failed, "hook after_rollback: \(text)")
                return true
            }
            // A migration that says it failed has changed nothing; one that was cut short might have.
            if rollout.step == .migrate, !policy.reversible { self.rollout?.hasMigrated = false }
            fail(Failure(code, "\(rollout.step?.text ?? ""): \(text)"))
            return false
        case .refused(let refusals):
            self.rollout?.refusals = refusals
            fail(Failure(.preflight, refusals.map(\.text).joined(separator: "; ")))
            return false
        case .verdict(let verdict): return judged(verdict, rollout)
        default: return true
        }
    }

    private mutating func judged(_ verdict: Verdict, _ rollout: Rollout) -> Bool {
        switch verdict {
        case .pass: return true
        case .fail(let text): fail(Failure(.analysis, text))
        case .inconclusive(let text):
            self.rollout?.isInconclusive = true
            switch policy.analysis.onInconclusive {
            case .fail: fail(Failure(.inconclusive, text))
            case .extend:
                self.rollout?.stepResult = nil
                if let step = rollout.step { ask(step) }
            case .pause:
                self.rollout?.stepResult = nil
                self.rollout?.hasEnteredStep = false
                pause(.inconclusive, text)
            }
        }
        return false
    }

    // MARK: Done?

    private func fit(_ isMeant: (Instance) -> Bool) -> Int { instances.count { $0.isFit && isMeant($0) } }

    private mutating func isDone(_ step: RolloutStep) -> Bool {
        guard let rollout else { return false }
        let isTarget = { (instance: Instance) in instance.revision == rollout.to }
        let isBase = { (instance: Instance) in instance.revision != rollout.to && !instance.isBaseline }
        let isPromoted = rollout.isPromoted
        switch step {
        case .preflight: return answered(.preflight)
        case .pull: return answered(.pull)
        case .hook, .migrate: return answered(.hook)
        case .verifyVolumes, .snapshot, .restore: return answered(.volume)
        case .live(let count): return fit { isTarget($0) && ($0.goal == .serve || $0.goal == .ready) } >= count
        case .serve(let count): return pooled.count(where: isTarget) >= count && isRouterInSync
        case .baseServe(let count): return pooled.count(where: isBase) >= count && isRouterInSync
        case .baseline(let count):
            return count == 0 ? !instances.contains { $0.isBaseline && $0.alive } : fit(\.isBaseline) >= count
        case .retire(let count): return isRetired(count, isBase)
        case .exchange(let count):
            return pooled.count(where: isTarget) >= count && !pooled.contains(where: isBase) && isRouterInSync
        case .weight(let share): return isWeighted(share)
        case .preview: return isRouterInSync
        case .soak(let span), .pause(let span): return isPromoted || now >= rollout.stepStartedAt + span
        case .gate: return isPromoted
        case .analysis: return isPromoted || answered(.analysis)
        case .bake(let span):
            // Stable is what serves in full now, also when somebody cut the wait short.
            guard pooled.count(where: isTarget) >= rollout.desired, isRouterInSync else { return false }
            if isPromoted { return true }
            return policy.analysis.isEmpty ? now >= rollout.stepStartedAt + span : answered(.analysis)
        case .hold: return isRouterInSync
        case .release: return isReleased(isBase)
        case .promote: return pooled.count(where: isTarget) >= rollout.desired && isRouterInSync
        case .commit:
            guard pooled.count(where: isTarget) >= rollout.desired, isRouterInSync else { return false }
            commit(rollout)
            return true
        case .dismiss(let count): return pooled.count(where: isTarget) <= count && isRouterInSync
        case .discard: return !instances.contains { isTarget($0) && ($0.alive || $0.action != nil) && !isForensic($0) }
        }
    }

    private func isForensic(_ instance: Instance) -> Bool { instance.state == .failed && !instance.alive }

    private func isRetired(_ count: Int, _ isBase: (Instance) -> Bool) -> Bool {
        let leaving: [Instance.State] = [.draining, .drained, .stopping]
        guard pooled.count(where: isBase) <= count, isRouterInSync else { return false }
        if instances.contains(where: { isBase($0) && leaving.contains($0.state) }) { return false }
        // No two of them on one volume, and no memory for both.
        let isAlone = rollout?.strategy == .recreate || rollout?.strategy == .allAtOnce
        if count == 0, isAlone, policy.rollbackKeep == .stopped || rollout?.strategy == .recreate {
            return !instances.contains {
                ($0.alive || $0.action != nil) && (isBase($0) || $0.goal != .serve && $0.goal != .ready)
            }
        }
        return true
    }

    private mutating func isWeighted(_ share: Share) -> Bool {
        guard isRouterInSync, let rollout else { return false }
        // A user has set another one since.
        if rollout.share != share { return true }
        // Nobody has to see nothing, or everything, arrive; a rollback does not wait for traffic.
        if rollout.isRollingBack || share == .none || share == .all { return true }
        if rollout.stepAction == nil {
            let id = issue(.awaitShare(revision: rollout.to, share: share), .step)
            self.rollout?.stepAction = id
            return false
        }
        return answered(.router)
    }

    private mutating func isReleased(_ isBase: (Instance) -> Bool) -> Bool {
        guard let rollout else { return false }
        if rollout.isHeld {
            // A held client's next SYN must not find a connection entry to an address that is gone.
            guard quarantine.isEmpty, isRouterInSync else { return false }
            if let since = rollout.heldSince { self.rollout?.ledger.held += now - since }
            self.rollout?.isHeld = false
            self.rollout?.heldSince = nil
            return false
        }
        return isRouterInSync
    }
}
