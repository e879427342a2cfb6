/// Something an engine has to do. Every kind is idempotent: after a crash the pending ones are given out again, with
/// the same number. All but `notice` and `cancel` are answered by `ServiceEvent.done` with that number.
package struct ServiceAction: Hashable, Sendable, Codable {
    package enum Kind: Hashable, Sendable, Codable {
        /// Look whether all of the plan is possible, rollback included. `.ok` or `.refused`.
        case preflight(RolloutPlan)
        /// The image by digest, unless it is present.
        case pull(image: String)
        /// Make the container when there is none of the name, and start it. An address in `avoid` must not be given
        /// to it. `.started(address)` or `.failed`.
        case start(instance: String, revision: Int, avoid: [String])
        /// Watch it and report `.listening`, `.probe` and `.exited` until told otherwise. `eager`: probe at once and
        /// often, it comes from the freezer.
        case probe(instance: String, eager: Bool)
        case stopProbing(instance: String)
        case warmUp(instance: String, paths: [String])
        /// One transaction: all of it or nothing.
        case applyRouter(generation: Int, table: RouterTable)
        /// What the router really does: `.readBack`.
        case readBackRouter(generation: Int)
        /// The instance has left the router: forget half-open connections and UDP flows to it, give the lame-duck
        /// notice, and report `.connections` every 50 ms until it is frozen, stopped or recalled.
        case drain(instance: String, policy: DrainPolicy)
        case recall(instance: String)
        case freeze(instance: String)
        case thaw(instance: String)
        /// With `isFrozen` send the signal first, then thaw. Reports `.exited`.
        case signalStop(instance: String, signal: String, isFrozen: Bool)
        /// Cuts its connections, so that clients see a reset, and ends it: `.cut`.
        case kill(instance: String)
        /// `.log` with the last lines.
        case captureLog(instance: String, lines: Int)
        /// Forget all connections to the address, and make sure.
        case clearAddress(address: String)
        /// Ends it when it still runs: one that was started again by a daemon that came back.
        case remove(instance: String)
        /// `key` is the same for the same run: what has been run is not run again, its result is given.
        case runHook(place: Hooks.Place, hook: Hooks.Hook, revision: Int, instance: String?, key: String)
        /// The volumes of the revision are in nobody's hands.
        case verifyVolumes(revision: Int)
        case snapshotVolumes(revision: Int, key: String)
        case restoreVolumes(revision: Int, key: String)
        /// The router's counters agree with the share, or there is no traffic to count.
        case awaitShare(revision: Int, share: Share)
        /// Compare instances for a while: `.verdict`. From here on `.alarm` may come at any time.
        case analyse(length: Span, policy: DeployPolicy.Analysis, target: [String], control: [String])
        /// The answer to this action no longer matters: end it. No answer.
        case cancel(action: Int64)
        /// For users and logs; nothing to do, no answer.
        case notice(ServiceNotice)
    }
    package var id: Int64
    package var kind: Kind
    package init(id: Int64, kind: Kind) {
        self.id = id
        self.kind = kind
    }
}

/// An event for people and `events --follow`.
package struct ServiceNotice: Hashable, Sendable, Codable {
    package enum Kind: String, Hashable, Sendable, Codable {
        case accepted, queued, step, instance, paused, resumed, failed, rollback, finished, needsHuman = "needs_human"
        case holdExceeded = "hold_exceeded"
        case forcedClose = "forced_close"
        case earlyAdmission = "early_admission"
        case routerDown = "router_down"
        case routerUp = "router_up"
        case restart
    }
    package var kind: Kind
    package var rollout: String?
    package var instance: String?
    package var text: String
}

/// What became of an action.
package enum ActionResult: Hashable, Sendable, Codable {
    case ok
    case started(address: String)
    /// nil: it could not be read.
    case readBack(RouterTable?)
    case refused([PreflightRefusal])
    case failed(String)
    case verdict(Verdict)
    case log([String])
    /// So many connections were cut.
    case cut(Int)
}

/// One thing that stands in the way of a plan.
package struct PreflightRefusal: Hashable, Sendable, Codable {
    package enum Subject: String, Hashable, Sendable, Codable, CaseIterable {
        case disk, memory, port, volume, image, secret, hook, feature
    }
    package var subject: Subject
    /// With numbers: what is needed, what there is.
    package var text: String
    package init(subject: Subject, text: String) {
        self.subject = subject
        self.text = text
    }
}

package enum Verdict: Hashable, Sendable, Codable {
    case pass
    case fail(String)
    /// Too little traffic to tell.
    case inconclusive(String)
}
