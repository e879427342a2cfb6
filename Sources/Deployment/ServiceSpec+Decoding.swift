import Basics

extension ServiceSpec {
    /// Reads the tree of a `box.json5`. Everything wrong with it is reported at once, each with its path.
    package static func decode(_ value: JSONValue) throws(SpecProblems) -> ServiceSpec {
        let log = SpecLog()
        let keys = [
            "schema", "service", "image", "command", "env", "secrets", "user", "volumes", "scale", "ports", "health",
            "drain", "deploy", "hooks", "resources",
        ]
        guard let top = SpecObject(value, "", log, keys: keys) else { throw SpecProblems(problems: log.problems) }
        if top.integer("schema", 1...1) == nil, log.problems.isEmpty || !top.has("schema") {
            log.add("schema", "is missing; write schema: 1")
        }
        var spec = ServiceSpec(service: top.string("service") ?? "", image: top.string("image") ?? "")
        if !top.has("service") { log.add("service", "is missing: the name of the service") }
        if !top.has("image") { log.add("image", "is missing: the image to run") }
        spec.command = top.strings("command") ?? []
        spec.environment = readEnvironment(top)
        spec.secrets = top.strings("secrets") ?? []
        spec.user = top.string("user")
        spec.volumes = readVolumes(top)
        spec.scale = readScale(top, isAlone: spec.hasExclusiveVolume)
        spec.ports = readPorts(top)
        spec.health = readHealth(top)
        spec.drain = readDrain(top)
        spec.deploy = readDeploy(top)
        spec.hooks = readHooks(top)
        if let resources = top.object("resources", keys: ["memory", "cpu"]) {
            spec.resources = Resources(memory: resources.bytes("memory"), cpu: resources.number("cpu"))
        }
        if log.problems.isEmpty { spec.validate(log) }
        guard log.problems.isEmpty else { throw SpecProblems(problems: log.problems) }
        return spec
    }

    private static func readEnvironment(_ top: SpecObject) -> [String: String] {
        guard let value = top["env"] else { return [:] }
        guard case .object(let members) = value else {
            top.log.add("env", "must be an object of strings, not \(value.kind)")
            return [:]
        }
        var result: [String: String] = [:]
        for (key, value) in members {
            if key.isEmpty || key.contains("=") { top.log.add("env.\(key)", "is no name of a variable") }
            if case .string(let text) = value {
                result[key] = text
            } else {
                top.log.add("env.\(key)", "must be a string, not \(value.kind)")
            }
        }
        return result
    }

    private static let mostInstances = 1000

    private static func readVolumes(_ top: SpecObject) -> [Volume] {
        top.list("volumes", keys: ["name", "at", "access"]) { item in
            guard let name = item.string("name"), let at = item.string("at") else {
                item.log.add(item.path, "needs name and at")
                return nil
            }
            return Volume(name: name, at: at, access: item.choice("access", .shared))
        }
    }

    private static func readScale(_ top: SpecObject, isAlone: Bool) -> Scale {
        let most = isAlone ? 1 : mostInstances
        guard let item = top.object("scale", keys: ["min", "desired", "max", "target", "to_zero_after"]) else {
            return Scale(max: most)
        }
        let desired = item.integer("desired", 0...mostInstances)
        let least = item.integer("min", 0...mostInstances)
        var scale = Scale()
        scale.desired = desired ?? max(1, least ?? 1)
        scale.min = least ?? min(1, scale.desired)
        scale.max = item.integer("max", 0...mostInstances) ?? max(most, scale.desired, scale.min)
        scale.targetCPU = item.object("target", keys: ["cpu"])?.percent("cpu").map { $0 / 100 }
        scale.toZeroAfter = item.span("to_zero_after")
        return scale
    }

    private static func readPorts(_ top: SpecObject) -> [Port] {
        let keys = [
            "name", "target", "publish", "protocol", "mode", "router", "host", "sticky", "timeout",
        ]
        return top.list("ports", keys: keys) { item in
            guard let target = item.integer("target", 1...65535) else {
                if !item.has("target") { item.log.add(item.path, "needs target, the port inside the container") }
                return nil
            }
            var port = Port(name: item.string("name") ?? "\(target)", target: target)
            port.publish = item.integer("publish", 1...65535)
            port.transport = item.choice("protocol", .tcp)
            port.mode = item.choice("mode", .l4)
            port.router = item.choice("router", port.mode == .l4 ? .nftables : .haproxy)
            port.host = item.string("host")
            if let sticky = item.object("sticky", keys: ["by", "name", "ttl"]) {
                port.sticky = Port.Sticky(
                    by: sticky.choice("by", port.mode == .l4 ? .address : .cookie), name: sticky.string("name"),
                    ttl: sticky.span("ttl", .minutes(60)))
                for key in ["name", "ttl"] where port.sticky?.by == .address && sticky.has(key) {
                    sticky.log.add(sticky.at(key), "is for cookies; an address sticks while members and shares stay")
                }
            }
            port.timeout = item.span("timeout")
            return port
        }
    }

