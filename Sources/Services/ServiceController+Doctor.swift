package import Deployment
import Reactor
import Routing

extension ServiceController {
    /// What is wrong, as far as it can be seen from here: one finding a line, with what to do.
    package func doctor() async -> JSONValue {
        var findings: [JSONValue] = []
        func find(_ subject: String, _ isFine: Bool, _ detail: String, _ advice: String = "") {
            findings.append(
                .object([
                    "subject": .string(subject), "ok": .bool(isFine), "detail": .string(detail),
                    "advice": .string(advice),
                ]))
        }
        for instance in service.instances where instance.alive && instance.state != .frozen {
            guard let order = order(of: instance.name) else { continue }
            let result = await tools.instances.probe(order)
            let place = order.address.map { " at \($0)" } ?? ""
            find(
                instance.name, result.passed, "\(instance.state.rawValue)\(place), asked now: \(result.detail)",
                result.passed
                    ? "" : "look at 'boxctl logs \(instance.name)', and at health in the spec: path, port, expect")
        }
        for instance in service.instances where instance.failure != nil {
            let log = instance.failure?.log.last.map { "; last words: \($0)" } ?? ""
            find(
                instance.name, false, "failed: \(instance.failure?.detail ?? "")\(log)", "boxctl logs \(instance.name)")
        }
        let result = { [name] in
            JSONValue.object([
                "service": .string(name), "findings": .array(findings),
                "ok": .bool(findings.allSatisfy { $0["ok"] == .bool(true) }),
            ])
        }
        // Nothing has ever served, so nothing is where it has to be.
        if service.stable == nil, service.rollout == nil, service.pooled.isEmpty {
            let last = service.history.last
            let how = last.map { "\($0.rollout) \($0.outcome.rawValue)" + ($0.reason.map { ": \($0)" } ?? "") }
            find(
                "service", false, "no revision serves; the last rollout: \(how ?? "none")",
                "correct that, and deploy again")
            return result()
        }
        let wanted = service.desired
        let pooled = service.pooled.count
        find("pool", pooled >= wanted, "\(pooled) of \(wanted) instances are in the pool")
        let table = service.wantedTable
        let route = route(for: table)
        do {
            let found = try await tools.pool.run { [tools, name] in try tools.router.readBack(name) }
            let isSame = found?.table == service.router.applied
            find(
                "router", isSame,
                found == nil
                    ? "it knows nothing of the service"
                    : isSame ? "does what it was told" : "does something else than it was told",
                isSame ? "" : "it is told again when the next thing changes; 'boxctl events' says who changed it")
        } catch {
            find("router", false, "\(error)")
        }
        if route.ports.isEmpty {
            find("ports", false, "no port is published: nobody can reach the service from outside", "ports[].publish")
        }
        if service.isDegraded {
            find(
                "service", false, "the last rollout got stuck, and a person has to decide",
                "deploy a revision that works, or 'boxctl rollback \(name)'")
        }
        return result()
    }
}
