/// What only some engines and routers can do. An engine refuses by name the features of a spec that it lacks.
package enum SpecFeature: String, Hashable, Sendable, Codable, CaseIterable {
    case layer7, sticky, match, preview, autoscaling, webhooks, metrics, secrets
    case scaleToZero = "scale_to_zero"
    case lameDuck = "lame_duck"
    case freshBaseline = "fresh_baseline"
    case volumeSnapshot = "volume_snapshot"
    case slowStart = "slow_start"
    case hostRouting = "host_routing"
    case portTimeout = "port_timeout"
}

extension ServiceSpec {
    /// What an engine must be able to do for this spec.
    package var features: Set<SpecFeature> {
        var result: Set<SpecFeature> = []
        if ports.contains(where: { $0.mode == .l7 }) { result.insert(.layer7) }
        if ports.contains(where: { $0.sticky != nil }) { result.insert(.sticky) }
        if ports.contains(where: { $0.host != nil }) { result.insert(.hostRouting) }
        if ports.contains(where: { $0.timeout != nil }) { result.insert(.portTimeout) }
        if !deploy.match.isEmpty { result.insert(.match) }
        if deploy.preview != nil { result.insert(.preview) }
        if scale.targetCPU != nil { result.insert(.autoscaling) }
        if scale.toZeroAfter != nil { result.insert(.scaleToZero) }
        if !deploy.analysis.webhooks.isEmpty { result.insert(.webhooks) }
        if !deploy.analysis.metrics.isEmpty { result.insert(.metrics) }
        if drain.lameDuck != nil { result.insert(.lameDuck) }
        if deploy.baseline == .fresh { result.insert(.freshBaseline) }
        if deploy.reversible { result.insert(.volumeSnapshot) }
        if health.slowStart > .zero { result.insert(.slowStart) }
        if !secrets.isEmpty { result.insert(.secrets) }
        return result
    }

    /// Rules that it breaks.
    var problems: [String] {
        let log = SpecLog()
        validate(log)
        return log.problems.map { "\($0.path): \($0.text)" }
    }

    func validate(_ log: SpecLog) {
        validateNames(log)
        validatePorts(log)
        validateDeploy(log)
        validateSteps(log)
        refuseWhatIsNotThere(log)
        if !(scale.min <= scale.desired && scale.desired <= scale.max) {
            let text = "min \(scale.min), desired \(scale.desired), max \(scale.max)"
            log.add("scale", "\(text): must not decrease in this order")
        }
        if scale.min == 0, scale.toZeroAfter == nil {
            log.add("scale.min", "0 needs to_zero_after, which says when the last instance goes")
        }
        if let cpu = resources.cpu, !(cpu > 0) { log.add("resources.cpu", "must be more than 0") }
        if health.interval == .zero { log.add("health.interval", "must be more than 0") }
    }

    private func validateNames(_ log: SpecLog) {
        if !Self.isName(service) {
            log.add("service", "'\(service.prefix(80))': use a-z, 0-9, '-', at most 63, beginning with a letter")
        }
        if image.isEmpty { log.add("image", "is empty") }
        if Set(volumes.map(\.at)).count != volumes.count { log.add("volumes", "two of them are at the same place") }
        for (index, volume) in volumes.enumerated() where !volume.at.hasPrefix("/") {
            log.add("volumes[\(index)].at", "'\(volume.at)' is not absolute")
        }
    }

    /// Known, and not to be had yet: better refused by name than accepted and ignored.
    private func refuseWhatIsNotThere(_ log: SpecLog) {
        let needsRequests = "needs a router that sees requests (mode \"l7\"), which comes later"
        for (index, port) in ports.enumerated() where port.mode == .l7 {
            log.add("ports[\(index)].mode", "\"l7\" with \(port.router.rawValue) comes later; there is \"l4\"")
        }
        if scale.targetCPU != nil {
            log.add("scale.target", "the number of instances does not change by itself yet; use boxctl scale")
        }
        if scale.toZeroAfter != nil { log.add("scale.to_zero_after", "the last instance cannot be woken yet") }
        if health.slowStart > .zero { log.add("health.slow_start", needsRequests) }
        if !deploy.match.isEmpty { log.add("deploy.match", needsRequests) }
        if deploy.preview?.host != nil { log.add("deploy.preview.host", needsRequests + "; use port") }
        for (index, metric) in deploy.analysis.metrics.enumerated() {
            switch metric.name {
            case .errorRate, .p50, .p95, .p99, .resets:
                log.add("deploy.analysis.metrics[\(index)]", "\(metric.name.rawValue) " + needsRequests)
            case .crashes, .rss, .connectErrors: break
            }
        }
    }

    private static func isName(_ text: String) -> Bool {
        guard (1...63).contains(text.utf8.count), let first = text.utf8.first, (0x61...0x7a).contains(first) else {
            return false
        }
        return text.utf8.allSatisfy { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d }
    }

