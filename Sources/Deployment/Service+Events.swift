extension Service {
    mutating func finished(_ id: Int64, _ result: ActionResult) {
        // An answer that comes twice, or to a question nobody asks any more.
        guard let position = pending.firstIndex(where: { $0.action.id == id }) else { return }
        let done = pending.remove(at: position)
        switch done.owner {
        case .router: routerAnswered(done.action, result)
        case .step: if rollout?.stepAction == id { rollout?.stepResult = result }
        case .address: addressAnswered(id, result)
        case .other: break
        case .instance(let name):
            guard let index = index(of: name), instances[index].action == id || isKill(done.action) else { return }
            if instances[index].action == id { instances[index].action = nil }
            instanceAnswered(index, done.action.kind, result)
        }
    }

    private func isKill(_ action: ServiceAction) -> Bool {
        if case .kill = action.kind { return true }
        return false
    }

    private mutating func instanceAnswered(_ index: Int, _ kind: ServiceAction.Kind, _ result: ActionResult) {
        if case .failed(let text) = result { return instanceRefused(index, kind, text) }
        let name = instances[index].name
        switch kind {
        case .start:
            guard case .started(let address) = result else { return instanceRefused(index, kind, "no address") }
            rollout?.ledger.starts += 1
            apply(.started(address: address), to: index)
            if let exit = instances[index].earlyExit {
                instances[index].earlyExit = nil
                return exited(index, exit)
            }
            if quarantine.contains(where: { $0.address == address }) {
                let text = "was given the address \(address), which is in quarantine"
                return apply(.failed(Failure(.addressQuarantined, text, instance: name)), to: index)
            }
            issue(.probe(instance: name, eager: false), .other)
        case .warmUp: apply(.warmedUp, to: index)
        case .freeze: apply(.frozen, to: index)
        case .thaw:
            rollout?.ledger.thaws += 1
            apply(.thawed, to: index)
            if instances[index].state == .warming { issue(.probe(instance: name, eager: true), .other) }
        case .signalStop: apply(.signalled, to: index)
        case .runHook: instances[index].preStopDone = true
        case .captureLog:
            if case .log(let lines) = result { instances[index].failure?.log = lines }
            instances[index].logCaptured = true
            if rollout?.reason?.instance == name, let failure = instances[index].failure {
                rollout?.reason?.log = failure.log
            }
        case .remove: apply(.removed, to: index)
        case .kill: if case .cut(let count) = result { rollout?.ledger.resets += count }
        default: break
        }
    }

    private mutating func instanceRefused(_ index: Int, _ kind: ServiceAction.Kind, _ text: String) {
        let name = instances[index].name
        switch kind {
        case .start: apply(.startFailed(text), to: index)
        case .warmUp:
            apply(.failed(Failure(.neverHealthy, "warm-up failed: \(text)", instance: name)), to: index)
        case .thaw: apply(.failed(Failure(.startFailed, "cannot be thawed: \(text)", instance: name)), to: index)
        // The instance ends in any case; its hook had its chance.
        case .runHook: instances[index].preStopDone = true
        case .captureLog: instances[index].logCaptured = true
        case .kill:
            instances[index].killed = false
            instances[index].killAt = now + .seconds(1)
        default: instances[index].retryAt = now + .seconds(1)
        }
    }

    mutating func reported(_ name: String, _ report: InstanceReport) {
        guard let index = index(of: name) else { return }
        switch report {
        case .listening: apply(.listening, to: index)
        case .probe(let result): apply(.probe(result), to: index)
        case .connections(let short, let long): apply(.connections(short: short, long: long), to: index)
        case .exited(let code, let outOfMemory):
            exited(index, .init(code: code, outOfMemory: outOfMemory))
        }
    }

    mutating func exited(_ index: Int, _ exit: Instance.EarlyExit) {
        guard instances[index].alive else {
            // Quicker than the answer to its start.
            if isStarting(instances[index]) { instances[index].earlyExit = exit }
            return
        }
        // Quicker than the answer to its stop signal: no failure.
        if isLeaving(instances[index]) { apply(.signalled, to: index) }
        apply(.exited(code: exit.code, outOfMemory: exit.outOfMemory), to: index)
        isolate(index)
    }

    /// Its address is nobody's until the kernel knows no connection to it any more.
    mutating func isolate(_ index: Int) {
        guard let address = instances[index].address else { return }
        instances[index].address = nil
        quarantine.removeAll { $0.address == address }
        quarantine.append(Quarantine(address: address, instance: instances[index].name, since: now))
    }

    /// What a change of an instance means for everything else.
    mutating func instanceChanged(_ index: Int, from before: Instance.State) {
        let instance = instances[index]
        rollout?.progressAt = now
        notice(.instance, "\(before.rawValue) -> \(instance.state.rawValue)", instance: instance.name)
        switch instance.state {
        case .draining:
            rollout?.ledger.drains += 1
            issue(.drain(instance: instance.name, policy: drainPolicy(instance)), .other)
        case .drained, .stopped:
            // One that goes on running serves what is open to its end.
            if before == .draining, instance.goal != .ready { drainEnded(instance) }
        case .failed, .unhealthy: instanceFailed(instance)
        default: break
        }
    }

    private mutating func drainEnded(_ instance: Instance) {
        rollout?.ledger.forcedCloses += instance.forced
        let isStopped = instance.goal == .park && instance.cannotBeKept
        guard instance.forced > 0 || isStopped else { return }
        let text =
            (instance.forced > 0 ? "\(instance.forced) connections open" : "not seen without connections")
            + " at the end of the drain"
        notice(
            .forcedClose, text + (isStopped ? ": it is stopped instead of frozen, a rollback has to start it" : ""),
            instance: instance.name)
    }

    private mutating func instanceFailed(_ instance: Instance) {
        let failure = instance.failure ?? Failure(.unhealthy, "failed", instance: instance.name)
        // All of them ended with the host; `recover` decides what that means.
        if isRebooting { return }
        notice(.failed, failure.detail, instance: instance.name)
        let isWanted = instance.goal == .serve || instance.goal == .ready
        if let rollout, isTarget(instance) {
            if rollout.isRollingBack { return }
            if rollout.kind == .deploy, isWanted { return fail(failure) }
        }
        if instance.isBaseline { return }
        slowDown(instance)
        guard let rollout, isWanted, rollout.isRollingBack || rollout.kind == .rollback && isTarget(instance),
            stable != rollout.to || rollout.isRollingBack
        else { return }
        // On the way back one failure is made good; after a few of them nobody believes in a next one.
        self.rollout?.wayBackFailures += 1
        if rollout.wayBackFailures >= max(rollout.baseDesired, rollout.desired) + 2 {
            let failure = Failure(
                failure.code, "the old revision does not come up again: \(failure.detail)", instance: failure.instance)
            rollout.isRollingBack ? becomeStuck(failure) : fail(failure)
        }
    }

    /// Who served for a while begins again at once; who never does waits longer from time to time. Those that fall
    /// together count as one: it is what comes in their place that shows whether starting again helps.
    private mutating func slowDown(_ instance: Instance) {
        var pace = backoff[instance.revision] ?? Backoff()
        if let youngest = pace.youngest, instance.ordinal <= youngest { return }
        pace.youngest = nextOrdinal - 1
        if let pooledAt = instance.pooledAt, now >= pooledAt + .seconds(10) { pace.failures = 0 }
        pace.failures += 1
        pace.notBefore = nil
        if pace.failures > 1 {
            pace.notBefore = now + min(.minutes(1), .seconds(1 << min(pace.failures - 2, 6)))
        }
        backoff[instance.revision] = pace
    }

    mutating func timePassed() {
        for index in instances.indices where instances[index].state != .removed { apply(.time, to: index) }
        if let end = window?.ends, now >= end, rollout == nil { window = nil }
        routerTimePassed()
        rolloutTimePassed()
    }

    private mutating func addressAnswered(_ id: Int64, _ result: ActionResult) {
        guard let index = quarantine.firstIndex(where: { $0.action == id }) else { return }
        if case .ok = result {
            quarantine.remove(at: index)
        } else {
            quarantine[index].action = nil
            quarantine[index].retryAt = now + .seconds(5)
        }
    }

    mutating func clearAddresses() {
        for index in quarantine.indices where quarantine[index].action == nil {
            if let retryAt = quarantine[index].retryAt, now < retryAt { continue }
            // A table that still names it would make new entries.
            let address = quarantine[index].address
            if router.maybeUsed.contains(address) { continue }
            quarantine[index].action = issue(.clearAddress(address: address), .address(address))
        }
    }
}
