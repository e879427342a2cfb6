extension Service {
    /// Back after a crash, an upgrade or a start of the host: compares with what there is, and goes on.
    mutating func recover(_ observation: Observation, after away: Span) {
        if observation.isReboot { rebase() } else { grantTime(away) }
        // Watching and draining begin again below, from what there is.
        pending.removeAll { $0.owner == .other }
        let seen = Dictionary(observation.instances.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        isRebooting = observation.isReboot
        let lost = instances.map(\.name).filter { reconcile($0, seen[$0]) }
        isRebooting = false
        for one in observation.instances where index(of: one.name) == nil {
            // Left behind by something that was never journalled, or removed in the journal only.
            issue(.remove(instance: one.name), .other)
        }
        // What the router does is not known before it has been told again.
        if let id = router.action { pending.removeAll { $0.action.id == id } }
        router.action = nil
        router.sent = nil
        router.isUncertain = true
        router.isDown = false
        router.retryAt = nil
        for entry in pending where !isNew(entry.action) { outbox.append(entry.action) }
        for index in instances.indices where instances[index].alive && instances[index].state != .frozen {
            watch(index)
        }
        if rollout?.pause?.reason == .routerDown { rollout?.endPause(now) }
        for name in lost { notice(.instance, "gone while nobody looked", instance: name) }
        if observation.isReboot, let rollout, rollout.hasChangedAnything { rebooted(rollout) }
    }

    /// Nothing runs. The stable revision comes first, whatever was under way.
    private mutating func rebooted(_ rollout: Rollout) {
        if rollout.isRollingBack {
            self.rollout?.targetServe = 0
            if let program = rollbackProgram { self.rollout?.follow(program, now) }
        } else if rollout.kind == .rollback, rollout.to != stable {
            cancelStep()
            self.rollout?.baseServe = rollout.baseDesired
            self.rollout?.targetServe = 0
            self.rollout?.targetLive = 0
            self.rollout?.isHeld = false
            self.rollout?.heldSince = nil
            self.rollout?.follow(Self.wayBack(rollout.strategy, rollout.desired), now)
        } else if rollout.to != stable {
            fail(Failure(.rebooted, "the host was started anew in the middle of the rollout"))
        }
    }

    private func isNew(_ action: ServiceAction) -> Bool { outbox.contains { $0.id == action.id } }

    private mutating func watch(_ index: Int) {
        let instance = instances[index]
        instances[index].failures = 0
        switch instance.state {
        case .starting, .warming, .ready, .pooled, .unhealthy:
            issue(.probe(instance: instance.name, eager: instance.thawed && instance.state == .warming), .other)
        case .draining:
            instances[index].drain?.quiet = 0
            issue(.drain(instance: instance.name, policy: drainPolicy(instance)), .other)
        default: break
        }
    }

    /// true when it is gone.
    private mutating func reconcile(_ name: String, _ seen: Observation.Seen?) -> Bool {
        guard let index = index(of: name) else { return false }
        let exists = seen.map { $0.existence != .exited } ?? false
        // Its start is given out again.
        instances[index].earlyExit = nil
        // The journal says started, the host says not: what was known of it holds no more.
        if instances[index].alive, !exists {
            exited(index, .init(code: -1, outOfMemory: false))
            return true
        }
        // A freeze that was done and not written down. Begun again it might fail, and leave in doubt what it is; a
        // thaw may be done twice.
        if seen?.existence == .frozen, let id = instances[index].action, isFreeze(id) {
            pending.removeAll { $0.action.id == id }
            instances[index].action = nil
            apply(.frozen, to: index)
        }
        return false
    }

    private func isFreeze(_ id: Int64) -> Bool {
        if case .freeze = pending.first(where: { $0.action.id == id })?.action.kind { true } else { false }
    }

    /// Nobody watched meanwhile: what has to be seen within a time has it again, and what has to be seen for a time is
    /// seen for so long. The progress deadline of a rollout and the rollback window are promises to people: they go on.
    private mutating func grantTime(_ away: Span) {
        for index in instances.indices {
            switch instances[index].state {
            case .starting, .warming: instances[index].since = now
            case .draining: instances[index].renewDrain(drainPolicy(instances[index]), now)
            default: break
            }
        }
        // Nobody could promote, either.
        guard away > .zero, let rollout else { return }
        self.rollout?.stepStartedAt = rollout.stepStartedAt + away
        // There is nothing to go back to from a way back that nobody was there to go.
        if rollout.isRollingBack { self.rollout?.progressAt = now }
    }

    /// Time began again with the host: every moment of before is now.
    private mutating func rebase() {
        for index in instances.indices {
            instances[index].since = now
            instances[index].pooledAt = nil
            instances[index].retryAt = nil
            instances[index].killAt = nil
            instances[index].drain?.deadline = now
            instances[index].drain?.longDeadline = now
        }
        let end = now + policy.rollbackWindow
        window?.ends = end
        rollout?.startedAt = now
        rollout?.stepStartedAt = now
        rollout?.progressAt = now
        if rollout?.heldSince != nil { rollout?.heldSince = now }
        if rollout?.rollbackStartedAt != nil { rollout?.rollbackStartedAt = now }
        rollout?.pause?.since = now
        backoff = [:]
        router.applied = RouterTable(service: name)
        router.maybeListed = []
        router.maybeUsed = []
        for index in quarantine.indices { quarantine[index].retryAt = nil }
    }

    /// When `.tick` is wanted at the latest; nil: never.
    package var nextWake: Moment? {
        var times: [Moment?] = [router.retryAt, window?.ends, progressDeadline] + backoff.values.map(\.notBefore)
        if router.action != nil, let issuedAt = router.issuedAt { times.append(issuedAt + policy.routerTimeout) }
        for instance in instances {
            times += [instance.deadline(health(instance)), instance.retryAt]
            if instance.state == .warming { times.append(instance.since + health(instance).healthyDeadline) }
            if instance.state == .failed, !instance.alive { times.append(instance.since + policy.abortKeep) }
        }
        times += quarantine.map(\.retryAt)
        if let rollout, rollout.pause == nil {
            if rollout.isHeld, !rollout.holdWarned, let since = rollout.heldSince {
                times.append(since + policy.holdTimeout)
            }
            switch rollout.step {
            case .gate(let timeout): times.append(timeout.map { rollout.stepStartedAt + $0 })
            case .some(let step) where step.length > .zero: times.append(rollout.stepStartedAt + step.length)
            default: break
            }
        }
        return times.compactMap { $0 }.filter { $0 > now }.min()
    }
}
