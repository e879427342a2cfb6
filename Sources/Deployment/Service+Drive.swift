/// From what an instance is to what it shall be: the next action, one at a time.
extension Service {
    mutating func drive(_ index: Int) {
        killWhenDue(index)
        let instance = instances[index]
        guard instance.action == nil, instance.retryAt.map({ now >= $0 }) ?? true else { return }
        let leaves = instance.goal == .stop || instance.goal == .remove
        let isListed = router.maybeListed.contains(instance.name)
        switch instance.state {
        case .created:
            if leaves { issue(.remove(instance: instance.name), for: index) } else { start(index) }
        case .starting: if leaves { stop(index) }
        case .warming: leaves ? stop(index) : warmUp(index)
        case .ready:
            guard !isListed, leaves || instance.goal == .park else { return }
            // It was called back from a drain that had not ended.
            if instance.mayHaveConnections { return apply(.withdrawn, to: index) }
            if leaves { stop(index) } else { issue(.freeze(instance: instance.name), for: index) }
        case .draining: if instance.goal == .serve { recall(index) }
        case .drained:
            switch instance.goal {
            case .serve, .ready: recall(index)
            case .park where instance.cannotBeKept: stop(index)
            case .park: issue(.freeze(instance: instance.name), for: index)
            case .stop, .remove: stop(index)
            }
        case .stopped:
            switch instance.goal {
            case .serve, .ready: start(index)
            case .remove: issue(.remove(instance: instance.name), for: index)
            case .park, .stop: break
            }
        case .frozen: frozen(index, leaves)
        case .failed: failed(index, isListed)
        case .unhealthy: if !isListed { apply(.withdrawn, to: index) }
        case .pooled, .stopping, .removed: break
        }
    }

    private mutating func killWhenDue(_ index: Int) {
        let instance = instances[index]
        guard instance.alive, !instance.killed, let killAt = instance.killAt, now >= killAt else { return }
        instances[index].killed = true
        issue(.kill(instance: instance.name), .instance(instance.name))
    }

    private mutating func start(_ index: Int) {
        guard hasRoom(forThaw: false) else { return }
        // Its own container starts with a new address as well.
        instances[index].retryAt = nil
        let instance = instances[index]
        let avoid = quarantine.map(\.address)
        issue(.start(instance: instance.name, revision: instance.revision, avoid: avoid), for: index)
        rollout?.hasChangedAnything = true
    }

    private mutating func warmUp(_ index: Int) {
        let instance = instances[index]
        let health = health(instance)
        guard !instance.warmed, instance.passes >= health.healthyThreshold else { return }
        issue(.warmUp(instance: instance.name, paths: health.warmup), for: index)
    }

    private mutating func recall(_ index: Int) {
        issue(.recall(instance: instances[index].name), .other)
        apply(.recalled, to: index)
    }

    private mutating func frozen(_ index: Int, _ leaves: Bool) {
        let instance = instances[index]
        // Its hook needs it running.
        let needsHook = spec(of: instance.revision)?.hooks[.preStop] != nil && !instance.preStopDone
        if leaves, !needsHook {
            let signal = drainPolicy(instance).stopSignal
            issue(.signalStop(instance: instance.name, signal: signal, isFrozen: true), for: index)
        } else if instance.goal != .park, hasRoom(forThaw: true) {
            issue(.thaw(instance: instance.name), for: index)
        }
    }

    private mutating func failed(_ index: Int, _ isListed: Bool) {
        let instance = instances[index]
        if instance.alive {
            guard !isListed, instance.killAt == nil, !router.isDown else { return }
            let signal = drainPolicy(instance).stopSignal
            issue(.signalStop(instance: instance.name, signal: signal, isFrozen: false), for: index)
        } else if !instance.logCaptured {
            issue(.captureLog(instance: instance.name, lines: 200), for: index)
        } else if !isListed, now >= instance.since + policy.abortKeep {
            issue(.remove(instance: instance.name), for: index)
        }
    }

    /// Its hook first, then the signal; never while a router that may list it cannot be asked.
    private mutating func stop(_ index: Int) {
        let instance = instances[index]
        guard !router.isDown, !router.maybeListed.contains(instance.name) else { return }
        if let hook = spec(of: instance.revision)?.hooks[.preStop], !instance.preStopDone, instance.state != .starting {
            let key = "\(instance.name)-pre-stop"
            return issue(
                .runHook(
                    place: .preStop, hook: hook, revision: instance.revision, instance: instance.name, key: key),
                for: index)
        }
        let signal = drainPolicy(instance).stopSignal
        issue(.signalStop(instance: instance.name, signal: signal, isFrozen: false), for: index)
    }

    // MARK: Room

    /// Running ones, those that are about to included.
    package var runningCount: Int {
        instances.count { $0.isRunning || ($0.action != nil && !$0.alive && isStarting($0)) || isThawing($0) }
    }
    /// All that have memory.
    package var memoryCount: Int { instances.count(where: hasMemory) }
    private func hasMemory(_ instance: Instance) -> Bool {
        instance.alive || instance.action != nil && isStarting(instance)
    }

    func isStarting(_ instance: Instance) -> Bool {
        guard instance.state == .created || instance.state == .stopped else { return false }
        if case .start = pending.first(where: { $0.action.id == instance.action })?.action.kind { return true }
        return false
    }
    private func isThawing(_ instance: Instance) -> Bool {
        guard instance.state == .frozen, let id = instance.action else { return false }
        if case .thaw = pending.first(where: { $0.action.id == id })?.action.kind { return true }
        return false
    }

    /// The bounds of I5: what the plan has announced, and the preflight has found room for.
    package var bounds: (running: Int, memory: Int) {
        if let rollout {
            let plan = rollout.plan
            return (rollout.isRollingBack ? plan.peakInstances : plan.peakRunning, plan.peakInstances)
        }
        let policy = policy
        let room = desired + (mayOverlap ? max(1, policy.surge.of(desired)) : 0)
        let kept = instances.count { $0.revision == window?.revision && hasMemory($0) }
        return (parkGoal == .ready ? room + kept : room, room + kept)
    }

    private func hasRoom(forThaw: Bool) -> Bool {
        let bounds = bounds
        return runningCount < bounds.running && (forThaw || memoryCount < bounds.memory)
    }
}