    private func validatePorts(_ log: SpecLog) {
        if Set(ports.map(\.name)).count != ports.count { log.add("ports", "two of them have the same name") }
        for (index, port) in ports.enumerated() {
            let path = "ports[\(index)]"
            if (port.mode == .l4) != (port.router == .nftables) {
                log.add("\(path).router", "mode l4 goes with nftables, mode l7 with haproxy or nginx")
            }
            if port.mode == .l4, port.host != nil { log.add("\(path).host", "needs mode l7") }
            if port.mode == .l4, port.timeout != nil { log.add("\(path).timeout", "needs mode l7") }
            if port.mode == .l4, port.sticky?.by == .cookie { log.add("\(path).sticky.by", "cookie needs mode l7") }
            if port.mode == .l7, port.transport == .udp { log.add("\(path).protocol", "udp needs mode l4") }
        }
        let wanted: String? =
            switch health.probe {
            case .http(_, let port, _, _, _), .tcp(let port): port
            default: nil
            }
        switch health.probe {
        case .http, .tcp:
            if let wanted, !ports.contains(where: { $0.name == wanted }) {
                log.add("health", "there is no port named '\(wanted)'")
            } else if wanted == nil, ports.isEmpty {
                log.add("health", "probes a port, but the service has none")
            }
        default:
            if !health.warmup.isEmpty, ports.isEmpty { log.add("health.warmup", "needs a port") }
        }
    }

    private func validateDeploy(_ log: SpecLog) {
        let desired = scale.desired
        let surge = deploy.surge.of(desired)
        let batch = deploy.batch.of(desired)
        let unavailable = deploy.maxUnavailable.of(desired)
        if batch < 1 { log.add("deploy.batch", "must be at least 1") }
        if deploy.strategy == .rolling {
            if surge == 0, desired == 1 {
                log.add("deploy.surge", "0 with one instance means downtime; say strategy: \"recreate\"")
            } else if surge == 0, unavailable < batch {
                log.add(
                    "deploy.max_unavailable", "\(unavailable) is less than the batch of \(batch) that surge 0 stops")
            } else if surge > 0, batch > surge {
                log.add("deploy.batch", "\(batch) is more than the surge of \(surge), which bounds it")
            }
        }
        if hasExclusiveVolume {
            if deploy.strategy != .recreate, deploy.strategy != .allAtOnce {
                log.add(
                    "deploy.strategy",
                    "'\(deploy.strategy.rawValue)' has old and new side by side, which an exclusive volume forbids; "
                        + "say \"recreate\"")
            }
            if scale.max > 1 { log.add("scale", "an exclusive volume allows one instance") }
        }
        if deploy.reversible, deploy.strategy != .recreate || volumes.isEmpty {
            log.add("deploy.reversible", "is for strategy \"recreate\" with volumes")
        }
        if deploy.preview != nil {
            if deploy.strategy != .blueGreen, deploy.strategy != .immutable {
                log.add("deploy.preview", "is for strategies \"blue_green\" and \"immutable\"")
            } else if deploy.preview?.port == nil, deploy.preview?.host == nil {
                log.add("deploy.preview", "needs port or host")
            }
        }
        if deploy.promoteByHand, deploy.strategy != .blueGreen, deploy.strategy != .immutable {
            log.add("deploy.promote", "\"manual\" is for \"blue_green\" and \"immutable\"; a canary has gates")
        }
        if deploy.baseline == .fresh, deploy.strategy != .canary {
            log.add("deploy.baseline", "\"fresh\" is for strategy \"canary\"")
        }
        if !deploy.match.isEmpty, deploy.strategy != .canary { log.add("deploy.match", "is for strategy \"canary\"") }
    }

    private func validateSteps(_ log: SpecLog) {
        let steps = deploy.steps
        guard deploy.strategy == .canary else {
            if !steps.isEmpty { log.add("deploy.steps", "are for strategy \"canary\"") }
            return
        }
        var last: Share?
        for (index, step) in steps.enumerated() {
            let path = "deploy.steps[\(index)]"
            switch step {
            case .weight(let share):
                if let last, share < last {
                    log.add("\(path).weight", "\(share) is less than before; weights only grow")
                }
                if share.parts % 100 != 0, ports.contains(where: { $0.mode == .l4 }) {
                    log.add("\(path).weight", "\(share): mode l4 has steps of 1%")
                }
                last = share
            case .analysis:
                if deploy.analysis.isEmpty { log.add(path, "needs deploy.analysis.metrics or webhooks") }
                fallthrough
            case .pause, .gate:
                if last == nil { log.add(path, "comes before any weight: nothing would be looked at") }
            }
        }
        if last != .all { log.add("deploy.steps", "must end with weight \"100%\"") }
    }
}
