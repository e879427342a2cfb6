/// What can happen to an instance.
package enum InstanceEvent: Hashable, Sendable, Codable {
    case started(address: String)
    case startFailed(String)
    case listening
    case probe(ProbeResult)
    case warmedUp
    case admitted
    case withdrawn
    /// Wanted again before it was stopped.
    case recalled
    /// Open connections as its own network namespace shows them.
    case connections(short: Int, long: Int)
    case frozen
    case thawed
    case signalled
    case exited(code: Int, outOfMemory: Bool)
    case removed
    case failed(Failure)
    /// Time has passed.
    case time
}

extension Instance {
    /// So many samples in a row without a connection are a drained instance: one may fall between accept and read.
    package static let quietSamples = 3

    /// The state machine: true when the state changed. Events that mean nothing in a state leave it as it is, so a
    /// late or doubled report does no harm.
    package mutating func apply(
        _ event: InstanceEvent, at now: Moment, health: HealthPolicy, drain policy: DrainPolicy
    ) -> Bool {
        let before = state
        switch event {
        case .exited(let code, let outOfMemory): exit(code, outOfMemory, now)
        case .failed(let failure): fail(failure, now)
        case .removed: remove(now)
        case .probe(let result): probed(result, now, health)
        case .connections(let short, let long): sampled(short, long, now)
        case .time: timePassed(now, health)
        default: follow(event, now, health, policy)
        }
        return state != before
    }

    private mutating func enter(_ next: State, _ now: Moment) {
        state = next
        since = now
        if next == .starting || next == .warming {
            passes = 0
            failures = 0
        }
    }

    private mutating func follow(
        _ event: InstanceEvent, _ now: Moment, _ health: HealthPolicy, _ policy: DrainPolicy
    ) {
        switch (state, event) {
        case (.created, .started(let address)), (.stopped, .started(let address)):
            self.address = address
            alive = true
            thawed = false
            warmed = health.warmup.isEmpty
            (preStopDone, killed, killAt) = (false, false, nil)
            mayHaveConnections = false
            (failure, drain, forced) = (nil, nil, 0)
            enter(.starting, now)
        case (.created, .startFailed(let text)), (.stopped, .startFailed(let text)):
            fail(Failure(.startFailed, text, instance: name), now)
        case (.starting, .listening): enter(.warming, now)
        case (.warming, .warmedUp):
            warmed = true
            becomeReady(now, health)
        case (.ready, .admitted):
            pooledAt = now
            enter(.pooled, now)
        case (.pooled, .withdrawn), (.unhealthy, .withdrawn), (.ready, .withdrawn):
            renewDrain(policy, now)
            enter(.draining, now)
        case (.draining, .recalled), (.drained, .recalled):
            drain = nil
            failures = 0
            forced = 0
            enter(.ready, now)
        case (.ready, .frozen), (.drained, .frozen): enter(.frozen, now)
        case (.frozen, .thawed):
            thawed = true
            warmed = true
            enter(.warming, now)
        case (.starting, .signalled), (.warming, .signalled), (.ready, .signalled), (.drained, .signalled),
            (.frozen, .signalled):
            endsFrozen = state == .frozen
            killAt = now + policy.stopGrace
            enter(.stopping, now)
        case (.failed, .signalled): killAt = now + policy.stopGrace
        default: break
        }
    }

    /// From its beginning: nothing is known of its connections.
    mutating func renewDrain(_ policy: DrainPolicy, _ now: Moment) {
        let deadline = now + policy.timeout
        drain = Drain(deadline: deadline, longDeadline: max(deadline, now + (policy.longLived ?? policy.timeout)))
    }

