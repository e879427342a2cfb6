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

    /// The result objects of rollouts that have ended.
    func finishedRollouts(_ records: ArraySlice<RolloutRecord>) -> [FinishedRollout] {
        records.map { record in
            let connections = entry.traffic?.rollout == record.rollout ? entry.traffic?.total : nil
            return FinishedRollout(
                id: record.rollout, service: name, ended: Self.now(),
                result: ServiceResult.make(record, service.name, connections: connections))
        }
    }

    /// The rollouts that have ended since.
    func records(after known: RolloutRecord?) -> ArraySlice<RolloutRecord> {
        let history = service.history
        return history[(known.flatMap { history.lastIndex(of: $0) }.map { $0 + 1 } ?? 0)...]
    }
}

/// The object that tells how a rollout ended; keys are never taken away.
enum ServiceResult {
    static func make(_ record: RolloutRecord, _ service: String, connections: Int64?) -> JSONValue {
        let serving = record.serving.reduce(into: [String: JSONValue]()) { $0["r\($1.key)"] = .int($1.value) }
        var timings: [String: JSONValue] = ["total": .seconds(record.duration)]
        for (name, length) in record.timings.named where length > .zero { timings[name] = .seconds(length) }
        let ended = ServiceController.now()
        let began = Timestamp(nanosecondsSince1970: ended.nanosecondsSince1970 - record.duration.nanoseconds)
        let ledger = record.ledger
        return .object([
            "schema": .number(1), "deploy": .string(record.rollout), "service": .string(service),
            "kind": .string(record.kind.rawValue), "outcome": .string(record.outcome.rawValue),
            "exit": .int(record.outcome.exitCode), "changed": .bool(hasChanged(record)),
            "from": .revision(record.from), "to": .revision(record.to == 0 ? nil : record.to),
            "serving": .object(serving), "reason": reason(record), "timings": .object(timings),
            "began": .string(began.description), "ended": .string(ended.description),
            "plan": record.plan.map { ServicePlan.make($0) } ?? .null,
            "requests": .object([
                "total": connections.map { .int($0) } ?? .null, "reset": .int(ledger.resets),
                // The kernel's router sees neither.
                "refused": .null, "http_5xx_new": .null,
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
