import Basics
import Deployment
import Reactor
import Routing

extension ServiceController {
    typealias Job = @Sendable () async -> ActionResult

    /// What an action means to the drivers. Looks up here what it needs, and runs apart from the actor.
    func job(for action: ServiceAction) -> Job {
        let tools = tools
        switch action.kind {
        case .preflight(let plan): return preflight(plan)
        case .pull(let image): return attempt { try await tools.instances.pull(image: image) }
        case .applyRouter(_, let table): return applyRouter(table)
        case .readBackRouter: return readBack()
        case .clearAddress(let address): return attempt { try await tools.instances.forget(address: address) }
        case .awaitShare(let revision, let share): return awaitShare(revision, share)
        case .analyse(let length, let policy, let target, let control):
            return analyse(length, policy, target: target, control: control)
        case .verifyVolumes(let revision):
            return withOrder(revision) { try await tools.instances.verifyVolumes($0) }
        case .snapshotVolumes(let revision, let key):
            return withOrder(revision) { try await tools.instances.snapshotVolumes($0, key: key) }
        case .restoreVolumes(let revision, let key):
            return withOrder(revision) { try await tools.instances.restoreVolumes($0, key: key) }
        case .runHook(let place, let hook, let revision, let instance, let key):
            return runHook(place, hook, revision, instance, key)
        default: return instanceJob(for: action)
        }
    }

    private func instanceJob(for action: ServiceAction) -> Job {
        let driver = tools.instances
        switch action.kind {
        case .start(let instance, let revision, let avoid): return start(instance, revision, avoid)
        case .probe(let instance, let eager):
            startProbing(instance, eager: eager)
            return { .ok }
        case .stopProbing(let instance):
            stopProbing(instance)
            return { .ok }
        case .warmUp(let instance, let paths):
            return withInstance(instance) { try await driver.warmUp($0, paths: paths) }
        case .drain(let instance, let policy): return drain(instance, policy)
        case .recall(let instance):
            stopDraining(instance)
            startProbing(instance, eager: true)
            return { .ok }
        case .freeze(let instance):
            stopDraining(instance)
            stopProbing(instance)
            return attempt { try await driver.freeze(instance) }
        case .thaw(let instance): return attempt { try await driver.thaw(instance) }
        case .signalStop(let instance, let signal, let isFrozen):
            stopDraining(instance)
            stopProbing(instance)
            return attempt { try await driver.signal(instance, signal, isFrozen: isFrozen) }
        case .kill(let instance): return kill(instance)
        case .captureLog(let instance, let lines):
            return {
                do { return .log(try await driver.log(of: instance, lines: lines)) } catch {
                    return .failed("\(error)")
                }
            }
        case .remove(let instance):
            stopDraining(instance)
            stopProbing(instance)
            return attempt { try await driver.remove(instance) }
        default: return { .failed("nobody knows how to do this") }
        }
    }

    /// What has to happen once the answer is on its way.
    func after(_ kind: ServiceAction.Kind, _ result: ActionResult) {
        if case .start(let instance, _, _) = kind, case .started = result { watchExit(instance) }
        if case .remove(let instance) = kind, case .ok = result { exits.removeValue(forKey: instance)?.cancel() }
    }

    // MARK: Parts

    func order(of instance: String) -> InstanceOrder? {
        guard let one = service.instances.first(where: { $0.name == instance }),
            let spec = service.revisions[one.revision]?.spec
        else { return nil }
        return InstanceOrder(
            service: name, instance: instance, revision: one.revision, spec: spec, address: one.address)
    }

    private nonisolated func attempt(_ body: @escaping @Sendable () async throws -> Void) -> Job {
        {
            do {
                try await body()
                return .ok
            } catch {
                return .failed("\(error)")
            }
        }
    }

    private func withInstance(
        _ instance: String, _ body: @escaping @Sendable (InstanceOrder) async throws -> Void
    ) -> Job {
        guard let order = order(of: instance) else { return { .failed("there is no instance '\(instance)'") } }
        return attempt { try await body(order) }
    }

