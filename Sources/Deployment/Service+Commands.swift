extension Service {
    mutating func obey(_ command: ServiceCommand) -> ServiceReply {
        switch command {
        case .deploy(let request): return deploy(request)
        case .rollback(let revision, let key): return rollBack(to: revision, key)
        case .promote(let id, let step, let full): return promote(id, step, full)
        case .pause(let id): return withRollout(id) { $0.pauseByHand() }
        case .resume(let id): return withRollout(id) { $0.resume() }
        case .abort(let id): return abort(id)
        case .scale(let count): return scale(count)
        case .limits(let least, let most): return limit(least, most)
        case .drain(let instance): return setAside(instance, true)
        case .undrain(let instance): return setAside(instance, false)
        case .weight(let share, let revision): return weight(share, revision)
        }
    }

    private mutating func newRolloutID() -> String {
        defer { nextRollout += 1 }
        return "\(name)-d\(nextRollout)"
    }

    // MARK: Deploy

    private mutating func deploy(_ request: DeployRequest) -> ServiceReply {
        if let key = request.key, let known = rolloutOf(key) { return .accepted(rollout: known) }
        if let rollout {
            let known = revisions[rollout.to]
            let isSame =
                known?.hash == request.hash && known?.spec == request.spec && rollout.reason == nil && queued == nil
            if isSame, rollout.kind == .deploy, request.key == nil { return .accepted(rollout: rollout.id) }
            return meetBusy(rollout, request)
        }
        if let stable, revisions[stable]?.hash == request.hash, !isDegraded {
            adopt(request.spec)
            return .unchanged
        }
        let id = newRolloutID()
        begin(request, id: id)
        return .accepted(rollout: id)
    }

    private func rolloutOf(_ key: String) -> String? {
        if rollout?.key == key { return rollout?.id }
        if queued?.key == key { return queuedID }
        return history.last { $0.key == key }?.rollout
    }

    private mutating func meetBusy(_ rollout: Rollout, _ request: DeployRequest) -> ServiceReply {
        guard request.ifBusy != .fail else { return .busy(holder: rollout.id) }
        // One waits; the newest wins.
        if let queued, let id = queuedID {
            recordUnstarted(queued, id, .superseded)
        }
        let id = newRolloutID()
        queued = request
        queuedID = id
        notice(.queued, "\(id) waits for \(rollout.id)")
        // A rollback ends soon, and where the next one begins.
        if request.ifBusy == .replace, !rollout.isRollingBack, rollout.kind == .deploy, rollout.to != stable {
            // From the stable revision, never from half a rollout: so back there first.
            self.rollout?.isReplaced = true
            fail(Failure(.replaced, "replaced by \(id)"))
        }
        return self.rollout?.id == id ? .accepted(rollout: id) : .queued(behind: rollout.id)
    }

    mutating func recordUnstarted(
        _ request: DeployRequest, _ id: String, _ outcome: Outcome, _ reason: Failure? = nil
    ) {
        let serving = Dictionary(grouping: pooled, by: \.revision).mapValues(\.count)
        history.append(
            RolloutRecord(
                rollout: id, kind: .deploy, key: request.key, from: stable,
                to: outcome == .succeeded ? stable ?? 0 : 0, outcome: outcome, reason: reason,
                refusals: [], serving: serving, duration: .zero, ledger: Ledger()))
    }

    // MARK: Back

    private mutating func rollBack(to wanted: Int?, _ key: String?) -> ServiceReply {
        if let key, let known = rolloutOf(key) { return .accepted(rollout: known) }
        if let rollout {
            guard wanted == nil || wanted == rollout.from, rollout.kind == .deploy else {
                return .busy(holder: rollout.id)
            }
            return abort(rollout.id)
        }
        guard let stable else { return .notFound("'\(name)' has no revision that serves") }
        let before = history.last { $0.outcome == .succeeded && $0.to == stable }?.from
        guard let to = wanted ?? (isDegraded ? stable : window?.revision ?? before) else {
            return .notFound("'\(name)' has no revision before r\(stable)")
        }
        guard revisions[to] != nil else { return .notFound("r\(to) of '\(name)' is not kept any more") }
        if to == stable, !isDegraded { return .unchanged }
        let id = newRolloutID()
        start(.rollback, to: to, id: id, key: key, desired: desired)
        return .accepted(rollout: id)
    }

    private mutating func abort(_ id: String) -> ServiceReply {
        if let queued, queuedID == id {
            recordUnstarted(queued, id, .cancelled)
            (self.queued, queuedID) = (nil, nil)
            return .ok
        }
        guard let rollout, rollout.id == id else {
            return history.contains { $0.rollout == id } ? .unchanged : .notFound("there is no rollout '\(id)'")
        }
        if rollout.isRollingBack { return .accepted(rollout: id) }
        if stable == rollout.to, rollout.from != nil { return .invalid("it has switched, and ends by itself") }
        if rollout.step == .migrate, !policy.reversible {
            return .invalid("its migration runs, and cannot be undone; abort when it has ended")
        }
        if !rollout.hasChangedAnything {
            self.rollout?.reason = Failure(.aborted, "aborted before anything changed")
            finish(.cancelled)
            return .ok
        }
        fail(Failure(.aborted, "aborted by hand"))
        return .accepted(rollout: id)
    }

    // MARK: On the way

    private mutating func withRollout(_ id: String, _ body: (inout Service) -> ServiceReply) -> ServiceReply {
        guard let rollout, rollout.id == id else {
            return history.contains { $0.rollout == id } ? .unchanged : .notFound("there is no rollout '\(id)'")
        }
        return body(&self)
    }

    private mutating func promote(_ id: String, _ step: Int?, _ full: Bool) -> ServiceReply {
        withRollout(id) { service in
            guard let rollout = service.rollout, !rollout.isRollingBack else { return .invalid("it is rolling back") }
            if let step, step < rollout.cursor { return .unchanged }
            if let step, step > rollout.cursor { return .invalid("it is at step \(rollout.cursor), not \(step)") }
            if full {
                let rest = rollout.program[rollout.cursor...].filter { !$0.isSkippable }
                if let step = rollout.step, step.isSkippable { service.leave() }
                let stays = rollout.step.map { !$0.isSkippable } ?? true
                service.rollout?.program.replaceSubrange(rollout.cursor..., with: rest)
                if !stays { service.rollout?.enterStep(service.now) }
            } else if rollout.step?.isWaiting == true {
                service.rollout?.isPromoted = true
            } else if rollout.pause == nil {
                return .unchanged
            }
            if rollout.pause != nil, rollout.pause?.reason != .routerDown { _ = service.resume() }
            return .ok
        }
    }

    private mutating func pauseByHand() -> ServiceReply {
        if rollout?.isRollingBack == true { return .invalid("a rollback cannot be paused") }
        if rollout?.pause != nil { return .unchanged }
        pause(.manual, "by hand")
        return .ok
    }

    private mutating func resume() -> ServiceReply {
        guard let pause = rollout?.pause else { return .unchanged }
        if pause.reason == .routerDown { return .invalid("the router is down; it goes on when that is back") }
        rollout?.endPause(now)
        if pause.reason == .failure {
            rollout?.progressAt = now
            rollout?.stepStartedAt = now
            rollout?.reason = nil
            rollout?.attempt += 1
        }
        notice(.resumed, "after \(now - pause.since)")
        if router.isDown { pauseForRouter() }
        return .ok
    }

    private mutating func scale(_ count: Int) -> ServiceReply {
        guard let stable, let scale = spec(of: stable)?.scale else {
            return .notFound("'\(name)' has not been deployed")
        }
        guard (scale.min...scale.max).contains(count) else {
            return .invalid("\(count) is not from scale.min \(scale.min) to scale.max \(scale.max)")
        }
        if let rollout {
            pendingScale = count
            return .queued(behind: rollout.id)
        }
        pendingScale = nil
        if desired == count { return .unchanged }
        desired = count
        return .ok
    }

    private mutating func setAside(_ name: String, _ aside: Bool) -> ServiceReply {
        guard let index = index(of: name) else { return .notFound("there is no instance '\(name)'") }
        guard rollout == nil else { return .busy(holder: rollout?.id ?? "") }
        if instances[index].isSetAside == aside { return .unchanged }
        guard !aside || instances[index].goal == .serve else {
            return .invalid("'\(name)' is \(instances[index].state.rawValue), and not in the pool")
        }
        instances[index].isSetAside = aside
        instances[index].goal = aside ? .ready : .serve
        return .ok
    }

    /// The numbers are no part of a revision's contents: nothing is started but what is missing.
    private mutating func limit(_ least: Int?, _ most: Int?) -> ServiceReply {
        guard let stable, var spec = spec(of: stable) else {
            return .notFound("'\(name)' has not been deployed")
        }
        if let rollout { return .busy(holder: rollout.id) }
        spec.scale.min = least ?? spec.scale.min
        spec.scale.max = most ?? spec.scale.max
        guard spec.scale.min <= spec.scale.max else {
            return .invalid("scale.min \(spec.scale.min) is more than scale.max \(spec.scale.max)")
        }
        desired = min(max(desired, spec.scale.min), spec.scale.max)
        spec.scale.desired = desired
        let problems = spec.problems
        if !problems.isEmpty { return .invalid(problems.joined(separator: "; ")) }
        if revisions[stable]?.spec == spec { return .unchanged }
        revisions[stable]?.spec = spec
        return .ok
    }

    private mutating func weight(_ share: Share, _ revision: Int?) -> ServiceReply {
        guard let rollout, rollout.strategy == .canary, !rollout.isRollingBack, rollout.share != nil else {
            return .invalid("weights are for a canary that is under way")
        }
        var share = share
        if let revision, revision != rollout.to {
            guard revision == rollout.from else {
                return .invalid("r\(revision) takes no part in \(rollout.id): r\(rollout.from ?? 0) -> r\(rollout.to)")
            }
            share = Share(parts: Share.all.parts - share.parts)
        }
        let able = pooled.count { isTarget($0) }
        guard share.capacity(of: rollout.desired) <= able || share == .none else {
            return .invalid(
                "\(share) needs \(share.capacity(of: rollout.desired)) new instances; \(able) are in the pool")
        }
        self.rollout?.share = share
        return .ok
    }
}

extension RolloutStep {
    /// Left out by `promote --full`.
    var isSkippable: Bool {
        switch self {
        case .soak, .pause, .gate, .analysis: true
        case .weight(let share): share != .all && share != .none
        default: false
        }
    }
}
