import Basics
import HTTP
import Kernel

/// What is done with services and rollouts once they are there.
enum ServiceCommands {
    static let all: [CommandSpec] =
        (DeployCommand.specs + control + changes + looking + [schema, check, fromCompose]).map(\.withOwnStatuses) + [
            fromKamal
        ]

    static let waitFlags: [Flag] = [
        .one("timeout", nil, "duration", "Wait no longer (exit 9)"), DeployCommand.output,
        .maybe("wait", nil, "pause", "Wait for the end, as without; =pause: or until somebody has to act (exit 5)"),
    ]
    private static let detach = Flag.bool("detach", "d", "Do not wait")

    // MARK: Rollouts

    private static let control: [CommandSpec] = [
        CommandSpec(
            "promote", usage: "ROLLOUT|SERVICE", operands: 1...1,
            "End the gate, pause, analysis or watch that a rollout waits at",
            flags: {
                [
                    .one("step", nil, "int", "Only at this step; a success when it is over already"),
                    .bool("full", nil, "And all the others that follow"),
                ]
            },
            run: { call in
                var body = JSONObject()
                if let step = try call.arguments.integer("step") { body["step"] = .integer(step) }
                if call.arguments.bool("full") { body["full"] = true }
                return try tell(call, "promote", .object(body))
            }),
        CommandSpec(
            "resume", usage: "ROLLOUT|SERVICE", operands: 1...1, "Let a paused rollout go on",
            run: { try tell($0, "resume", nil) }),
        CommandSpec(
            "abort", usage: "ROLLOUT|SERVICE", operands: 1...1,
            "Roll back what is under way, and wait until the old revision serves (exit 3)",
            flags: { waitFlags + [detach] },
            run: { call in
                try call.reporting {
                    let options = try WaitOptions(call.arguments)
                    let waiting = try Detaching.begin(call.client.host, abort: false, deadline: options.deadline)
                    let id = try call.rollout(call.arguments.operands[0])
                    let answer = try call.client.boxValue(.post, BoxPath.deploy(id, "abort"))
                    return try options.follow(answer["state"].isNull ? named(id, answer) : answer, call.client, waiting)
                }
            }),
    ]

    /// Aborted before anything began: there is a result all the same.
    private static func named(_ id: String, _ answer: JSONValue) -> JSONValue {
        ["deploy": .string(id), "service": answer["service"]]
    }

    private static func tell(_ call: Invocation, _ verb: String, _ body: JSONValue?) throws -> Int32 {
        try call.reporting {
            let id = try call.rollout(call.arguments.operands[0])
            let answer = try call.client.boxValue(.post, BoxPath.deploy(id, verb), body: body)
            try Output.line(answer["changed"].bool == false ? "\(id): unchanged" : id)
            return 0
        }
    }

    /// `wait ROLLOUT`.
    static func wait(_ call: Invocation, for id: String) throws -> Int32 {
        try call.reporting {
            let options = try WaitOptions(call.arguments)
            let waiting = try Detaching.begin(call.client.host, abort: false, deadline: options.deadline)
            return try options.follow(["deploy": .string(id)], call.client, waiting)
        }
    }

    static func pause(_ call: Invocation, _ id: String) throws {
        _ = try call.client.boxValue(.post, BoxPath.deploy(id, "pause"))
        try Output.line(id)
    }

    /// Whether a name of that form is a rollout's: containers may be called so, too.
    static func isRollout(_ name: String, _ client: EngineClient) throws -> Bool {
        guard BoxPath.isRollout(name) else { return false }
        do {
            _ = try client.boxValue(.get, BoxPath.deploy(name))
            return true
        } catch let problem as BoxProblem where problem.isNotFound {
            return false
        }
    }

    // MARK: Services