    private static func readHealth(_ top: SpecObject) -> HealthPolicy {
        let keys = [
            "http", "tcp", "exec", "log", "interval", "timeout", "healthy_threshold", "unhealthy_threshold",
            "start_timeout", "healthy_deadline", "stable_for", "warmup", "slow_start",
        ]
        var policy = HealthPolicy()
        guard let item = top.object("health", keys: keys) else { return policy }
        policy.probe = readProbe(item)
        policy.interval = item.span("interval", policy.interval)
        policy.timeout = item.span("timeout", policy.timeout)
        policy.healthyThreshold = item.integer("healthy_threshold", 1...1000) ?? policy.healthyThreshold
        policy.unhealthyThreshold = item.integer("unhealthy_threshold", 1...1000) ?? policy.unhealthyThreshold
        policy.startTimeout = item.span("start_timeout", policy.startTimeout)
        policy.healthyDeadline = item.span("healthy_deadline", policy.healthyDeadline)
        policy.stableFor = item.span("stable_for", policy.stableFor)
        policy.warmup = item.strings("warmup") ?? []
        policy.slowStart = item.span("slow_start", policy.slowStart)
        return policy
    }

    private static func readProbe(_ item: SpecObject) -> HealthPolicy.Probe {
        let given = ["http", "tcp", "exec", "log"].filter(item.has)
        if given.count > 1 {
            item.log.add(item.path, "has \(given.joined(separator: " and ")); one way to probe is enough")
        }
        if let http = item.object("http", keys: ["path", "port", "host", "expect", "follow_redirects"]) {
            return .http(
                path: http.string("path") ?? "/", port: http.string("port"), host: http.string("host"),
                expect: readExpect(http), followRedirects: http.bool("follow_redirects", false))
        }
        if let tcp = item.object("tcp", keys: ["port"]) { return .tcp(port: tcp.string("port")) }
        if item.has("exec") {
            let command = item.strings("exec") ?? []
            if command.isEmpty { item.log.add(item.at("exec"), "is an empty command") }
            return .exec(command)
        }
        return item.string("log").map { .log($0) } ?? .running
    }

    private static func readExpect(_ item: SpecObject) -> ClosedRange<Int> {
        guard let text = item.string("expect") else { return 200...299 }
        let parts = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        if let first = parts.first ?? nil, let last = parts.last ?? nil, parts.count <= 2, first <= last,
            (100...599).contains(first), (100...599).contains(last)
        {
            return first...last
        }
        item.log.add(item.at("expect"), "'\(text)' is no status or range such as \"200-299\"")
        return 200...299
    }

    private static func readDrain(_ top: SpecObject) -> DrainPolicy {
        var policy = DrainPolicy()
        let keys = ["timeout", "long_lived", "lame_duck", "stop_signal", "stop_grace"]
        guard let item = top.object("drain", keys: keys) else { return policy }
        policy.timeout = item.span("timeout", policy.timeout)
        policy.longLived = item.span("long_lived")
        if let duck = item.object("lame_duck", keys: ["signal", "http", "exec"]) {
            if let signal = duck.string("signal") { policy.lameDuck = .signal(signal) }
            if let path = duck.string("http") { policy.lameDuck = .http(path: path) }
            if let command = duck.strings("exec") { policy.lameDuck = .exec(command) }
            if duck.members.count != 1 { duck.log.add(duck.path, "needs one of signal, http, exec") }
        }
        policy.stopSignal = item.string("stop_signal") ?? policy.stopSignal
        policy.stopGrace = item.span("stop_grace", policy.stopGrace)
        return policy
    }

    private static func readHooks(_ top: SpecObject) -> Hooks {
        var hooks = Hooks()
        guard let item = top.object("hooks", keys: Hooks.Place.allCases.map(\.rawValue)) else { return hooks }
        for place in Hooks.Place.allCases {
            // An empty object says that there is none.
            guard let hook = item.object(place.rawValue, keys: ["run", "in", "timeout"]), !hook.members.isEmpty else {
                continue
            }
            let run = hook.strings("run") ?? []
            if run.isEmpty { hook.log.add(hook.path, "needs run, the command") }
            hooks.places[place] = Hooks.Hook(
                run: run, location: hook.choice("in", .new), timeout: hook.span("timeout", .minutes(5)))
        }
        return hooks
    }
}
