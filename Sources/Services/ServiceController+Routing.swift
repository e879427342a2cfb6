import Deployment
import Reactor
import Routing

/// From the service's table to a route: with the ports that its revisions have.
extension ServiceController {
    func applyRouter(_ table: RouterTable) -> Job {
        let (tools, route) = (tools, route(for: table))
        return { [weak self] in
            await self?.countTraffic()
            do {
                try await tools.pool.run { try tools.router.apply(route) }
                return .ok
            } catch {
                return .failed("\(error)")
            }
        }
    }

    func readBack() -> Job {
        guard let table = service.router.sent else { return { .readBack(nil) } }
        let (tools, wanted) = (tools, route(for: table))
        return { [name] in
            do {
                let found = try await tools.pool.run { try tools.router.readBack(name) }
                guard let found, Set(found.ports) == Set(wanted.ports) else { return .readBack(nil) }
                return .readBack(found.table)
            } catch {
                return .failed("\(error)")
            }
        }
    }

    /// Of the revision that is listed, or about to be: old and new have the same ports inside while both are listed.
    func route(for table: RouterTable) -> ServiceRoute {
        let listed = table.groups.map(\.revision)
        let target = service.rollout?.to
        var numbers: [Int] = []
        if let target, listed.contains(target) || listed.isEmpty { numbers.append(target) }
        numbers += listed.sorted(by: >)
        numbers += [service.stable, target].compactMap { $0 }
        var ports: [RoutedPort] = []
        for number in numbers {
            for port in service.revisions[number].map({ routedPorts($0.spec) }) ?? [] {
                guard !ports.contains(where: { $0.port == port.port && $0.transport == port.transport }),
                    !ports.contains(where: { $0.name == port.name })
                else { continue }
                // A preview's port is open as long as there is something to see.
                if port.pool == .preview, number != target || table.preview.isEmpty { continue }
                ports.append(port)
            }
        }
        return ServiceRoute(ports: ports, table: table)
    }

    nonisolated func routedPorts(_ spec: ServiceSpec) -> [RoutedPort] {
        var ports = spec.ports.compactMap { port -> RoutedPort? in
            guard let publish = port.publish else { return nil }
            return RoutedPort(
                name: port.name, transport: port.transport, port: UInt16(publish), target: UInt16(port.target),
                sticksToAddress: port.sticky?.by == .address)
        }
        if let preview = spec.deploy.preview?.port, let first = spec.ports.first {
            ports.append(
                RoutedPort(
                    name: "\(first.name)-preview", transport: first.transport, port: UInt16(preview),
                    target: UInt16(first.target), pool: .preview))
        }
        return ports
    }

    /// The most that a plan will ask of the router.
    nonisolated func trial(of plan: RolloutPlan, _ spec: ServiceSpec) -> ServiceRoute {
        var table = RouterTable(service: name)
        for step in plan.steps {
            switch step {
            case .hold: table.hold = true
            case .preview(true): table.preview = [.init(instance: "\(name)-r\(plan.to)-1", address: "192.0.2.1")]
            default: break
            }
        }
        table.match = spec.deploy.match
        if !table.match.isEmpty { table.matchRevision = plan.to }
        let member = RouterTable.Member(instance: "\(name)-r\(plan.to)-1", address: "192.0.2.1")
        table.groups = [.init(revision: plan.to, share: .all, members: [member])]
        return ServiceRoute(ports: routedPorts(spec), table: table)
    }

    /// One port of the host leads to one port of the instances, old and new alike.
    nonisolated func targetChange(_ to: ServiceSpec, _ from: ServiceSpec?) -> [PreflightRefusal] {
        guard let from, to.deploy.strategy != .recreate, to.deploy.strategy != .allAtOnce else { return [] }
        return to.ports.compactMap { port in
            guard let publish = port.publish,
                let old = from.ports.first(where: { $0.publish == publish && $0.transport == port.transport }),
                old.target != port.target
            else { return nil }
            let text =
                "port \(publish): the target changes from \(old.target) to \(port.target), and old and new instances "
                + "share the router's port; keep the target, or deploy with strategy \"recreate\""
            return PreflightRefusal(subject: .port, text: text)
        }
    }
}
