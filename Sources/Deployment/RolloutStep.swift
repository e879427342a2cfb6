/// One step of a rollout. A step names what shall be so, not what to do: it is done when the world is like that, so
/// it can be begun again at any time. Target: instances of the new revision. Base: all others.
package enum RolloutStep: Hashable, Sendable, Codable {
    case preflight
    case pull
    case hook(Hooks.Place)
    /// So many of the target are ready, whether in the pool or not.
    case live(Int)
    /// Of the old revision as many more, as young as the canary, to compare with.
    case baseline(Int)
    /// So many of the target are in the pool.
    case serve(Int)
    /// So many of the base are in the pool.
    case baseServe(Int)
    /// No more than so many of the base are in the pool; the others have drained, and are parked.
    case retire(Int)
    /// The target in and the base out in one transaction.
    case exchange(Int)
    /// The target's part of the connections, whatever its number is.
    case weight(Share)
    case preview(Bool)
    case soak(Span)
    case pause(Span)
    case gate(timeout: Span?)
    case analysis(Span)
    /// New connections wait.
    case hold
    case release
    case verifyVolumes
    case snapshot
    case restore
    /// Nothing more can be undone without `restore`.
    case migrate
    /// All of the target is in the pool and healthy now, not only some time ago.
    case promote
    case bake(Span)
    /// The target is the stable revision.
    case commit
    /// Rollback: no instance of the target is left in the pool.
    case dismiss(Int)
    /// Rollback: the target's processes are gone.
    case discard

    /// For `plan` and `status`.
    package var text: String {
        switch self {
        case .preflight: "check disk, memory, ports, volumes, image"
        case .pull: "pull the image"
        case .hook(let place): "run hook \(place.rawValue)"
        case .live(let count): "new instances ready: \(count)"
        case .baseline(let count):
            count == 0 ? "remove the baseline" : "start \(count) of the old revision to compare with"
        case .serve(let count): "new instances in the pool: \(count)"
        case .baseServe(let count): "old instances in the pool: \(count)"
        case .retire(let count): "drain old instances down to \(count)"
        case .exchange(let count): "switch to \(count) new instances in one transaction"
        case .weight(let share): "new revision gets \(share) of the connections"
        case .preview(let on): on ? "preview on" : "preview off"
        case .soak(let span), .pause(let span): "wait \(span)"
        case .gate(let timeout): "wait for promote" + (timeout.map { ", at most \($0)" } ?? "")
        case .analysis(let span): "compare for \(span)"
        case .hold: "hold new connections"
        case .release: "let held connections go on"
        case .verifyVolumes: "volumes released"
        case .snapshot: "copy the volumes"
        case .restore: "put the volumes back"
        case .migrate: "run the migration"
        case .promote: "check that all new instances are healthy"
        case .bake(let span): "watch for \(span)"
        case .commit: "new revision is the stable one"
        case .dismiss(let count): "drain new instances down to \(count)"
        case .discard: "remove new instances"
        }
    }

    /// Ends by itself, after a time that is known beforehand.
    var length: Span {
        switch self {
        case .soak(let span), .pause(let span), .analysis(let span), .bake(let span): span
        default: .zero
        }
    }

    /// `promote` may end it.
    var isWaiting: Bool {
        switch self {
        case .soak, .pause, .gate, .analysis, .bake: true
        default: false
        }
    }
}
