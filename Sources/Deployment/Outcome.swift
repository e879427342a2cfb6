/// How a rollout ended.
package enum Outcome: String, Hashable, Sendable, Codable, CaseIterable {
    case succeeded, refused, superseded, cancelled, stuck
    case rolledBack = "rolled_back"

    /// The exit code of a command that waited: it says what serves, not whether a call went through.
    package var exitCode: Int {
        switch self {
        case .succeeded: 0
        case .rolledBack: 3
        case .stuck: 4
        case .superseded, .cancelled: 6
        case .refused: 8
        }
    }
}

/// What a rollout cost the clients, as far as it can be seen from here.
package struct Ledger: Hashable, Sendable, Codable {
    /// Connections still open when their drain's time was over.
    package var forcedCloses = 0
    /// Of them those that were cut, because the instance did not end in its grace.
    package var resets = 0
    package var drains = 0
    package var starts = 0
    package var thaws = 0
    package var routerTransactions = 0
    /// Least and most at any moment.
    package var leastPooled: Int?
    package var mostRunning = 0
    /// Nanoseconds that new connections were held.
    package var held = Span.zero
}

/// How long the kinds of steps took, pauses left out.
package struct Timings: Hashable, Sendable, Codable {
    package var check = Span.zero
    package var pull = Span.zero
    package var hooks = Span.zero
    /// Until new instances were ready.
    package var start = Span.zero
    package var router = Span.zero
    package var drain = Span.zero
    /// Soaks, pauses, gates, comparisons and the bake.
    package var gate = Span.zero
    /// The whole way back.
    package var rollback = Span.zero

    /// By the names under which they are told.
    package var named: [(name: String, length: Span)] {
        [
            ("preflight", check), ("pull", pull), ("hooks", hooks), ("start", start), ("router", router),
            ("drain", drain), ("gate", gate), ("rollback", rollback),
        ]
    }

    mutating func add(_ length: Span, of step: RolloutStep) {
        switch step {
        case .preflight: check += length
        case .pull: pull += length
        case .hook, .migrate, .snapshot, .restore, .verifyVolumes: hooks += length
        case .live, .baseline: start += length
        case .serve, .baseServe, .exchange, .weight, .preview, .hold, .release, .promote, .commit: router += length
        case .retire, .dismiss, .discard: drain += length
        case .soak, .pause, .gate, .analysis, .bake: gate += length
        }
    }
}

/// What is kept of a rollout.
package struct RolloutRecord: Hashable, Sendable, Codable {
    package var rollout: String
    package var kind: Rollout.Kind
    package var key: String?
    package var from: Int?
    package var to: Int
    package var outcome: Outcome
    package var reason: Failure?
    package var refusals: [PreflightRefusal]
    /// Healthy members of the pool, by revision.
    package var serving: [Int: Int]
    package var duration: Span
    package var timings = Timings()
    package var ledger: Ledger
    /// Only for the newest; a journal is written often.
    package var plan: RolloutPlan?
}
