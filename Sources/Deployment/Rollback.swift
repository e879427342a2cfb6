/// The way back, laid out from where a rollout stands. It is no deploy: no canary, no analysis, no pull.
package struct RollbackInput: Hashable, Sendable, Codable {
    package var strategy: DeployPolicy.Strategy
    package var policy: DeployPolicy
    package var hooks: Hooks
    /// How many of the old revision shall serve.
    package var base: Int
    package var baseServing: Int
    package var targetServing: Int
    /// The target has a share of its own rather than one by number.
    package var hasShare: Bool
    package var isHeld: Bool
    /// Old instances that a thaw brings back.
    package var frozen: Int
    package var hasMigrated: Bool

    /// nil: there is no way back, a person has to decide.
    package var program: [RolloutStep]? {
        if base == 0 {
            // Taking away the only ones that serve would not be a way back.
            return targetServing > 0 ? nil : [.discard] + afterwards
        }
        if strategy == .recreate { return recreate }
        var steps: [RolloutStep] = []
        // The quickest first: the old ones are all there.
        if hasShare, baseServing >= base { steps.append(.weight(.none)) }
        if isSmall {
            steps += inBatches
        } else if strategy == .allAtOnce {
            steps += [.dismiss(0), .discard, .baseServe(base)]
        } else {
            steps.append(.baseServe(base))
            if hasShare { steps.append(.weight(.none)) }
            steps += [.dismiss(0), .discard]
        }
        return steps + afterwards
    }

    private var afterwards: [RolloutStep] { hooks[.afterRollback] == nil ? [] : [.hook(.afterRollback)] }

    /// There is no room for both at full size, so it goes as it came.
    private var isSmall: Bool { strategy == .rolling && frozen < base - baseServing }

    private var inBatches: [RolloutStep] {
        let surge = policy.surge.of(base)
        let round = max(1, surge > 0 ? surge : policy.maxUnavailable.of(base))
        var steps: [RolloutStep] = []
        var old = min(baseServing, base)
        var new = targetServing
        while old < base || new > 0 {
            var more = min(base, old + round)
            var fewer = more == base && surge > 0 ? 0 : max(0, new - round)
            // A place that is free already, of one that had left and was not replaced yet, is taken first.
            let free = base - old - new
            if surge == 0, free > 0 { (more, fewer) = (min(more, old + free), new) }
            // One at least is always in the pool.
            if surge > 0 || (old == 0 && new <= round) {
                if more > old { steps.append(.baseServe(more)) }
                if fewer < new { steps.append(.dismiss(fewer)) }
            } else {
                if fewer < new { steps.append(.dismiss(fewer)) }
                if more > old { steps.append(.baseServe(more)) }
            }
            (old, new) = (more, fewer)
        }
        return steps + [.discard]
    }

    private var recreate: [RolloutStep]? {
        if hasMigrated, !policy.reversible { return nil }
        // Nothing was stopped yet.
        if !isHeld, targetServing == 0, baseServing >= base { return [.discard] + afterwards }
        var steps: [RolloutStep] = [.hold, .dismiss(0), .discard]
        if hasMigrated { steps.append(.restore) }
        return steps + [.baseServe(base), .release] + afterwards
    }
}
