/// A service: its revisions, their instances, the router's table and the rollout that is under way.
///
/// All of it is one value without I/O, clock or chance. An engine tells it what happened and when; it answers with what
/// to do next. The engine writes the value to its journal before it begins the actions, and their results come back as
/// events: so the value always holds, in `pending`, what may have been begun and is not known to be done. After a
/// crash it is read again and told what there is (`.recovered`), and gives the pending actions out once more.
package struct Service: Hashable, Sendable, Codable {
    package struct Pending: Hashable, Sendable, Codable {
        package enum Owner: Hashable, Sendable, Codable {
            case instance(String)
            case router, step, other
            case address(String)
        }
        package var action: ServiceAction
        package var owner: Owner
    }
    /// An address nobody may get, because connections to it may still be known to the kernel.
    package struct Quarantine: Hashable, Sendable, Codable {
        package var address: String
        package var instance: String
        package var since: Moment
        package var action: Int64?
        package var retryAt: Moment?
    }
    /// Until then the last revision's instances stay as they are.
    package struct Window: Hashable, Sendable, Codable {
        package var revision: Int
        package var count: Int
        package var ends: Moment
    }
    package struct Backoff: Hashable, Sendable, Codable {
        package var failures = 0
        package var notBefore: Moment?
        /// The youngest instance there was at the last failure that counted.
        package var youngest: Int?
    }
    package struct Decision: Hashable, Sendable {
        package var actions: [ServiceAction]
        /// Of a command.
        package var reply: ServiceReply?
        /// Something changed that a crash must not lose; without it the journal needs no new entry.
        package var isDurable: Bool
    }

    package let name: String
    package internal(set) var revisions: [Int: Revision] = [:]
    /// The revision that serves when nothing is under way; nil before the first deploy has succeeded.
    package internal(set) var stable: Int?
    package internal(set) var desired = 0
    package internal(set) var instances: [Instance] = []
    package internal(set) var router: RouterState
    package internal(set) var rollout: Rollout?
    package internal(set) var queued: DeployRequest?
    package internal(set) var queuedID: String?
    package internal(set) var window: Window?
    package internal(set) var quarantine: [Quarantine] = []
    package internal(set) var history: [RolloutRecord] = []
    package internal(set) var pending: [Pending] = []
    /// The last rollout got stuck: whatever is healthy stays in the pool until a person decides.
    package internal(set) var isDegraded = false
    package internal(set) var isInMaintenance = false
    package internal(set) var pendingScale: Int?
    /// While `recover` looks at what a start of the host has ended.
    var isRebooting = false
    /// By revision: one that cannot run must not slow down another.
    var backoff: [Int: Backoff] = [:]
    var nextAction: Int64 = 1
    var nextOrdinal = 1
    var nextRevision = 1
    var nextRollout = 1
    var environment: Instance.Environment?
    /// The time of the last event.
    package internal(set) var now = Moment.zero
    var outbox: [ServiceAction] = []

    package init(name: String) {
        self.name = name
        router = RouterState(service: name)
    }

    /// The one way in. `moment` must not be less than that of the call before, but for `.recovered` after a reboot.
    package mutating func handle(_ event: ServiceEvent, at moment: Moment) -> Decision {
        var before = self
        // The journal has no younger time than that of the last change.
        let away = moment - now
        if case .recovered = event { now = moment } else { now = max(now, moment) }
        before.now = now
        var reply: ServiceReply?
        switch event {
        case .done(let id, let result): finished(id, result)
        case .instance(let name, let report): reported(name, report)
        case .routerDown: routerWentDown()
        case .routerUp: routerCameUp()
        case .alarm(let text): alarm(text)
        case .tick: break
        case .recovered(let observation): recover(observation, after: away)
        case .command(let command): reply = obey(command)
        }
        timePassed()
        settle()
        let actions = outbox
        outbox = []
        measure()
        return Decision(actions: actions, reply: reply, isDurable: !actions.isEmpty || !isSame(before))
    }

    /// But for what begins again after a crash, and comes too often to be written each time: probes, samples of a drain.
    private func isSame(_ before: Service) -> Bool {
        guard instances.count == before.instances.count else { return false }
        for (one, other) in zip(instances, before.instances) where one != other {
            guard one.durable == other.durable else { return false }
        }
        var rest = self
        rest.instances = before.instances
        return rest == before
    }

    /// Does what follows from the state until nothing more does.
    private mutating func settle() {
        // Every round either enters or ends a step, or is the last; a program has fewer steps than this.
        for _ in 0..<10_000 {
            assignGoals()
            for index in instances.indices { drive(index) }
            instances.removeAll { $0.state == .removed }
            clearAddresses()
            syncRouter()
            if !advance() { break }
        }
    }

    /// For the ledger.
    private mutating func measure() {
        guard var ledger = rollout?.ledger else { return }
        ledger.mostRunning = max(ledger.mostRunning, instances.count { $0.isRunning })
        ledger.leastPooled = min(ledger.leastPooled ?? .max, pooled.count)
        rollout?.ledger = ledger
    }
}

// MARK: - Lookup

extension Service {
    func index(of instance: String) -> Int? { instances.firstIndex { $0.name == instance } }
    func spec(of revision: Int) -> ServiceSpec? { revisions[revision]?.spec }
    func health(_ instance: Instance) -> HealthPolicy { spec(of: instance.revision)?.health ?? HealthPolicy() }
    func drainPolicy(_ instance: Instance) -> DrainPolicy {
        var policy = spec(of: instance.revision)?.drain ?? DrainPolicy()
        // Clients are waiting: long connections cannot have their time.
        if let rollout, rollout.isHeld {
            policy.longLived = nil
            policy.timeout = min(policy.timeout, self.policy.holdTimeout)
        }
        return policy
    }
    /// Of the rollout, else of the stable revision.
    var policy: DeployPolicy {
        (rollout.flatMap { spec(of: $0.to) } ?? stable.flatMap { spec(of: $0) })?.deploy ?? DeployPolicy()
    }
    func isTarget(_ instance: Instance) -> Bool { instance.revision == rollout?.to }
    package var pooled: [Instance] { instances.filter { $0.state == .pooled && $0.alive } }

    mutating func apply(_ event: InstanceEvent, to index: Int) {
        let instance = instances[index]
        let changed = instances[index].apply(
            event, at: now, health: health(instance), drain: drainPolicy(instance))
        if changed { instanceChanged(index, from: instance.state) }
    }

    mutating func notice(_ kind: ServiceNotice.Kind, _ text: String, instance: String? = nil) {
        let notice = ServiceNotice(kind: kind, rollout: rollout?.id, instance: instance, text: text)
        outbox.append(ServiceAction(id: nextAction, kind: .notice(notice)))
        nextAction += 1
    }

    /// Gives out an action, unless an invariant forbids it: then nothing is done, and a person has to look.
    @discardableResult
    mutating func issue(_ kind: ServiceAction.Kind, _ owner: Pending.Owner) -> Int64? {
        let violations = Invariant.violations(of: kind, in: snapshot)
        if let first = violations.first {
            becomeStuck(Failure(.invariant, "\(first.invariant.rawValue): \(first.text)"))
            return nil
        }
        let action = ServiceAction(id: nextAction, kind: kind)
        nextAction += 1
        outbox.append(action)
        pending.append(Pending(action: action, owner: owner))
        return action.id
    }

    mutating func issue(_ kind: ServiceAction.Kind, for index: Int) {
        instances[index].action = issue(kind, .instance(instances[index].name))
    }
}
