import Basics

/// What a rollout will do and cost, before anything is done. The preflight looks whether the host has it.
package struct RolloutPlan: Hashable, Sendable, Codable {
    package var service: String
    package var from: Int?
    package var to: Int
    package var strategy: DeployPolicy.Strategy
    package var steps: [RolloutStep]
    package var desired: Int
    /// Of the way forwards; frozen ones use no CPU.
    package var peakRunning: Int
    /// Running and frozen, way back included.
    package var peakInstances: Int
    /// Bytes; nil when the spec names no limit.
    package var peakMemory: Int64?
    package var image: String
    package var ports: [ServiceSpec.Port]
    package var volumes: [ServiceSpec.Volume]
    package var secrets: [String]
    /// Commands that have to exist in the image.
    package var commands: [[String]]
    package var features: [SpecFeature]
    package var expectedDuration: Span
    /// New connections are held or refused so long.
    package var expectedGap: Span
    package var warnings: [String]

    /// What is known of a start from earlier ones.
    package struct Estimate: Hashable, Sendable, Codable {
        package var start: Span
        package var drain: Span
        package init(start: Span = .seconds(1), drain: Span = .milliseconds(200)) {
            self.start = start
            self.drain = drain
        }
    }

    package init(
        service: String, from: Int?, to: Revision, base: Int, desired: Int, program: [RolloutStep],
        strategy: DeployPolicy.Strategy, estimate: Estimate = Estimate(), present: (running: Int, all: Int) = (0, 0)
    ) {
        let spec = to.spec
        self.service = service
        self.from = from
        self.to = to.number
        self.strategy = strategy
        self.desired = desired
        steps = program
        image = spec.image
        ports = spec.ports
        volumes = spec.volumes
        secrets = spec.secrets
        commands = Hooks.Place.allCases.compactMap { spec.hooks[$0]?.run }
        features = spec.features.sorted { $0.rawValue < $1.rawValue }
        warnings = []
        let keeps = StrategyInput(policy: spec.deploy, hooks: spec.hooks, base: base, target: desired).isKept
        let stays = keeps && strategy != .recreate
        var walk = Walk(base: base, keep: stays ? spec.deploy.rollbackKeep : .stopped)
        let gate = Self.gate(spec.health, estimate)
        for step in program { walk.take(step, gate, estimate) }
        // What there is already, of other revisions or on its way out, goes in the course of it.
        peakRunning = max(walk.peakRunning, present.running)
        // A rollback with the old ones gone starts them beside the new ones, in batches of the same size.
        peakInstances = max(walk.peakAll, peakRunning, present.all)
        let peak = Int64(peakInstances)
        peakMemory = spec.resources.memory.map { $0.multipliedReportingOverflow(by: peak) }.map {
            $0.overflow ? .max : $0.partialValue
        }
        expectedDuration = walk.duration
        expectedGap = walk.gap
        warn(spec, base)
    }

    private static func gate(_ health: HealthPolicy, _ estimate: Estimate) -> Span {
        estimate.start + max(health.stableFor, health.interval * health.healthyThreshold)
    }

    private mutating func warn(_ spec: ServiceSpec, _ base: Int) {
        guard base > 0 else { return }
        switch strategy {
        case .allAtOnce:
            warnings.append("connections are refused for about \(expectedGap): all_at_once is for development")
        case .recreate where expectedGap > spec.deploy.holdTimeout:
            warnings.append(
                "downtime expected, about \(expectedGap): longer than hold_timeout \(spec.deploy.holdTimeout)")
        default: break
        }
        if spec.deploy.rollbackKeep == .stopped || spec.deploy.rollbackWindow == .zero {
            warnings.append("a rollback has to start the old instances: none is kept")
        }
    }

    /// The program's numbers, without a world.
    private struct Walk {
        var base: Int
        var keep: DeployPolicy.Keep
        var kept = 0
        var target = 0
        var baseline = 0
        var held = false
        var serving = true
        var peakRunning: Int
        var peakAll: Int
        var duration = Span.zero
        var gap = Span.zero

        init(base: Int, keep: DeployPolicy.Keep) {
            self.base = base
            self.keep = keep
            peakRunning = base
            peakAll = base
        }

        mutating func take(_ step: RolloutStep, _ gate: Span, _ estimate: Estimate) {
            var time = step.length
            switch step {
            case .live(let count):
                if count > target { time += gate }
                target = max(target, count)
            case .baseline(let count): baseline = count
            case .retire(let count):
                if count < base { time += estimate.drain }
                if keep != .stopped { kept += max(0, base - count) }
                base = min(base, count)
                if base == 0, target == 0 { serving = false }
            case .hold: held = true
            case .serve: serving = true
            case .release: held = false
            default: break
            }
            let running = base + target + baseline + (keep == .running ? kept : 0)
            peakRunning = max(peakRunning, running)
            peakAll = max(peakAll, base + target + baseline + kept)
            duration += time
            if held || !serving { gap += time }
        }
    }
}
