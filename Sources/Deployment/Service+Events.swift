extension Service {
    mutating func finished(_ id: Int64, _ result: ActionResult) {
        // An answer that comes twice, or to a question nobody asks any more.
        guard let position = pending.firstIndex(where: { $0.action.id == id }) else { return }
        let done = pending.remove(at: position)
        switch done.owner {
        case .router: routerAnswered(done.action, result)
        case .step: if rollout?.stepAction == id { rollout?.stepResult = result }
        case .address(let address): addressAnswered(address, result)
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
            guard instances[index].alive else { return }
            apply(.exited(code: code, outOfMemory: outOfMemory), to: index)
            if let address = instances[index].address {
                quarantine.append(Quarantine(address: address, instance: name, since: now))
                instances[index].address = nil
            }
        }
    }

    /// What a change of an instance means for everything else.
    mutating func instanceChanged(_ index: Int, from before: Instance.State) {
        let instance = instances[index]
        rollout?.progressAt = now
        notice(.instance, "\(before.rawValue) -> \(instance.state.rawValue)", instance: instance.name)
        switch instance.state {
        case .pooled: backoff = Backoff()
        case .draining:
            rollout?.ledger.drains += 1
            issue(.drain(instance: instance.name, policy: drainPolicy(instance)), .other)
        case .drained, .stopped:
            if before == .draining, instance.forced > 0 {
                rollout?.ledger.forcedCloses += instance.forced
                notice(
                    .forcedClose, "\(instance.forced) connections open at the end of the drain", instance: instance.name
                )
            }
        case .failed, .unhealthy: instanceFailed(instance)
        default: break
        }
    }

    private mutating func instanceFailed(_ instance: Instance) {
        let failure = instance.failure ?? Failure(.unhealthy, "failed", instance: instance.name)
        notice(.failed, failure.detail, instance: instance.name)
        if let rollout, isTarget(instance), !rollout.isRollingBack, instance.goal == .serve || instance.goal == .ready {
            return fail(failure)
        }
        if instance.isBaseline || (rollout.map { isTarget(instance) && $0.isRollingBack } ?? false) { return }
        backoff.failures += 1
        if backoff.failures > 1 {
            backoff.notBefore = now + min(.minutes(1), .seconds(1 << min(backoff.failures - 2, 6)))
        }
        guard rollout?.isRollingBack == true else { return }
        rollout?.baseFailures += 1
        if let rollout, rollout.baseFailures > rollout.baseDesired + 2 {
            becomeStuck(Failure(failure.code, "the old revision does not come up again: \(failure)"))
        }
    }

    mutating func timePassed() {
        for index in instances.indices where instances[index].state != .removed { apply(.time, to: index) }
        if let end = window?.ends, now >= end, rollout == nil { window = nil }
        routerTimePassed()
        rolloutTimePassed()
    }

    private mutating func addressAnswered(_ address: String, _ result: ActionResult) {
        guard let index = quarantine.firstIndex(where: { $0.address == address }) else { return }
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
            if router.maybeListed.contains(quarantine[index].instance) { continue }
            let address = quarantine[index].address
            quarantine[index].action = issue(.clearAddress(address: address), .address(address))
        }
    }
}
