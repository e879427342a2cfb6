import Basics

/// A service of `docker compose config --format json` as a spec file. What has no counterpart is named: as a note when
/// the service works without it, as a problem when it would not be the same.
struct ComposeImport {
    private(set) var notes: [String] = []
    private(set) var problems: [String] = []
    private let source: JSONValue
    private var spec = JSONObject()

    /// Throws `CommandError` with status 2 for what cannot be taken over.
    static func spec(of document: JSONValue, service: String?) throws -> (spec: JSONValue, notes: [String]) {
        let names = document["services"].sorted.map(\.key)
        guard let name = service ?? (names.count == 1 ? names[0] : nil), names.contains(name) else {
            let known = names.isEmpty ? "there is none" : "there are \(names.joined(separator: ", "))"
            throw CommandError("say which service with --service: \(known)", status: 2)
        }
        var one = ComposeImport(source: document["services"][name])
        one.read(name)
        guard one.problems.isEmpty else {
            throw CommandError("\(name) cannot be taken over:\n  " + one.problems.joined(separator: "\n  "), status: 2)
        }
        return (.object(one.spec), one.notes)
    }

    private init(source: JSONValue) { self.source = source }

    /// Of no meaning here, or given by what a service is.
    private static let needless: Set<String> = ["container_name", "hostname", "networks", "restart", "scale"]
    private static let known: Set<String> = [
        "image", "command", "environment", "user", "ports", "volumes", "healthcheck", "deploy", "stop_signal",
        "stop_grace_period", "mem_limit", "cpus", "entrypoint", "build",
    ]

    private mutating func read(_ name: String) {
        spec["schema"] = 1
        spec["service"] = .string(name)
        if let image = source["image"].string {
            spec["image"] = .string(image)
        } else {
            problems.append("build: there is no image; build it elsewhere, load it with 'boxctl load', and say image")
        }
        if !source["entrypoint"].isNull { problems.append("entrypoint: there is command only; make it the image's") }
        if !source["command"].isNull { spec["command"] = source["command"] }
        if !source["environment"].members.isEmpty { spec["env"] = source["environment"] }
        if let user = source["user"].string { spec["user"] = .string(user) }
        readPorts()
        readVolumes()
        readHealth()
        readStop()
        readDeploy()
        for member in source.sorted where !member.value.isNull && !Self.known.contains(member.key) {
            if !Self.needless.contains(member.key) { notes.append("\(member.key) is not taken over") }
        }
    }

    private mutating func readPorts() {
        let ports = source["ports"].array.map { port -> JSONValue in
            let transport = port["protocol"].string ?? "tcp"
            let target = port["target"].integer ?? 0
            var result: JSONObject = [
                .init("name", .string("\(target)" + (transport == "tcp" ? "" : "-\(transport)"))),
                .init("target", .integer(target)), .init("protocol", .string(transport)),
            ].object
            if let text = port["published"].string, !text.isEmpty {
                if let number = Int64(text) {
                    result["publish"] = .integer(number)
                } else {
                    problems.append("ports: \"\(text)\" is a range; say one port of the host")
                }
            }
            if let address = port["host_ip"].string {
                notes.append("ports: published at all addresses, not at \(address)")
            }
            return .object(result)
        }
        if !ports.isEmpty { spec["ports"] = .array(ports) }
    }

    private mutating func readVolumes() {
        var volumes: [JSONValue] = []
        for volume in source["volumes"].array {
            let (type, target) = (volume["type"].text, volume["target"].text)
            guard type == "volume", let name = volume["source"].string else {
                problems.append(
                    "volumes: \(target) is a \(type.isEmpty ? "mount" : type); instances have named volumes only")
                continue
            }
            if volume["read_only"].bool == true { notes.append("volumes: \(target) can be written, too") }
            volumes.append(["name": .string(name), "at": .string(target), "access": "shared"])
        }
        if volumes.isEmpty { return }
        spec["volumes"] = .array(volumes)
        notes.append("volumes: shared by old and new instances; say access: \"exclusive\" where only one may write")
    }

    private mutating func readHealth() {
        let check = source["healthcheck"]
        var health = JSONObject()
        let words = check["test"].strings
        switch words.first {
        case _ where check["disable"].bool == true || words == ["NONE"]: return
        case "CMD": health["exec"] = .array(words.dropFirst().map { .string($0) })
        case "CMD-SHELL": health["exec"] = .array((["/bin/sh", "-c"] + words.dropFirst()).map { .string($0) })
        default: break
        }
        if health.members.isEmpty { return }
        for (theirs, ours) in [("interval", "interval"), ("timeout", "timeout"), ("start_period", "start_timeout")] {
            if let text = check[theirs].string { health[ours] = .string(text) }
        }
        if let retries = check["retries"].integer { health["unhealthy_threshold"] = .integer(max(1, retries)) }
        spec["health"] = .object(health)
    }

    private mutating func readStop() {
        var drain = JSONObject()
        if let signal = source["stop_signal"].string {
            drain["stop_signal"] = .string(signal.hasPrefix("SIG") ? String(signal.dropFirst(3)) : signal)
        }
        if let grace = source["stop_grace_period"].string { drain["stop_grace"] = .string(grace) }
        if !drain.members.isEmpty { spec["drain"] = .object(drain) }
    }

    private mutating func readDeploy() {
        let deploy = source["deploy"]
        let count = deploy["replicas"].integer ?? source["scale"].integer ?? 1
        spec["scale"] = ["min": .integer(min(count, 1)), "desired": .integer(count), "max": .integer(max(count, 1))]
        var resources = JSONObject()
        let limits = deploy["resources"]["limits"]
        if let memory = [limits["memory"], source["mem_limit"]].lazy.compactMap({
            $0.string.flatMap(Int64.init) ?? $0.integer
        }).first {
            resources["memory"] = .integer(memory)
        }
        if let cpu = [limits["cpus"], source["cpus"]].lazy.compactMap({ $0.string.flatMap(Double.init) ?? $0.number })
            .first, cpu > 0
        {
            resources["cpu"] = .double(cpu)
        }
        if !resources.members.isEmpty { spec["resources"] = .object(resources) }
        let update = deploy["update_config"]
        guard !update.isNull else { return }
        var policy: JSONObject = [.init("strategy", "rolling")].object
        let batch = max(1, update["parallelism"].integer ?? 1)
        policy["batch"] = .integer(batch)
        if update["order"].string == "start-first" || count <= batch {
            policy["surge"] = .integer(batch)
        } else {
            policy["surge"] = 0
            policy["max_unavailable"] = .integer(batch)
        }
        if let delay = update["delay"].string { policy["batch_pause"] = .string(delay) }
        if let monitor = update["monitor"].string { policy["bake"] = .string(monitor) }
        switch update["failure_action"].string {
        case "pause": policy["on_failure"] = "pause"
        case "continue": notes.append("deploy.update_config.failure_action: what fails is rolled back")
        default: break
        }
        spec["deploy"] = .object(policy)
    }
}

extension [JSONObject.Member] {
    fileprivate var object: JSONObject { JSONObject(self) }
}
