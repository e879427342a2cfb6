import Kernel

/// The counters as JSON. Times are seconds since 1970, durations milliseconds.
struct Report {
    let begun: Int64
    /// From `Clock.boottime` to `Clock.realtime`.
    let offset: Int64

    init() {
        begun = Clock.boottime()
        offset = Clock.realtime() - begun
    }

    func summary(_ counters: Counters, _ options: Options) -> String {
        let seconds = Double(Clock.boottime() - begun) / 1e9
        var fields = totals(counters)
        fields += [
            ("unfinished", "\(counters.unfinished)"),
            ("seconds", decimal(seconds)),
            ("per_second", decimal(Double(counters.requests) / max(seconds, 1e-9))),
            ("connections", "\(counters.connections)"),
            ("closed_idle", "\(counters.closedIdle)"),
            ("closed_announced", "\(counters.closedAnnounced)"),
            ("keep_alive", tally(counters.kept)), ("single", tally(counters.single)), ("post", tally(counters.posts)),
            ("slow", tally(counters.slow)),
            ("status", object(counters.statuses.sorted { $0.key < $1.key }.map { ("\($0.key)", "\($0.value)") })),
            ("latency_ms", percentiles(counters.latency)), ("slow_latency_ms", percentiles(counters.slowLatency)),
            ("versions", object(counters.versions.sorted { $0.key < $1.key }.map { ($0.key, witness($0.value)) })),
            ("instances", object(counters.instances.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") })),
            ("first_failures", "[" + counters.records.map(record).joined(separator: ",") + "]"),
        ]
        return object(fields)
    }

    /// `before`: the counters of the line before.
    func line(_ counters: Counters, before: Counters) -> String {
        let now = Clock.boottime()
        let versions = counters.versions.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value.answers)") }
        return object(
            [("at", time(now)), ("seconds", decimal(Double(now - begun) / 1e9))] + totals(counters) + [
                ("new_requests", "\(counters.requests - before.requests)"),
                ("new_failed", "\(counters.failed - before.failed)"), ("versions", object(versions)),
            ])
    }

    private func totals(_ counters: Counters) -> [(String, String)] {
        [("requests", counters.requests), ("ok", counters.ok), ("failed", counters.failed)].map { ($0, "\($1)") }
            + Failure.allCases.map { ($0.rawValue, "\(counters.failures[$0] ?? 0)") }
    }

    private func tally(_ tally: Tally) -> String {
        object([("requests", "\(tally.requests)"), ("failed", "\(tally.failed)")])
    }

    private func percentiles(_ histogram: Histogram) -> String {
        let parts = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999)]
        return object(
            parts.map { ($0, decimal(histogram.percentile($1))) } + [("max", decimal(Double(histogram.longest) / 1e6))])
    }

    private func witness(_ witness: Witness) -> String {
        object([
            ("answers", "\(witness.answers)"), ("first", time(witness.first)), ("last", time(witness.last)),
            ("last_opened", time(witness.lastOpened)),
        ])
    }

    private func record(_ record: FailureRecord) -> String {
        object([
            ("at", time(record.time)), ("failure", quoted(record.failure.rawValue)),
            ("client", quoted(record.isKept ? "keep_alive" : "single")), ("request", quoted(record.kind.rawValue)),
            ("after_ms", decimal(Double(record.duration) / 1e6)), ("detail", quoted(record.detail)),
        ])
    }

    private func time(_ boottime: Int64) -> String { decimal(Double(boottime + offset) / 1e9) }

    private func object(_ fields: [(String, String)]) -> String {
        "{" + fields.map { "\(quoted($0)):\($1)" }.joined(separator: ",") + "}"
    }

    /// Three places behind the point.
    private func decimal(_ value: Double) -> String {
        let thousandths = Int64((value * 1000).rounded())
        let places = "\(1000 + thousandths % 1000)".dropFirst()
        return "\(thousandths / 1000).\(places)"
    }

    private func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case _ where scalar.value < 32: quoted += " "
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