    private func withOrder(
        _ revision: Int, _ body: @escaping @Sendable (InstanceOrder) async throws -> Void
    ) -> Job {
        guard let spec = service.revisions[revision]?.spec else { return { .failed("r\(revision) is not kept") } }
        let order = InstanceOrder(service: name, instance: "", revision: revision, spec: spec)
        return attempt { try await body(order) }
    }

    private func start(_ instance: String, _ revision: Int, _ avoid: [String]) -> Job {
        guard let spec = service.revisions[revision]?.spec else { return { .failed("r\(revision) is not kept") } }
        let order = InstanceOrder(service: name, instance: instance, revision: revision, spec: spec)
        let driver = tools.instances
        return {
            do {
                return .started(address: try await driver.start(order, avoid: avoid))
            } catch {
                return .failed("\(error)")
            }
        }
    }

    /// It had its time to say goodbye: who is still connected is told by a reset, while there is somebody to send it.
    private func kill(_ instance: String) -> Job {
        let (tools, order) = (tools, order(of: instance))
        return {
            var count = 0
            if let order {
                do { count = try await tools.instances.cutConnections(order) } catch {
                    tools.log.debug("\(instance): cannot cut its connections: \(error)")
                }
            }
            do { try await tools.instances.kill(instance) } catch { return .failed("\(error)") }
            return .cut(count)
        }
    }

    private func preflight(_ plan: RolloutPlan) -> Job {
        let check = checker(of: plan, in: service)
        return {
            let found = await check()
            return found.isEmpty ? .ok : .refused(found)
        }
    }

    /// What stands in the way of a plan.
    func checker(of plan: RolloutPlan, in service: Service) -> @Sendable () async -> [PreflightRefusal] {
        guard let to = service.revisions[plan.to]?.spec else {
            return { [PreflightRefusal(subject: .feature, text: "r\(plan.to) is not kept")] }
        }
        let from = plan.from.flatMap { service.revisions[$0]?.spec }
        let order = PreflightOrder(
            plan: plan, to: to, from: from, alive: service.instances.count { $0.alive },
            warm: service.warmCount(plan.to), ports: routedPorts(to))
        let known = to.features.subtracting(SpecFeature.possible)
        var refused = known.compactMap(\.refusal) + targetChange(to, from)
        let trial = trial(of: plan, to)
        let limits = tools.router.limits(trial)
        refused += limits.map { PreflightRefusal(subject: .feature, text: $0) }
        let found = refused.sorted { $0.text < $1.text }
        return { [tools] in
            let all = found + (await tools.instances.preflight(order))
            // Whose it is has been said already, when anybody here knows.
            if all.contains(where: { $0.subject == .port }) { return all }
            let conflicts = await tools.pool.run { () throws(Never) in
                do { return try tools.router.conflicts(trial) } catch { return ["\(error)"] }
            }
            return all + conflicts.map { PreflightRefusal(subject: .port, text: $0) }
        }
    }

    private func runHook(
        _ place: Hooks.Place, _ hook: Hooks.Hook, _ revision: Int, _ instance: String?, _ key: String
    ) -> Job {
        guard let spec = service.revisions[revision]?.spec else { return { .failed("r\(revision) is not kept") } }
        let order = HookOrder(
            place: place, hook: hook,
            order: InstanceOrder(service: name, instance: instance ?? "", revision: revision, spec: spec),
            isInside: instance != nil, key: key)
        let driver = tools.instances
        return attempt { try await driver.run(order) }
    }
}

extension SpecFeature {
    /// What containers can do, or the router is asked about.
    static let possible: Set<SpecFeature> = [
        .lameDuck, .volumeSnapshot, .freshBaseline, .metrics, .layer7, .sticky, .match, .preview, .hostRouting,
        .portTimeout,
    ]

    var refusal: PreflightRefusal? {
        let text: String? =
            switch self {
            case .autoscaling: "scale.target: the number of instances is changed by 'boxctl scale' only"
            case .webhooks: "deploy.analysis.webhooks are not called yet; use the metric crashes, or a gate"
            case .secrets: "secrets cannot be given to containers yet; use env"
            case .scaleToZero: "scale.to_zero_after: the last instance is never stopped yet"
            case .slowStart: "health.slow_start needs a router that knows of requests"
            default: nil
            }
        return text.map { PreflightRefusal(subject: .feature, text: $0) }
    }
}
