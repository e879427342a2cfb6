import Basics
import Deployment
import Reactor
import Routing

/// What goes on beside actions: ends, probes, drains. Each tells the service by events.
extension ServiceController {
    // MARK: Ends

    /// From the start to the end of its process, whatever its state is; once for each.
    func watchExit(_ instance: String) {
        guard exits[instance] == nil else { return }
        let tools = tools
        exits[instance] = Task { [weak self] in
            while !Task.isCancelled {
                do {
                    let exit = try await tools.instances.exit(of: instance)
                    if !Task.isCancelled { await self?.ended(instance, exit) }
                    return
                } catch is CancellationError {
                    return
                } catch {
                    tools.log.warn("cannot watch \(instance): \(error)")
                    do { try await tools.clock.sleep(for: .seconds(1)) } catch { return }
                }
            }
        }
    }

    private func ended(_ instance: String, _ exit: InstanceExit) {
        exits[instance] = nil
        stopProbing(instance)
        stopDraining(instance)
        post(.instance(instance, .exited(code: exit.code, outOfMemory: exit.outOfMemory)))
    }

    // MARK: Probes

    /// Until something listens, then at its interval. One that comes from the freezer is asked at once and often.
    func startProbing(_ instance: String, eager: Bool) {
        probers.removeValue(forKey: instance)?.cancel()
        guard let order = order(of: instance) else { return }
        let tools = tools
        let isListening = service.instances.first { $0.name == instance }.map { $0.state != .starting } ?? false
        let tell: @Sendable (InstanceReport) async -> Void = { [weak self] report in
            await self?.post(.instance(instance, report))
        }
        probers[instance] = Task {
            do {
                if !isListening {
                    try await Self.awaitListening(order, tools)
                    await tell(.listening)
                }
                try await Self.probe(order, tools, eager: eager, tell)
            } catch {
                // Cancelled: it is out of the pool, or gone.
            }
        }
    }

    func stopProbing(_ instance: String) { probers.removeValue(forKey: instance)?.cancel() }

    private static func awaitListening(_ order: InstanceOrder, _ tools: ServiceTools) async throws {
        while true {
            try Task.checkCancellation()
            // One that has no process any more is reported by the watch of its end.
            if (try? await tools.instances.isListening(order)) == true { return }
            try await tools.clock.sleep(for: .milliseconds(20))
        }
    }

    private static func probe(
        _ order: InstanceOrder, _ tools: ServiceTools, eager: Bool, _ tell: @Sendable (InstanceReport) async -> Void
    ) async throws {
        let interval = order.spec.health.interval
        var hasPassed = false
        while true {
            try Task.checkCancellation()
            let began = tools.clock.now()
            let result = await tools.instances.probe(order)
            try Task.checkCancellation()
            await tell(.probe(result))
            hasPassed = hasPassed || result.passed
            let wait = eager && !hasPassed ? min(interval, .milliseconds(20)) : interval
            try await tools.clock.sleep(max(began + wait, tools.clock.now() + .milliseconds(5)))
        }
    }

    // MARK: Drains

    static let sampleInterval = Span.milliseconds(50)

    /// Half-open connections are forgotten, notice is given, and what is open is counted until told otherwise.
    func drain(_ instance: String, _ policy: DrainPolicy) -> Job {
        // Its own probes would be counted as connections.
        stopProbing(instance)
        drainers.removeValue(forKey: instance)?.cancel()
        guard let order = order(of: instance), let address = order.address else {
            // Gone meanwhile: the watch of its end tells.
            return { .ok }
        }
        let tools = tools
        drainers[instance] = Task { [weak self] in
            let member = RouterTable.Member(instance: instance, address: address)
            do {
                _ = try await tools.pool.run { [name = order.service] in try tools.router.letGo(member, of: name) }
            } catch {
                tools.log.warn("\(instance): cannot forget half-open connections: \(error)")
            }
            if let notice = policy.lameDuck {
                do { try await tools.instances.giveNotice(order, notice) } catch {
                    tools.log.warn("\(instance): notice before the stop: \(error)")
                }
            }
            while !Task.isCancelled {
                if let (short, long) = try? await tools.instances.connections(order), !Task.isCancelled {
                    await self?.post(.instance(instance, .connections(short: short, long: long)))
                }
                do { try await tools.clock.sleep(for: Self.sampleInterval) } catch { return }
            }
        }
        return { .ok }
    }

    func stopDraining(_ instance: String) { drainers.removeValue(forKey: instance)?.cancel() }
}
