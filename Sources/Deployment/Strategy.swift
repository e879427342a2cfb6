/// What a strategy needs to know to lay out its steps.
package struct StrategyInput: Hashable, Sendable, Codable {
    package var policy: DeployPolicy
    package var hooks: Hooks
    /// Instances of the base in the pool or on the way to it; 0 at the first deploy.
    package var base: Int
    /// How many the target shall have.
    package var target: Int
    /// Instances of the target there are in the pool already.
    package var targetServing = 0

    package init(policy: DeployPolicy, hooks: Hooks, base: Int, target: Int, targetServing: Int = 0) {
        self.policy = policy
        self.hooks = hooks
        self.base = base
        self.target = target
        self.targetServing = targetServing
    }

    func hook(_ place: Hooks.Place) -> [RolloutStep] { hooks[place] == nil ? [] : [.hook(place)] }
    var total: Int { max(base, target) }
    var surge: Int { policy.surge.of(total) }
    var batch: Int { max(1, policy.batch.of(total)) }
    var unavailable: Int { policy.maxUnavailable.of(total) }
    var isKept: Bool { policy.rollbackKeep != .stopped && policy.rollbackWindow > .zero }
    /// Ends every strategy.
    var finish: [RolloutStep] {
        [.promote] + hook(.beforePromote) + (policy.bake > .zero ? [.bake(policy.bake)] : []) + [.commit]
    }
}

extension DeployPolicy.Strategy {
    /// The whole way forwards, from the check of the host to the stable revision.
    package func program(_ input: StrategyInput) -> [RolloutStep] {
        // Recreate has it in the gap between old and new: there the data rests.
        let before = self == .recreate ? [] : input.hook(.beforeDeploy)
        return [.preflight, .pull] + before + steps(input)
    }

    /// Without the checks: what is left to do when the number of instances changed on the way.
    func steps(_ input: StrategyInput) -> [RolloutStep] {
        // With nothing to replace, or nothing to replace it with, the ways are the same.
        if input.base == 0 || input.target == 0 {
            return first(input)
        }
        switch self {
        // When all there is may be missing, one comes first all the same.
        case .rolling:
            return input.surge > 0 || input.base <= input.unavailable ? rollingWithSurge(input) : rollingInPlace(input)
        case .immutable: return immutable(input)
        case .blueGreen: return blueGreen(input)
        case .canary: return canary(input)
        case .recreate: return recreate(input)
        case .allAtOnce:
            return [.retire(0), .live(input.target)] + input.hook(.beforeTraffic) + [.serve(input.target)]
                + input.hook(.afterTraffic) + input.finish
        }
    }

    private func first(_ input: StrategyInput) -> [RolloutStep] {
        let migration: [RolloutStep] = self == .recreate && input.hooks[.beforeDeploy] != nil ? [.migrate] : []
        return migration + [.live(min(1, input.target)), .live(input.target)] + input.hook(.beforeTraffic)
            + [.serve(input.target)] + input.hook(.afterTraffic) + [.retire(0)] + input.finish
    }

    /// Rolling with an additional batch: start, add, then remove, so that there are never fewer than desired.
    private func rollingWithSurge(_ input: StrategyInput) -> [RolloutStep] {
        var steps: [RolloutStep] = []
        var new = min(input.targetServing, input.target)
        var old = input.base
        let needed = min(input.base, input.target)
        let round = max(1, min(input.batch, input.surge))
        var isFirst = true
        while new < input.target || old > 0 {
            let before = (new, old)
            let next = min(input.target, new + round)
            if next > new {
                steps.append(.live(next))
                if isFirst { steps += input.hook(.beforeTraffic) }
                steps.append(.serve(next))
                if isFirst { steps += input.hook(.afterTraffic) }
                isFirst = false
                new = next
                if input.policy.batchPause > .zero { steps.append(.soak(input.policy.batchPause)) }
            }
            // The last batch takes what is left, also when there were more old ones than new ones are wanted.
            let spare = new == input.target ? old : min(round, new + old - needed)
            old = max(0, old - max(0, spare))
            if old < before.1 { steps.append(.retire(old)) }
            if (new, old) == before { break }
        }
        return steps + input.finish
    }

