/// Why a request counts as failed.
enum Failure: String, CaseIterable, Sendable {
    /// Nobody listens: a reset in answer to the first packet.
    case refused
    case unreachable
    /// The connection was not there in time.
    case connectTimedOut = "connect_timed_out"
    /// A reset before the answer was complete.
    case reset
    /// The answer was not complete in time.
    case timedOut = "timed_out"
    /// The server closed the connection before the answer was complete.
    case closedEarly = "closed_early"
    /// A kept connection was closed or reset before the first byte of the answer, and the server had not said that it
    /// would close it. The client could not know that when it sent the request.
    case stale
    /// A status other than 200 to 299.
    case status = "non_2xx"
    /// Answered by a version that is not among those allowed.
    case wrongVersion = "wrong_version"
    /// What came is no answer to what was asked.
    case garbled
    /// This program could not even try.
    case local
}

/// Requests of one sort.
struct Tally: Sendable {
    var requests = 0
    var failed = 0

    mutating func merge(_ other: Tally) {
        requests += other.requests
        failed += other.failed
    }
}

/// Answers of one version or one instance. Times are nanoseconds of `Clock.boottime`.
struct Witness: Sendable {
    var answers = 0
    var first = Int64.max
    var last = Int64.min
    /// When the youngest connection that it answered on was begun.
    var lastOpened = Int64.min

    mutating func merge(_ other: Witness) {
        answers += other.answers
        first = min(first, other.first)
        last = max(last, other.last)
        lastOpened = max(lastOpened, other.lastOpened)
    }
}

/// One failed request, told in full.
struct FailureRecord: Sendable {
    let time: Int64
    let failure: Failure
    let isKept: Bool
    let kind: RequestKind
    let duration: Int64
    let detail: String
}

/// What has happened so far.
struct Counters: Sendable {
    static let mostRecords = 20
    /// Who answers is told apart up to so many; the rest is counted together.
    static let mostWitnesses = 4096

    var ok = 0
    var failures: [Failure: Int] = [:]
    var kept = Tally()
    var single = Tally()
    var posts = Tally()
    var slow = Tally()
    var connections = 0
    /// Kept connections that the server closed while nothing was asked on them: no request was lost.
    var closedIdle = 0
    /// Closed after an answer that said so.
    var closedAnnounced = 0
    /// Under way when everything had to end.
    var unfinished = 0
    var statuses: [Int: Int] = [:]
    var latency = Histogram()
    var slowLatency = Histogram()
    /// By what `GET /` says: version, host name, pid.
    var witnesses: [[UInt8]: Witness] = [:]
    var records: [FailureRecord] = []

    var requests: Int { kept.requests + single.requests }
    var failed: Int { kept.failed + single.failed }

    mutating func count(_ failure: Failure?, isKept: Bool, kind: RequestKind) {
        let tally = Tally(requests: 1, failed: failure == nil ? 0 : 1)
        if isKept { kept.merge(tally) } else { single.merge(tally) }
        if kind == .post { posts.merge(tally) }
        if kind == .slow { slow.merge(tally) }
        if let failure { failures[failure, default: 0] += 1 } else { ok += 1 }
    }

    mutating func record(_ record: @autoclosure () -> FailureRecord) {
        if records.count < Self.mostRecords { records.append(record()) }
    }

    mutating func witness(_ name: [UInt8], now: Int64, opened: Int64) {
        let seen = Witness(answers: 1, first: now, last: now, lastOpened: opened)
        if witnesses[name] != nil || witnesses.count < Self.mostWitnesses {
            witnesses[name, default: Witness()].merge(seen)
        } else {
            witnesses[Array("others".utf8), default: Witness()].merge(seen)
        }
    }

    mutating func merge(_ other: Counters) {
        ok += other.ok
        failures.merge(other.failures, uniquingKeysWith: +)
        kept.merge(other.kept)
        single.merge(other.single)
        posts.merge(other.posts)
        slow.merge(other.slow)
        connections += other.connections
        closedIdle += other.closedIdle
        closedAnnounced += other.closedAnnounced
        unfinished += other.unfinished
        statuses.merge(other.statuses, uniquingKeysWith: +)
        latency.merge(other.latency)
        slowLatency.merge(other.slowLatency)
        for (name, witness) in other.witnesses { witnesses[name, default: Witness()].merge(witness) }
        records = Array((records + other.records).sorted { $0.time < $1.time }.prefix(Self.mostRecords))
    }

    /// The same answers by version: the first word of who answered.
    var versions: [String: Witness] {
        var found: [String: Witness] = [:]
        for (name, witness) in witnesses {
            let version = String(decoding: name.prefix { $0 != 32 }, as: UTF8.self)
            found[version, default: Witness()].merge(witness)
        }
        return found
    }

    /// Answers by version and host name.
    var instances: [String: Int] {
        var found: [String: Int] = [:]
        for (name, witness) in witnesses {
            let words = name.split(separator: 32, maxSplits: 2)
            guard words.count > 1 else { continue }
            found[words.prefix(2).map { String(decoding: $0, as: UTF8.self) }.joined(separator: " "), default: 0] +=
                witness.answers
        }
        return found
    }
}