    private mutating func probed(_ result: ProbeResult, _ now: Moment, _ health: HealthPolicy) {
        guard [.starting, .warming, .ready, .pooled, .unhealthy].contains(state) else { return }
        lastProbe = result
        passes = result.passed ? passes + 1 : 0
        failures = result.passed ? 0 : failures + 1
        let isBad = failures >= health.unhealthyThreshold
        switch state {
        case .warming: becomeReady(now, health)
        case .ready where isBad && !mayHaveConnections:
            fail(Failure(.unhealthy, "unhealthy: \(result.detail)", instance: name), now)
        case .ready where isBad, .pooled where isBad:
            failure = Failure(.unhealthy, "unhealthy: \(result.detail)", instance: name)
            enter(.unhealthy, now)
        default: break
        }
    }

    private mutating func becomeReady(_ now: Moment, _ health: HealthPolicy) {
        guard passes >= (thawed ? 1 : health.healthyThreshold), warmed else { return }
        // What was ready before it was frozen has proved to be stable.
        if thawed || now >= since + health.stableFor { enter(.ready, now) }
    }

    private mutating func sampled(_ short: Int, _ long: Int, _ now: Moment) {
        guard state == .draining, var drain else { return }
        (drain.short, drain.long) = (short, long)
        drain.quiet = short == 0 ? drain.quiet + 1 : 0
        self.drain = drain
        if drain.quiet >= Self.quietSamples, long == 0 || now >= drain.longDeadline { finishDrain(now) }
    }

    private mutating func finishDrain(_ now: Moment) {
        forced = drain.map { $0.short + $0.long } ?? 0
        // Not seen to be quiet is not quiet: the samples may have failed, or the daemon was away.
        mayHaveConnections = forced > 0 || drain.map { $0.quiet < Self.quietSamples } ?? true
        enter(.drained, now)
    }

    private mutating func timePassed(_ now: Moment, _ health: HealthPolicy) {
        switch state {
        case .starting where now >= since + health.startTimeout:
            fail(Failure(.noListen, "nothing listens after \(health.startTimeout)", instance: name), now)
        case .warming:
            becomeReady(now, health)
            if state == .warming, now >= since + health.healthyDeadline {
                let last = lastProbe.map(\.detail) ?? "no probe has answered"
                fail(
                    Failure(.neverHealthy, "not healthy after \(health.healthyDeadline): \(last)", instance: name), now)
            }
        case .draining:
            guard let drain else { return finishDrain(now) }
            // Long connections have their own deadline; short ones end at the first.
            if now >= drain.longDeadline || (now >= drain.deadline && drain.long == 0) { finishDrain(now) }
        default: break
        }
    }

    private mutating func exit(_ code: Int, _ outOfMemory: Bool, _ now: Moment) {
        guard state != .removed else { return }
        alive = false
        switch state {
        // Out of the pool already, or asked to end: nobody misses it.
        case .draining:
            finishDrain(now)
            mayHaveConnections = false
            enter(.stopped, now)
        case .drained, .stopping, .frozen, .stopped: if state != .stopped { enter(.stopped, now) }
        case .failed, .removed: break
        default:
            let text = outOfMemory ? "killed: out of memory" : "exited with \(code)"
            fail(Failure(outOfMemory ? .outOfMemory : .exited, text, instance: name), now)
        }
    }

    private mutating func fail(_ failure: Failure, _ now: Moment) {
        guard state != .failed, state != .removed, state != .stopped || !alive else { return }
        self.failure = failure
        enter(.failed, now)
    }

    private mutating func remove(_ now: Moment) {
        guard !alive, [.created, .stopped, .failed].contains(state) else { return }
        enter(.removed, now)
    }

    /// When `time` may change something next.
    package func deadline(_ health: HealthPolicy) -> Moment? {
        switch state {
        case .starting: since + health.startTimeout
        case .warming:
            passes >= (thawed ? 1 : health.healthyThreshold) && warmed && !thawed
                ? since + health.stableFor : since + health.healthyDeadline
        case .draining: drain.map { $0.long == 0 ? $0.deadline : $0.longDeadline }
        case .stopping, .failed: alive && !killed ? killAt : nil
        default: nil
        }
    }
}
