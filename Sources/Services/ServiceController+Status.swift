import Basics
package import Deployment
import Reactor

/// A service as `status` shows it.
extension ServiceController {
    package func status() async -> JSONValue {
        await measureTraffic()
        let service = service
        let now = tools.clock.now()
        var members: [String: JSONValue] = [
            "service": .string(name), "state": .string(state), "stable": .revision(service.stable),
            "desired": .int(service.desired),
            "instances": .array(service.instances.map { instance($0, now) }),
            "revisions": .array(
                service.revisions.values.sorted { $0.number < $1.number }.map { revision($0) }),
            "serving": .object(serving), "weights": .object(weights),
            "ports": .array(ports),
            "requests_per_second": .object(
                rate.perSecond.reduce(into: [:]) { $0["r\($1.key)"] = .number(($1.value * 10).rounded() / 10) }),
            "rollout": service.rollout.map { rollout($0, now) } ?? .null, "queued": .text(service.queuedID),
            "window": .null, "degraded": .bool(service.isDegraded), "maintenance": .bool(service.isInMaintenance),
            "router": .string(service.router.isDown ? "down" : service.router.isUncertain ? "unknown" : "in_sync"),
        ]
        if let window = service.window {
            members["window"] = .object([
                "revision": .revision(window.revision), "instances": .int(window.count),
                "to_start": .int(max(0, service.desired - service.warmCount(window.revision))),
                "seconds_left": .seconds(max(.zero, window.ends - now)),
            ])
        }
        return .object(members)
    }

    private var state: String {
        if service.isInMaintenance { return "maintenance" }
        if service.isDegraded { return "degraded" }
        if let rollout = service.rollout { return rollout.phase.rawValue }
        if service.stable == nil { return "empty" }
        return service.pooled.count >= service.desired ? "steady" : "recovering"
    }

    private var serving: [String: JSONValue] {
        Dictionary(grouping: service.pooled, by: \.revision).reduce(into: [:]) {
            $0["r\($1.key)"] = .int($1.value.count)
        }
    }

    /// Percent of new connections, by revision.
    private var weights: [String: JSONValue] {
        let table = service.router.applied
        return Set(table.groups.map(\.revision)).reduce(into: [:]) {
            $0["r\($1)"] = .number(Double(table.share(of: $1).parts) / 100)
        }
    }

    private var ports: [JSONValue] {
        let number = service.stable ?? service.rollout?.to
        return (number.flatMap { service.revisions[$0] }?.spec.ports ?? []).map { port in
            .object([
                "name": .string(port.name), "publish": port.publish.map { .int($0) } ?? .null,
                "target": .int(port.target), "protocol": .string(port.transport.rawValue),
            ])
        }
    }

    private func revision(_ revision: Revision) -> JSONValue {
        .object([
            "revision": .revision(revision.number), "image": .string(PinnedImage.name(revision.spec.image)),
            "digest": .string(PinnedImage.identifier(revision.spec.image)), "label": .text(revision.label),
            "strategy": .string(revision.spec.deploy.strategy.rawValue),
            "stable": .bool(revision.number == service.stable),
        ])
    }

    private func instance(_ one: Instance, _ now: Moment) -> JSONValue {
        var members: [String: JSONValue] = [
            "name": .string(one.name), "revision": .revision(one.revision), "state": .string(one.state.rawValue),
            "goal": .string(one.goal.rawValue), "alive": .bool(one.alive),
            "seconds": .seconds(max(.zero, now - one.since)), "address": .text(one.address),
            "set_aside": .bool(one.isSetAside), "environment": .text(one.environment?.rawValue),
            "probe": one.lastProbe.map {
                .object(["passed": .bool($0.passed), "detail": .string($0.detail)])
            } ?? .null,
            "failure": one.failure.map { ServiceResult.reason($0) } ?? .null,
        ]
        if let drain = one.drain {
            members["open_connections"] = .int(drain.short + drain.long)
            members["drain_seconds_left"] = .seconds(max(.zero, drain.longDeadline - now))
        }
        return .object(members)
    }

