/// Why an instance or a rollout failed: a code for machines, and what was seen.
package struct Failure: Hashable, Sendable, Codable, CustomStringConvertible {
    package enum Code: String, Hashable, Sendable, Codable, CaseIterable {
        case startFailed = "start_failed"
        case exited, router, hook, volume, analysis, alarm, aborted, replaced, timeout, rebooted, invariant
        case outOfMemory = "out_of_memory"
        case noListen = "no_listen"
        case neverHealthy = "health_never_green"
        case unhealthy
        case addressQuarantined = "address_quarantined"
        case preflight, pull
        case gateTimeout = "gate_timeout"
        case promotion, inconclusive
        case irreversible, stuck
    }
    package var code: Code
    package var detail: String
    package var instance: String?
    package var log: [String] = []

    package init(_ code: Code, _ detail: String, instance: String? = nil) {
        self.code = code
        self.detail = detail
        self.instance = instance
    }
    package var description: String { (instance.map { "\($0): " } ?? "") + detail }
}

/// What a probe of an instance saw.
package struct ProbeResult: Hashable, Sendable, Codable {
    package var passed: Bool
    /// `GET /up -> 301 https://…`, `connection refused`: the text of the error when it never gets better.
    package var detail: String
    package init(passed: Bool, detail: String) {
        self.passed = passed
        self.detail = detail
    }
}

/// A container of a revision. What happens to it goes through `apply`, and nothing else changes `state`.
package struct Instance: Hashable, Sendable, Codable {
    /// ```
    /// created → starting → warming → ready → pooled → draining → drained → stopping → stopped → removed
    ///                         ↑                                     ↓
    ///                         └──────────────  frozen  ←────────────┘      beside them: unhealthy, failed
    /// ```
    package enum State: String, Hashable, Sendable, Codable, CaseIterable {
        case created, starting, warming, ready, pooled, draining, drained, stopping, stopped, removed
        case frozen, failed, unhealthy
    }
    /// What the rollout wants of it.
    package enum Goal: String, Hashable, Sendable, Codable {
        /// In the pool.
        case serve
        /// Up, not in the pool.
        case ready
        /// Out of the pool, and frozen.
        case park
        /// Out of the pool, and stopped; the container stays.
        case stop
        case remove
    }
    package struct Drain: Hashable, Sendable, Codable {
        package var deadline: Moment
        package var longDeadline: Moment
        /// Samples in a row without a short connection.
        package var quiet = 0
        package var short = 0
        package var long = 0
    }

    /// `web-r8-3`; never used twice.
    package var name: String
    package var revision: Int
    package var ordinal: Int
    package var state = State.created
    package var since: Moment
    /// When it came into the pool last.
    package var pooledAt: Moment?
    package var goal: Goal
    /// There is a process.
    package var alive = false
    package var address: String?
    package var environment: Environment?
    /// A copy of the old revision beside a canary, as young as that.
    package var isBaseline = false
    /// A user took it out of the pool.
    package var isSetAside = false
    /// Probes in a row.
    package var passes = 0
    package var failures = 0
    package var lastProbe: ProbeResult?
    package var warmed = false
    /// Back from the freezer: one good probe is enough.
    package var thawed = false
    package var drain: Drain?
    /// It was sent to the router, for the pool or the preview, since its connections were last seen to be gone.
    package var mayHaveConnections = false
    /// Connections open at the end of the drain.
    package var forced = 0
    package var preStopDone = false
    /// When the stop signal has to be followed by SIGKILL.
    package var killAt: Moment?
    package var killed = false
    /// Its stop began in the freezer: it comes out to end.
    var endsFrozen = false
    package var failure: Failure?
    package var logCaptured = false
    /// The action that is under way for it: one at a time.
    package var action: Int64?
    /// After an action on it failed: not again before.
    package var retryAt: Moment?
    /// Ended before the answer to its start came.
    var earlyExit: EarlyExit?
    struct EarlyExit: Hashable, Sendable, Codable {
        var code: Int
        var outOfMemory: Bool
    }

    package enum Environment: String, Hashable, Sendable, Codable {
        case blue, green
        package var other: Environment { self == .blue ? .green : .blue }
    }

    package init(name: String, revision: Int, ordinal: Int, goal: Goal, since: Moment) {
        self.name = name
        self.revision = revision
        self.ordinal = ordinal
        self.goal = goal
        self.since = since
    }

    /// Without what a crash may lose: it is seen again.
    var durable: Instance {
        var copy = self
        (copy.passes, copy.failures, copy.lastProbe) = (0, 0, nil)
        if let drain { copy.drain = Drain(deadline: drain.deadline, longDeadline: drain.longDeadline) }
        return copy
    }

    /// In order to be listed by a router.
    package var isFit: Bool { alive && (state == .ready || state == .pooled) }
    /// Uses CPU: neither frozen nor without a process.
    package var isRunning: Bool { alive && state != .frozen && !(state == .stopping && endsFrozen) }
    /// Out of service, and can come back.
    package var isParked: Bool { state == .frozen || state == .stopped }
    /// Its connections did not end in time. In the freezer nobody would answer them, and their clients would wait for
    /// as long as it is kept: so it is stopped, and a rollback starts it again.
    package var cannotBeKept: Bool {
        mayHaveConnections && (state == .drained || state == .stopping || state == .stopped)
    }
    /// Nothing good will come of it.
    package var isLost: Bool {
        state == .failed || state == .unhealthy || state == .removed || state == .stopping || failure != nil
    }
}
