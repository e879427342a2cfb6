import Basics
package import Deployment
import Kernel

extension ServiceNews {
    static func result(_ finished: FinishedRollout) -> ServiceNews {
        var news = ServiceNews(
            service: finished.service, time: finished.ended, kind: "result",
            text: finished.result["outcome"]?.string ?? "")
        news.rollout = finished.id
        news.result = finished.result
        return news
    }

    package var json: JSONValue {
        var members: [String: JSONValue] = [
            "seq": .int(seq), "time": .string(time.description), "service": .string(service), "kind": .string(kind),
            "text": .string(text), "deploy": .text(rollout),
        ]
        if let instance { members["instance"] = .string(instance) }
        if let result { members["result"] = result }
        return .object(members)
    }
}

extension ServiceController {
    static func now() -> Timestamp { Timestamp(nanosecondsSince1970: Clock.realtime()) }

    /// The notices among actions. Those without a rollout of their own belong to none.
    func news(of actions: [ServiceAction]) -> [ServiceNews] {
        actions.compactMap { action in
            guard case .notice(let notice) = action.kind else { return nil }
            var news = ServiceNews(service: name, time: Self.now(), kind: notice.kind.rawValue, text: notice.text)
            news.rollout = notice.rollout
            news.instance = notice.instance
            return news
        }
    }

    /// Keeps the course of the rollout under way, and makes the result objects of those that have ended.
    func finishedRollouts(after known: RolloutRecord?) -> [FinishedRollout] {
        let history = service.history
        let first = known.flatMap { history.lastIndex(of: $0) }.map { $0 + 1 } ?? 0
        let finished = history[first...].map { record in
            if entry.course?.rollout == record.rollout { tellCourse(nil) }
            return FinishedRollout(
                id: record.rollout, service: name, ended: Self.now(),
                result: ServiceResult.make(record, service, entry.course))
        }
        followCourse()
        return Array(finished)
    }

    private func followCourse() {
        guard let rollout = service.rollout else {
            entry.course = nil
            return
        }
        if entry.course?.rollout != rollout.id {
            var course = RolloutCourse(rollout: rollout.id, began: Self.now())
            course.phaseSince = service.now
            entry.course = course
        }
        let phase = rollout.isRollingBack ? "rollback" : rollout.step.flatMap(\.timing)
        if phase != entry.course?.phase { tellCourse(phase) }
    }

    /// The time since the last change belonged to the phase before.
    private func tellCourse(_ phase: String?) {
        guard var course = entry.course else { return }
        if let last = course.phase { course.spent[last, default: 0] += (service.now - course.phaseSince).nanoseconds }
        course.phase = phase
        course.phaseSince = service.now
        entry.course = course
    }
}

extension RolloutStep {
    /// The name under which its time is told.
    var timing: String? {
        switch self {
        case .preflight: "preflight"
        case .pull: "pull"
        case .hook, .migrate: "hooks"
        case .live, .baseline: "start"
        case .retire, .dismiss: "drain"
        case .soak, .pause, .gate, .analysis, .bake: "gate"
        case .serve, .baseServe, .exchange, .weight, .preview, .hold, .release: "router"
        default: "other"
        }
    }
}

/// The object that tells how a rollout ended; keys are never taken away.
enum ServiceResult {
    static func make(_ record: RolloutRecord, _ service: Service, _ course: RolloutCourse?) -> JSONValue {
        let serving = record.serving.reduce(into: [String: JSONValue]()) { $0["r\($1.key)"] = .int($1.value) }
        var timings: [String: JSONValue] = ["total": .seconds(record.duration)]
        if let course, course.rollout == record.rollout {
            for (name, spent) in course.spent { timings[name] = .seconds(Span(nanoseconds: spent)) }
        }
        let ledger = record.ledger
        return .object([
            "schema": .number(1), "deploy": .string(record.rollout), "service": .string(service.name),
            "kind": .string(record.kind.rawValue), "outcome": .string(record.outcome.rawValue),
            "exit": .int(record.outcome.exitCode), "changed": .bool(hasChanged(record)),
            "from": .revision(record.from), "to": .revision(record.to == 0 ? nil : record.to),
            "serving": .object(serving), "reason": reason(record), "timings": .object(timings),
            "began": .text(course.flatMap { $0.rollout == record.rollout ? $0.began.description : nil }),
            "ended": .string(ServiceController.now().description),
            "requests": .object([
                "forced_close": .int(ledger.forcedCloses), "held_seconds": .seconds(ledger.held),
                "min_pooled": ledger.leastPooled.map { .int($0) } ?? .null,
            ]),
            "work": .object([
                "starts": .int(ledger.starts), "thaws": .int(ledger.thaws), "drains": .int(ledger.drains),
                "router_transactions": .int(ledger.routerTransactions), "max_running": .int(ledger.mostRunning),
            ]),
            "key": .text(record.key),
        ])
    }

    private static func hasChanged(_ record: RolloutRecord) -> Bool {
        switch record.outcome {
        case .succeeded: record.from != record.to
        case .refused, .superseded, .cancelled: record.ledger.starts > 0
        case .rolledBack, .stuck: true
        }
    }

    static func reason(_ record: RolloutRecord) -> JSONValue {
        guard let failure = record.reason else { return .null }
        guard case .object(var members) = reason(failure) else { return .null }
        if !record.refusals.isEmpty { members["refusals"] = refusals(record.refusals) }
        return .object(members)
    }

    static func reason(_ failure: Failure) -> JSONValue {
        .object([
            "code": .string(failure.code.rawValue), "instance": .text(failure.instance),
            "detail": .string(failure.detail), "log_tail": .strings(failure.log),
        ])
    }

    static func refusals(_ refusals: [PreflightRefusal]) -> JSONValue {
        .array(
            refusals.map { .object(["subject": .string($0.subject.rawValue), "detail": .string($0.text)]) })
    }
}
