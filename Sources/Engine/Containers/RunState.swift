package import Basics

/// What is known of a container's last or present run; kept in the database.
package struct RunState: Codable, Sendable, Equatable {
    /// Docker's words for the state of a container.
    package enum Status: String, Codable, Sendable {
        case created, running, paused, restarting, removing, exited, dead
    }

    package var status: Status = .created
    /// Of the container's init, in the host's pid namespace; 0 when it does not run.
    package var pid: Int32 = 0
    /// 0-255; 128 + n for signal n.
    package var exitCode: Int32 = 0
    package var oomKilled = false
    /// Why the last start failed, or empty.
    package var error = ""
    package var startedAt: Timestamp?
    package var finishedAt: Timestamp?
    package var restartCount = 0
    /// `stop` or `kill` was asked for: `unless-stopped` and `on-failure` leave it alone.
    package var stoppedByUser = false
    /// How often it was started: tells one run from the next.
    package var runs = 0

    /// With `removing`: its anonymous volumes go as well.
    package var removesVolumes = false

    package init() {}

    /// The container has, or is about to have, processes.
    package var isUp: Bool { status == .running || status == .paused }
}

/// Written at each start and end.
extension RunState: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("error", error)
            $0.member("exitCode", exitCode)
            $0.member("finishedAt", finishedAt)
            $0.member("oomKilled", oomKilled)
            $0.member("pid", pid)
            $0.member("removesVolumes", removesVolumes)
            $0.member("restartCount", restartCount)
            $0.member("runs", runs)
            $0.member("startedAt", startedAt)
            $0.member("status", status.rawValue)
            $0.member("stoppedByUser", stoppedByUser)
        }
    }
}

/// When and how a container is started again, `--restart`.
package struct RestartDecision: Equatable {
    package enum Policy: String { case no, always, onFailure = "on-failure", unlessStopped = "unless-stopped" }

    /// A run of this long was a good one: the delay starts over. As Docker has it.
    static let goodRun: Int64 = 10_000_000_000
    static let firstDelay: Int64 = 100_000_000
    static let longestDelay: Int64 = 60_000_000_000

    /// Nanoseconds to wait before the next start; nil: stay as you are.
    package let delay: Int64?

    /// - Parameters:
    ///   - policy: Docker's name of it; empty means `no`.
    ///   - maximumRetries: of `on-failure`; 0 is no limit.
    ///   - restarts: how often in a row it was started again so far.
    ///   - lastDelay: nanoseconds waited before the run that just ended; 0 when it was not a restart.
    ///   - ran: nanoseconds that run lasted.
    package init(
        policy: String, maximumRetries: Int, exitCode: Int32, stoppedByUser: Bool, restarts: Int, lastDelay: Int64,
        ran: Int64
    ) {
        let again: Bool
        switch Policy(rawValue: policy.isEmpty ? "no" : policy) {
        case .always, .unlessStopped: again = !stoppedByUser
        case .onFailure:
            again = !stoppedByUser && exitCode != 0 && (maximumRetries == 0 || restarts < maximumRetries)
        case .no, nil: again = false
        }
        guard again else {
            delay = nil
            return
        }
        delay = ran >= Self.goodRun || lastDelay == 0 ? Self.firstDelay : min(lastDelay * 2, Self.longestDelay)
    }

    /// Whether a container is started when the daemon starts and finds it ended.
    package static func startsWithDaemon(policy: String, stoppedByUser: Bool, everRan: Bool) -> Bool {
        switch Policy(rawValue: policy) {
        case .always: everRan
        case .unlessStopped: everRan && !stoppedByUser
        case .onFailure, .no, nil: false
        }
    }
}
