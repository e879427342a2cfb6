import Basics

/// Options that stand for parts of a spec file.
enum SpecFlags {
    /// What goes on top of the file, or of the spec that serves.
    static func overlay(_ arguments: ParsedArguments, service: String?) throws -> JSONObject {
        var spec = JSONObject()
        if let service {
            spec["schema"] = 1
            spec["service"] = .string(service)
        }
        if let image = arguments.optionalText("image") { spec["image"] = .string(image) }
        let ports = try arguments.list("publish").map(port)
        if !ports.isEmpty { spec["ports"] = .array(ports) }
        if let count = try arguments.integer("replicas") {
            spec["scale"] = [
                "min": .integer(min(count, 1)), "desired": .integer(count), "max": .integer(max(count, 1)),
            ]
        }
        if let strategy = arguments.optionalText("strategy") {
            let name = strategy.split(separator: "-").joined(separator: "_")
            spec["deploy"] = ["strategy": .string(name)]
        }
        if let path = arguments.optionalText("health-path") { spec["health"] = ["http": ["path": .string(path)]] }
        var environment = JSONObject()
        for text in arguments.list("env") {
            guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
                throw CommandError("--env: \"\(text)\" must be NAME=VALUE", status: 2)
            }
            environment[String(text[..<equals])] = .string(String(text[text.index(after: equals)...]))
        }
        if !environment.members.isEmpty { spec["env"] = .object(environment) }
        if let memory = try arguments.bytes("memory") { spec["resources"] = ["memory": .integer(memory)] }
        return spec
    }

    /// `80:8080/tcp`; one number stands for both.
    static func port(_ text: String) throws -> JSONValue {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        let numbers = parts[0].split(separator: ":", omittingEmptySubsequences: false).map { UInt16($0) }
        guard parts.count <= 2, (1...2).contains(numbers.count), let last = numbers.last.flatMap({ $0 }),
            let first = numbers.first.flatMap({ $0 }), first > 0, last > 0
        else { throw CommandError("--publish: \"\(text)\" must be [HOST:]PORT[/PROTOCOL]", status: 2) }
        let transport = parts.count == 2 ? String(parts[1]) : "tcp"
        return [
            "name": .string("\(last)" + (transport == "tcp" ? "" : "-\(transport)")), "target": .integer(Int64(last)),
            "publish": .integer(Int64(first)), "protocol": .string(transport),
        ]
    }
}