    private static let changes: [CommandSpec] = [
        CommandSpec(
            "rollback", usage: "SERVICE", operands: 1...1, "Go back to the revision before, and wait until it serves",
            flags: {
                waitFlags + [
                    .one("to", nil, "REVISION", "To this one, as in r7"), detach,
                    .one("idempotency-key", nil, "string", "The same key again means the same rollback"),
                    .refused("now", nil, takesValue: false, "a rollback has no steps to leave out"),
                ]
            },
            run: { call in
                try call.reporting {
                    let options = try WaitOptions(call.arguments)
                    let waiting = try Detaching.begin(call.client.host, abort: false, deadline: options.deadline)
                    var body = JSONObject()
                    if let to = call.arguments.optionalText("to") { body["to"] = .string(to) }
                    if let key = call.arguments.optionalText("idempotency-key") { body["key"] = .string(key) }
                    let answer = try call.client.boxValue(
                        .post, BoxPath.service(call.arguments.operands[0], "rollback"), body: .object(body))
                    return try options.follow(answer, call.client, waiting)
                }
            }),
        CommandSpec(
            "scale", usage: "SERVICE [COUNT]", operands: 1...2, "Change how many instances a service has, or may have",
            flags: {
                [.one("min", nil, "int", "As few as this"), .one("max", nil, "int", "As many as this")]
            },
            run: { call in
                try change(call, "scale") {
                    var body = JSONObject()
                    if let text = call.arguments.operands.dropFirst().first {
                        guard let count = Int64(text) else { throw CommandError("\"\(text)\" is no count", status: 2) }
                        body["count"] = .integer(count)
                    }
                    for name in ["min", "max"] {
                        if let number = try call.arguments.integer(name) { body[name] = .integer(number) }
                    }
                    if body.members.isEmpty { throw CommandError("say COUNT, or --min and --max", status: 2) }
                    return .object(body)
                }
            }),
        CommandSpec(
            "weight", usage: "SERVICE [REVISION] PERCENT", operands: 2...3,
            "Change the share of new connections that a canary under way gets, or one of its revisions",
            run: { call in
                try change(call, "weight") {
                    let operands = call.arguments.operands
                    let text = operands[operands.count - 1]
                    let digits = text.hasSuffix("%") ? String(text.dropLast()) : text
                    guard let percent = Double(digits) else { throw CommandError("\"\(text)\" is no share", status: 2) }
                    var body: JSONObject = JSONObject([.init("percent", .double(percent))])
                    if operands.count == 3 { body["revision"] = .string(operands[1]) }
                    return .object(body)
                }
            }),
        CommandSpec(
            "drain", usage: "INSTANCE", operands: 1...1, "Take an instance out of the pool",
            run: { try setAside($0, "drain") }),
        CommandSpec(
            "undrain", usage: "INSTANCE", operands: 1...1, "Put an instance back into the pool",
            run: { try setAside($0, "undrain") }),
        CommandSpec(
            "service rm", aliases: ["service remove"], usage: "SERVICE [SERVICE...]", operands: 1...Int.max,
            "Remove services with all of their instances",
            flags: { [.bool("force", "f", "Also while a rollout is under way")] },
            run: { call in
                try call.reporting {
                    let query: Query = call.arguments.bool("force") ? ["force": "1"] : [:]
                    for name in call.arguments.operands {
                        _ = try call.client.box(.delete, BoxPath.service(name), query).bytes()
                        try Output.line(name)
                    }
                    return 0
                }
            }),
    ]

    private static func change(_ call: Invocation, _ verb: String, _ body: () throws -> JSONValue) throws -> Int32 {
        try call.reporting {
            let name = call.arguments.operands[0]
            let answer = try call.client.boxValue(.post, BoxPath.service(name, verb), body: try body())
            if let holder = answer["behind"].string { Output.complain("\(name): after the end of \(holder)") }
            try Output.line(name)
            return 0
        }
    }

    private static func setAside(_ call: Invocation, _ verb: String) throws -> Int32 {
        try call.reporting {
            let name = call.arguments.operands[0]
            _ = try call.client.boxValue(.post, "/instances/\(PercentEncoding.encode(name))/\(verb)")
            try Output.line(name)
            return 0
        }
    }

    // MARK: Spec files

    private static let schema = CommandSpec(
        "config schema", operands: 0...0, "Print the JSON Schema of spec files",
        run: { call in
            try call.reporting {
                try Output.line(try call.client.boxValue(.get, "/config/schema").pretty)
                return 0
            }
        })

    private static let check = CommandSpec(
        "config check", usage: "FILE", operands: 1...1, "Check a spec file; print it as it is understood",
        run: { call in
            try call.reporting {
                let text = try DeployCommand.read(call.arguments.operands[0])
                let answer = try call.client.boxValue(
                    .post, "/config/check",
                    body: ["text": .string(text), "variables": DeployCommand.variables(in: text)])
                try Output.line(answer["spec"].pretty)
                return 0
            }
        })

    private static let fromCompose = CommandSpec(
        "config from-compose", usage: "[FILE]", operands: 0...1,
        "Make a spec file of what 'docker compose config --format json' prints",
        flags: { [.one("service", nil, "SERVICE", "Of this one; needless when there is one only")] },
        run: { call in
            try call.reporting {
                let file = call.arguments.operands.first ?? "-"
                let document: JSONValue
                do { document = try JSONValue(parsing: Array(try DeployCommand.read(file).utf8)) } catch let error
                    as CommandError
                {
                    throw error
                } catch {
                    throw CommandError(
                        "\(file) is not JSON (\(error)): give what 'docker compose config --format json' prints",
                        status: 2)
                }
                let (spec, notes) = try ComposeImport.spec(
                    of: document, service: call.arguments.optionalText("service"))
                for note in notes { Output.complain("note: " + Escaping.visible(note)) }
                try Output.line(spec.pretty)
                return 0
            }
        })

    private static let fromKamal = CommandSpec.refused(
        "config from-kamal",
        "Kamal's configuration is YAML with Ruby in it, and Kamal prints no JSON of it; write box.json5 by "
            + "hand ('boxctl config schema')")

    private static let looking: [CommandSpec] = ServiceViews.specs + [ServiceEvents.spec]
}
