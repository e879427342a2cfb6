/// The journalled way of a service from one revision to another.
package struct Rollout: Hashable, Sendable, Codable {
    package enum Kind: String, Hashable, Sendable, Codable {
        case deploy
        /// Asked for by a user, from the stable revision back to an older one.
        case rollback
    }
    package enum Phase: String, Hashable, Sendable, Codable, CaseIterable {
        case accepted, preflight, pulling, hooks, steps, promoting, baking, paused, aborting
        case rollingBack = "rolling_back"
        case succeeded, refused, superseded, cancelled, stuck
        case rolledBack = "rolled_back"
    }
    package struct Pause: Hashable, Sendable, Codable {
        package enum Reason: String, Hashable, Sendable, Codable {
            case manual, inconclusive, failure
            case routerDown = "router_down"
        }
        package var reason: Reason
        package var since: Moment
        package var detail: String
    }

    /// `web-d42`.
    package var id: String
    package var kind: Kind
    package var key: String?
    /// The stable revision when it began; nil at the first deploy.
    package var from: Int?
    package var to: Int
    package var strategy: DeployPolicy.Strategy
    /// Wanted of the target.
    package var desired: Int
    /// Wanted of the base, should it all be undone.
    package var baseDesired: Int
    package var plan: RolloutPlan
    package var program: [RolloutStep]
    package var cursor = 0
    package var isRollingBack = false
    package var pause: Pause?
    package var reason: Failure?
    package var refusals: [PreflightRefusal] = []
    /// A newer deploy waits for the end of this one.
    package var isReplaced = false
    package var isCancelled = false

    package var startedAt: Moment
    package var stepStartedAt: Moment
    package var rollbackStartedAt: Moment?
    /// The last change of any state: the progress deadline counts from here.
    package var progressAt: Moment
    package var hasEnteredStep = false
    /// How often it went on after a failure.
    package var attempt = 0
    /// What the current step has asked for, and the answer.
    package var stepAction: Int64?
    package var stepResult: ActionResult?
    package var isPromoted = false

    // What the steps have set so far.
    package var baseServe: Int
    package var targetLive = 0
    package var targetServe = 0
    package var baseline = 0
    package var share: Share?
    package var isPreviewing = false
    package var isHeld = false
    package var heldSince: Moment?
    package var holdWarned = false
    package var hasChangedAnything = false
    /// The migration has begun, and has not failed by itself.
    package var hasMigrated = false
    /// The data is of neither revision: there is no way back, only forwards.
    package var beganInMaintenance = false
    /// The last comparison had too little traffic.
    package var isInconclusive = false
    package var timings = Timings()
    package var isDiscarding = false
    /// Instances that failed on the way back; after a few of them nobody believes in a next one.
    package var wayBackFailures = 0
    package var ledger = Ledger()

    package var step: RolloutStep? { cursor < program.count ? program[cursor] : nil }
    /// Nothing is changed yet, and it may be refused.
    package var isChecking: Bool { !isRollingBack && (step == .preflight || step == .pull) }

    package var phase: Phase {
        if pause != nil { return .paused }
        if isRollingBack { return .rollingBack }
        switch step {
        case .preflight: return .preflight
        case .pull: return .pulling
        case .hook(.beforeDeploy): return .hooks
        case .promote, .hook(.beforePromote): return .promoting
        case .bake: return .baking
        case nil: return .succeeded
        default: return .steps
        }
    }

    /// Stops the clocks of the step and of the progress deadline for as long as it lasted.
    mutating func endPause(_ now: Moment) {
        guard let pause else { return }
        let length = now - pause.since
        stepStartedAt = stepStartedAt + length
        progressAt = progressAt + length
        self.pause = nil
    }

    mutating func follow(_ steps: [RolloutStep], _ now: Moment) {
        program = steps
        cursor = 0
        enterStep(now)
    }

    mutating func enterStep(_ now: Moment) {
        stepStartedAt = now
        progressAt = now
        hasEnteredStep = false
        stepAction = nil
        stepResult = nil
        isPromoted = false
    }
}
