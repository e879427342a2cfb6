import Deployment
import Reactor
import Routing

/// What is asked of a controller apart from commands.
extension ServiceController {
    /// The spec file of the stable revision, or of the one that is being rolled out first.
    var source: JSONValue? {
        let number = service.stable ?? service.rollout?.to
        return number.flatMap { service.revisions[$0] }.flatMap { entry.sources[$0.hash] }
    }

    /// What `scale` has made of the source since.
    var scaled: JSONValue {
        guard let scale = service.stable.flatMap({ service.revisions[$0] })?.spec.scale,
            service.desired != scale.desired
        else { return .object([:]) }
        return .object(["scale": .object(["desired": .int(service.desired)])])
    }

    /// New limits are a part of what the next deploy begins from.
    func keepLimits() {
        guard let stable = service.stable.flatMap({ service.revisions[$0] }), let source = entry.sources[stable.hash]
        else { return }
        let scale = stable.spec.scale
        entry.sources[stable.hash] = source.merging(
            .object([
                "scale": .object([
                    "min": .int(scale.min), "desired": .int(scale.desired), "max": .int(scale.max),
                ])
            ]))
    }

    /// The result object of a deploy that finds nothing to do.
    func unchangedResult() -> JSONValue {
        let serving = Dictionary(grouping: service.pooled, by: \.revision).mapValues(\.count)
        return .object([
            "schema": .number(1), "deploy": .null, "service": .string(name), "kind": .string("deploy"),
            "outcome": .string(Outcome.succeeded.rawValue), "exit": .number(0), "changed": .bool(false),
            "from": .revision(service.stable), "to": .revision(service.stable),
            "serving": .object(serving.reduce(into: [:]) { $0["r\($1.key)"] = .int($1.value) }),
            "reason": .null, "timings": .object(["total": .number(0)]), "plan": .null,
        ])
    }

    /// What a deploy would do, from what there is now. Nothing is changed.
    func plan(_ request: DeployRequest, _ source: JSONValue) async throws -> JSONValue {
        var copy = service
        if let rollout = copy.rollout {
            throw ServiceError(
                .busy, "'\(name)' is busy with \(rollout.id): a plan begins from what serves when that is over",
                holder: rollout.id)
        }
        let before = copy.stable.flatMap { copy.revisions[$0] }
        let decision = copy.handle(.command(.deploy(request)), at: tools.clock.now())
        guard case .accepted = decision.reply, let plan = copy.rollout?.plan else {
            return .object([
                "service": .string(name), "changed": .bool(false), "from": .revision(service.stable),
                "to": .revision(service.stable), "steps": .array([]), "warnings": .array([]),
                "refusals": .array([]),
                "diff": ServicePlan.diff(before.flatMap { entry.sources[$0.hash] }, source),
            ])
        }
        let refusals = await checker(of: plan, in: copy)()
        return ServicePlan.make(plan).merging(
            .object([
                "refusals": ServiceResult.refusals(refusals),
                "diff": ServicePlan.diff(before.flatMap { entry.sources[$0.hash] }, source),
            ]))
    }

    /// Everything that belongs to the service goes; nobody can go back from here.
    func dissolve() async throws {
        let underWay = Array(actions.values)
        close()
        // What has begun comes to its end before all is taken away.
        for action in underWay { await action.value }
        try await tools.pool.run { [tools, name] in try tools.router.remove(name) }
        for one in try await tools.instances.observe(service: name) {
            if one.existence == .running, let order = order(of: one.name) {
                try? await tools.instances.signal(one.name, order.spec.drain.stopSignal, isFrozen: false)
            }
        }
        try await removeAll()
        try await tools.pool.run { [tools, name] in try tools.journal.remove(service: name) }
    }

    private func removeAll() async throws {
        let grace = service.instances.compactMap { order(of: $0.name)?.spec.drain.stopGrace }.max() ?? .seconds(10)
        let deadline = tools.clock.now() + grace
        while true {
            let left = try await tools.instances.observe(service: name)
            let isOver = tools.clock.now() >= deadline
            for one in left where one.existence != .running || isOver {
                try await tools.instances.remove(one.name)
            }
            if left.isEmpty { return }
            try await tools.clock.sleep(for: .milliseconds(50))
        }
    }
}

/// A plan as it is shown.
enum ServicePlan {
    static func make(_ plan: RolloutPlan) -> JSONValue {
        .object([
            "service": .string(plan.service), "changed": .bool(true), "from": .revision(plan.from),
            "to": .revision(plan.to), "strategy": .string(plan.strategy.rawValue), "image": .string(plan.image),
            "desired": .int(plan.desired), "steps": .strings(plan.steps.map(\.text)),
            "peak": .object([
                "running": .int(plan.peakRunning), "instances": .int(plan.peakInstances),
                "memory_bytes": plan.peakMemory.map { .int($0) } ?? .null,
            ]),
            "expected_seconds": .seconds(plan.expectedDuration), "gap_seconds": .seconds(plan.expectedGap),
            "warnings": .strings(plan.warnings),
        ])
    }

    /// `[{path, from, to}]`, by path.
    static func diff(_ old: JSONValue?, _ new: JSONValue) -> JSONValue {
        var found: [(String, JSONValue, JSONValue)] = []
        compare(old ?? .object([:]), new, "", &found)
        return .array(
            found.sorted { $0.0 < $1.0 }.map {
                .object(["path": .string($0.0), "from": $0.1, "to": $0.2])
            })
    }

    private static func compare(
        _ old: JSONValue, _ new: JSONValue, _ path: String, _ found: inout [(String, JSONValue, JSONValue)]
    ) {
        if old == new { return }
        guard case .object(let before) = old, case .object(let after) = new else {
            return found.append((path, old, new))
        }
        for key in Set(before.keys).union(after.keys) {
            compare(before[key] ?? .null, after[key] ?? .null, path.isEmpty ? key : "\(path).\(key)", &found)
        }
    }
}