    func rollout(_ rollout: Rollout, _ now: Moment) -> JSONValue {
        let left = rollout.plan.expectedDuration.nanoseconds - (now - rollout.startedAt).nanoseconds
        return .object([
            "deploy": .string(rollout.id), "service": .string(name), "kind": .string(rollout.kind.rawValue),
            "phase": .string(rollout.phase.rawValue), "from": .revision(rollout.from), "to": .revision(rollout.to),
            "strategy": .string(rollout.strategy.rawValue), "steps": .strings(rollout.program.map(\.text)),
            "step": .int(rollout.cursor), "step_text": .text(rollout.step?.text),
            "rolling_back": .bool(rollout.isRollingBack), "waits_for": .text(rollout.waitsFor),
            "pause": rollout.pause.map {
                .object([
                    "reason": .string($0.reason.rawValue), "detail": .string($0.detail),
                    "seconds": .seconds(max(.zero, now - $0.since)),
                ])
            } ?? .null,
            "reason": rollout.reason.map { ServiceResult.reason($0) } ?? .null,
            "share": rollout.share.map { .number(Double($0.parts) / 100) } ?? .null,
            "seconds": .seconds(max(.zero, now - rollout.startedAt)),
            "seconds_left": rollout.isRollingBack || left <= 0
                ? .null : .seconds(Span(nanoseconds: left)),
            "key": .text(rollout.key),
        ])
    }

    /// Of one rollout: under way, waiting for another one, or ended.
    package func status(ofRollout id: String) async throws -> JSONValue {
        if let rollout = service.rollout, rollout.id == id {
            guard case .object(var members) = self.rollout(rollout, tools.clock.now()) else { return .null }
            members["done"] = .bool(false)
            members["result"] = .null
            return .object(members)
        }
        if service.queuedID == id {
            return .object([
                "deploy": .string(id), "service": .string(name), "phase": .string("queued"), "done": .bool(false),
                "waits_for": .text(service.rollout.map { "the end of \($0.id)" }), "result": .null,
                "key": .text(service.queued?.key),
            ])
        }
        if unwritten.contains(id) {
            // Not before it is certain.
            return .object([
                "deploy": .string(id), "service": .string(name), "phase": .string("ending"), "done": .bool(false),
                "waits_for": .null, "result": .null, "key": .null,
            ])
        }
        let result = try await tools.pool.run { [tools] in try tools.journal.result(of: id) }
        guard let result else { throw ServiceError(.notFound, "there is no rollout '\(id)'") }
        return .object([
            "deploy": .string(id), "service": .string(name), "phase": result["outcome"] ?? .null, "done": .bool(true),
            "waits_for": .null, "result": result, "key": result["key"] ?? .null,
        ])
    }

    /// As above, when it has ended or somebody has to do something; at the latest after a time.
    package func status(ofRollout id: String, within limit: Span) async throws -> JSONValue {
        let news = tools.board.listen(service: name)
        let clock = tools.clock
        let deadline = clock.now() + limit
        while true {
            let status = try await status(ofRollout: id)
            if status["done"] == .bool(true) || status["phase"]?.string == "paused" || clock.now() >= deadline {
                return status
            }
            if let wait = status["waits_for"]?.string, wait == Rollout.promotion { return status }
            await withTaskGroup(of: Void.self) { group in
                group.addTask { for await one in news where one.rollout == id && one.isTurn { return } }
                group.addTask { try? await clock.sleep(deadline) }
                await group.next()
                group.cancelAll()
            }
            try Task.checkCancellation()
        }
    }
}

extension ServiceNews {
    /// After it, who waits has to look again.
    var isTurn: Bool { ["result", "paused", "step", "finished", "resumed", "accepted", "needs_human"].contains(kind) }
}

extension Rollout {
    static let promotion = "promote"
    /// Who or what has to do something, so that it goes on.
    var waitsFor: String? {
        if let pause { return pause.reason == .routerDown ? "the router" : "resume" }
        if case .gate = step { return Self.promotion }
        return nil
    }
}
