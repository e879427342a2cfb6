import Basics

extension ServiceSpec {
    static func readDeploy(_ top: SpecObject) -> DeployPolicy {
        let keys = [
            "strategy", "batch", "surge", "max_unavailable", "batch_pause", "steps", "match", "preview", "promote",
            "baseline", "analysis", "progress_deadline", "bake", "on_failure", "rollback_window", "rollback_keep",
            "revisions", "hold_timeout", "reversible", "abort_keep", "router_timeout",
        ]
        var policy = DeployPolicy()
        guard let item = top.object("deploy", keys: keys) else { return policy }
        policy.strategy = item.choice("strategy", policy.strategy)
        policy.batch = item.amount("batch", policy.batch)
        policy.surge = item.amount("surge", policy.surge)
        policy.maxUnavailable = item.amount("max_unavailable", policy.maxUnavailable)
        policy.batchPause = item.span("batch_pause", policy.batchPause)
        policy.steps = readSteps(item)
        policy.match = readMatch(item)
        if let preview = item.object("preview", keys: ["port", "host", "count"]) {
            policy.preview = DeployPolicy.Preview(
                port: preview.integer("port", 1...65535), host: preview.string("host"),
                count: preview.integer("count", 1...1000))
        }
        policy.promoteByHand = readPromote(item)
        policy.baseline = item.choice("baseline", policy.baseline)
        policy.analysis = readAnalysis(item)
        policy.progressDeadline = item.span("progress_deadline", policy.progressDeadline)
        policy.bake = item.span("bake", policy.bake)
        policy.onFailure = item.choice("on_failure", policy.onFailure)
        policy.rollbackWindow = item.span("rollback_window", policy.rollbackWindow)
        policy.rollbackKeep = item.choice("rollback_keep", policy.rollbackKeep)
        policy.revisions = item.integer("revisions", 2...1000) ?? policy.revisions
        policy.holdTimeout = item.span("hold_timeout", policy.holdTimeout)
        policy.reversible = item.bool("reversible", policy.reversible)
        policy.abortKeep = item.span("abort_keep", policy.abortKeep)
        policy.routerTimeout = item.span("router_timeout", policy.routerTimeout)
        return policy
    }

    private static func readPromote(_ item: SpecObject) -> Bool {
        guard let text = item.string("promote") else { return false }
        if text != "manual", text != "auto" { item.log.add(item.at("promote"), "'\(text)' is none of auto, manual") }
        return text == "manual"
    }

    private static func readSteps(_ item: SpecObject) -> [DeployPolicy.CanaryStep] {
        item.list("steps", keys: ["weight", "pause", "analysis", "gate", "timeout"]) { step in
            let kinds = ["weight", "pause", "analysis", "gate"].filter(step.has)
            if kinds.count != 1 {
                step.log.add(step.path, "needs exactly one of weight, pause, analysis, gate")
                return nil
            }
            if step.has("timeout"), !step.has("gate") { step.log.add(step.at("timeout"), "is for a gate") }
            if let percent = step.percent("weight") { return .weight(.percent(percent)) }
            if let span = step.span("pause") { return .pause(span) }
            if let span = step.span("analysis") { return .analysis(span) }
            guard let gate = step.string("gate") else { return nil }
            if gate != "manual" { step.log.add(step.at("gate"), "'\(gate)' is no gate; there is \"manual\"") }
            return .gate(timeout: step.span("timeout"))
        }
    }

    private static func readMatch(_ item: SpecObject) -> [DeployPolicy.Match] {
        item.list("match", keys: ["header", "cookie", "equals", "prefix", "regex"]) { rule in
            let sources = ["header", "cookie"].filter(rule.has)
            let tests = ["equals", "prefix", "regex"].filter(rule.has)
            guard sources.count == 1, tests.count == 1, let name = rule.string(sources[0]),
                let value = rule.string(tests[0]), let source = DeployPolicy.Match.Source(rawValue: sources[0]),
                let test = DeployPolicy.Match.Test(rawValue: tests[0])
            else {
                rule.log.add(rule.path, "needs one of header, cookie and one of equals, prefix, regex")
                return nil
            }
            return DeployPolicy.Match(source: source, name: name, test: test, value: value)
        }
    }

    private static func readAnalysis(_ item: SpecObject) -> DeployPolicy.Analysis {
        var analysis = DeployPolicy.Analysis()
        let keys = ["interval", "min_requests", "on_inconclusive", "metrics", "webhooks"]
        guard let object = item.object("analysis", keys: keys) else { return analysis }
        analysis.interval = object.span("interval", analysis.interval)
        analysis.minimumRequests = object.integer("min_requests", 0...1_000_000_000) ?? analysis.minimumRequests
        analysis.onInconclusive = object.choice("on_inconclusive", analysis.onInconclusive)
        analysis.metrics = object.list("metrics", keys: ["name", "max", "max_vs_control"], readMetric)
        analysis.webhooks = object.list("webhooks", keys: ["url", "every"]) { hook in
            guard let url = hook.string("url") else {
                hook.log.add(hook.path, "needs url")
                return nil
            }
            return .init(url: url, every: hook.span("every", .seconds(30)))
        }
        return analysis
    }

    private static func readMetric(_ item: SpecObject) -> DeployPolicy.Analysis.Metric? {
        guard item.has("name") else {
            item.log.add(item.path, "needs name")
            return nil
        }
        let name: DeployPolicy.Analysis.Metric.Name = item.choice("name", .errorRate)
        let most: Double?
        switch name {
        case .errorRate: most = item.percent("max").map { $0 / 100 }
        case .p50, .p95, .p99: most = item.span("max").map { Double($0.nanoseconds) }
        case .rss: most = item.bytes("max").map(Double.init)
        case .crashes, .resets, .connectErrors: most = item.number("max")
        }
        let ratio = item.number("max_vs_control")
        if most == nil, ratio == nil { item.log.add(item.path, "needs max or max_vs_control") }
        return .init(name: name, max: most, maxVersusControl: ratio)
    }
}