    /// Plain rolling: remove, then start in its place.
    private func rollingInPlace(_ input: StrategyInput) -> [RolloutStep] {
        var steps: [RolloutStep] = []
        var new = min(input.targetServing, input.target)
        var old = input.base
        let round = max(1, min(input.batch, max(1, input.unavailable)))
        var isFirst = true
        while new < input.target || old > 0 {
            if old > 0 {
                old = max(0, old - round)
                steps.append(.retire(old))
            }
            // Where the old ones were; at the end the rest.
            let next = old == 0 ? input.target : min(input.target, new + round)
            guard next > new else { continue }
            steps.append(.live(next))
            if isFirst { steps += input.hook(.beforeTraffic) }
            steps.append(.serve(next))
            if isFirst { steps += input.hook(.afterTraffic) }
            isFirst = false
            new = next
            if input.policy.batchPause > .zero { steps.append(.soak(input.policy.batchPause)) }
        }
        return steps + input.finish
    }

    /// A new group as a whole; the first instance alone, because then a failure is cheap.
    private func prepared(_ input: StrategyInput) -> [RolloutStep] {
        var steps: [RolloutStep] = [.live(1)]
        if let preview = input.policy.preview {
            steps += [.live(min(input.target, max(1, preview.count ?? input.target))), .preview(true)]
        } else {
            steps.append(.live(input.target))
        }
        if !input.policy.analysis.webhooks.isEmpty, input.policy.preview != nil {
            steps.append(.analysis(input.policy.analysis.interval))
        }
        if input.policy.promoteByHand { steps.append(.gate(timeout: nil)) }
        return steps + [.live(input.target)] + input.hook(.beforeTraffic)
            + (input.policy.preview == nil ? [] : [.preview(false)])
    }

    private func immutable(_ input: StrategyInput) -> [RolloutStep] {
        prepared(input) + [.weight(.none), .serve(input.target), .weight(.all)] + input.hook(.afterTraffic)
            + [.retire(0)] + input.finish
    }

    private func blueGreen(_ input: StrategyInput) -> [RolloutStep] {
        prepared(input) + [.exchange(input.target)] + input.hook(.afterTraffic) + [.retire(0)] + input.finish
    }

    /// The group grows in place up to its full size; the old one stays complete until the end of the bake.
    private func canary(_ input: StrategyInput) -> [RolloutStep] {
        var steps: [RolloutStep] = []
        var size = 0
        var baseline = 0
        for step in input.policy.steps {
            switch step {
            case .weight(let share):
                let isFirst = size == 0
                let next = share == .all ? input.target : min(input.target, share.capacity(of: input.target))
                if share == .all, baseline > 0 {
                    steps.append(.baseline(0))
                    baseline = 0
                }
                if next > size { steps.append(.live(next)) }
                if input.policy.baseline == .fresh, share < .all, next > baseline {
                    steps.append(.baseline(next))
                    baseline = next
                }
                if isFirst { steps += input.hook(.beforeTraffic) + [.weight(.none)] }
                if next > size { steps.append(.serve(next)) }
                size = max(size, next)
                steps.append(.weight(share))
                if isFirst { steps += input.hook(.afterTraffic) }
            case .pause(let span): steps.append(.pause(span))
            case .analysis(let span): steps.append(.analysis(span))
            case .gate(let timeout): steps.append(.gate(timeout: timeout))
            }
        }
        // Retired after the bake, but before the commit: until then a weight is all that a rollback has to change.
        let bake: [RolloutStep] = input.policy.bake > .zero ? [.bake(input.policy.bake)] : []
        return steps + [.promote] + input.hook(.beforePromote) + bake + [.retire(0), .commit]
    }

    private func recreate(_ input: StrategyInput) -> [RolloutStep] {
        var steps: [RolloutStep] = [.hold, .retire(0), .verifyVolumes]
        if input.policy.reversible { steps.append(.snapshot) }
        if input.hooks[.beforeDeploy] != nil { steps.append(.migrate) }
        return steps + [.live(input.target)] + input.hook(.beforeTraffic) + [.serve(input.target), .release]
            + input.hook(.afterTraffic) + input.finish
    }
}
