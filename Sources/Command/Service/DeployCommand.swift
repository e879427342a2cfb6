import Basics
import Glibc
import HTTP
import Kernel

/// `deploy` and `plan`.
enum DeployCommand {
    static let specs: [CommandSpec] = [
        CommandSpec(
            "deploy", usage: "[SERVICE]", operands: 0...1,
            "Swap a service to another version, and wait until that is done",
            flags: { specFlags + waitFlags + deployFlags }, run: { call in try call.reporting { try deploy(call) } }),
        CommandSpec(
            "plan", usage: "[SERVICE]", operands: 0...1, "Show what a deploy would do, and change nothing",
            flags: {
                specFlags + [
                    .bool("detailed-exitcode", nil, "Exit with 20 when there is something to do"), output,
                ]
            }, run: { call in try call.reporting { try plan(call) } }),
    ]

    static let output = Flag.one("output", "o", "string", default: "text", "text, json or ndjson")

    private static let specFlags: [Flag] = [
        .one("file", "f", "FILE", "Spec of the service (JSON5); - for standard input"),
        .one("image", nil, "IMAGE", "Image to run"), .one("name", nil, "SERVICE", "Name of the service"),
        .many("publish", "p", "[HOST:]PORT[/PROTOCOL]", "Port of the host, and of the instances"),
        .one("replicas", nil, "int", "How many instances"),
        .one("strategy", nil, "string", "rolling, immutable, blue_green, canary, recreate or all_at_once"),
        .one("health-path", nil, "PATH", "Ask for it by HTTP: 200 to 299 is healthy"),
        .many("env", "e", "NAME=VALUE", "Set an environment variable"),
        .one("memory", "m", "bytes", "Limit of memory of each instance"),
        .one("revision-label", nil, "string", "A name of your own for the revision, as a commit"),
    ]
    private static let waitFlags: [Flag] = [
        .maybe("wait", nil, "pause", "Wait for the end, as without; =pause: or until somebody has to act (exit 5)"),
        .bool("detach", "d", "Do not wait"),
        .one("timeout", nil, "duration", "Wait no longer; the deploy goes on (exit 9)"), output,
        .bool("github", nil, "Also write what GitHub's runner understands"),
        .bool("abort-on-disconnect", nil, "Roll back when this command is interrupted"),
    ]
    private static let deployFlags: [Flag] = [
        .one("if-busy", nil, "string", default: "fail", "While another deploy is under way: fail, queue or replace it"),
        .one("idempotency-key", nil, "string", "The same key again means the same deploy"),
        .one("if-revision", nil, "REVISION", "Only when this revision serves, as in r7"),
        .bool("dry-run", nil, "As plan"),
    ]

    // MARK: Deploy

    private static func deploy(_ call: Invocation) throws -> Int32 {
        if call.arguments.bool("dry-run") { return try plan(call) }
        let options = try WaitOptions(call.arguments)
        let waiting = try Detaching.begin(
            call.client.host, abort: call.arguments.bool("abort-on-disconnect"), deadline: options.deadline)
        var (service, body) = try request(call)
        if let label = call.arguments.optionalText("revision-label") { body["label"] = .string(label) }
        if let busy = call.arguments.optionalText("if-busy") { body["if_busy"] = .string(busy) }
        var headers: [(String, String)] = []
        if let key = call.arguments.optionalText("idempotency-key") { headers.append(("Idempotency-Key", key)) }
        if let revision = call.arguments.optionalText("if-revision") { headers.append(("If-Match", "\"\(revision)\"")) }
        let answer = try call.client.boxValue(
            .post, BoxPath.service(service, "deploys"), body: .object(body), headers: headers)
        return try options.follow(answer, call.client, waiting)
    }

    /// The service that is meant, and the body of the request.
    private static func request(_ call: Invocation) throws -> (String, JSONObject) {
        let arguments = call.arguments
        let named = arguments.operands.first ?? arguments.optionalText("name")
        let overlay = try SpecFlags.overlay(arguments, service: named)
        var body = JSONObject()
        if let file = arguments.optionalText("file") {
            let text = try read(file)
            body["text"] = .string(text)
            body["variables"] = variables(in: text)
            if !overlay.members.isEmpty { body["spec"] = .object(overlay) }
            if let named { return (named, body) }
            // The daemon reads JSON5; so it is asked whose spec this is.
            let checked = try call.client.boxValue(.post, "/config/check", body: .object(body))
            return (checked["service"].text, body)
        }
        guard let named else {
            throw CommandError(
                "say which service: boxctl deploy -f box.json5, or boxctl deploy NAME --image IMAGE", status: 2)
        }
        body["spec"] = .object(overlay)
        do {
            let known = try call.client.boxValue(.get, BoxPath.service(named))
            if known["revisions"].array.isEmpty { throw BoxProblem(status: 404, body: .null) }
            // What is not said stays as it is.
            body["on_top_of"] = .string(named)
        } catch let problem as BoxProblem where problem.isNotFound {
            guard arguments.optionalText("image") != nil else {
                throw CommandError(
                    "there is no service '\(named)' yet: say --image, or give a spec with -f", status: 10)
            }
        }
        return (named, body)
    }

    /// A spec file; `-` is standard input.
    static func read(_ file: String) throws -> String {
        do {
            let path = file == "-" ? "/dev/stdin" : file
            return String(decoding: try Sys.readFile(path, limit: 4 << 20), as: UTF8.self)
        } catch {
            throw CommandError("cannot read \(file): \(error.reason)", status: 2)
        }
    }

    /// Of the environment only what the text names as `${NAME}`: the rest is nobody's business.
    static func variables(in text: String) -> JSONValue {
        var found = JSONObject()
        for part in text.split(on: "${").dropFirst() {
            let name = String(part.prefix { $0 == "_" || $0.isASCII && ($0.isLetter || $0.isNumber) })
            if !name.isEmpty, let value = ProcessEnvironment.variable(name) { found[name] = .string(value) }
        }
        return .object(found)
    }

    // MARK: Plan

    private static func plan(_ call: Invocation) throws -> Int32 {
        let format = try call.format()
        let (service, body) = try request(call)
        let plan = try call.client.boxValue(.post, BoxPath.service(service, "plan"), body: .object(body))
        try format == .text ? Output.write(text(of: plan)) : Output.line(plan.compact)
        if !plan["refusals"].array.isEmpty { return 8 }
        return call.arguments.bool("detailed-exitcode") && plan["changed"].bool == true ? 20 : 0
    }

    static func text(of plan: JSONValue) -> String {
        let from = plan["from"].string ?? "nothing"
        guard plan["changed"].bool == true else { return "\(plan["service"].text): nothing to do, \(from) serves\n" }
        var text = "\(plan["service"].text): \(from) -> \(plan["to"].text), \(plan["strategy"].text), "
        text += "\(plan["desired"].integer ?? 0) instances of \(plan["image"].text)\n"
        for change in plan["diff"].array {
            text += "  \(change["path"].text): \(change["from"].compact) -> \(change["to"].compact)\n"
        }
        text += "Steps:\n"
        for (index, step) in plan["steps"].strings.enumerated() { text += "  \(index + 1). \(step)\n" }
        let peak = plan["peak"]
        text += "At most \(peak["running"].integer ?? 0) instances run at a time, "
        text += "\(peak["instances"].integer ?? 0) with those kept"
        if let memory = peak["memory_bytes"].integer { text += ", \(ByteCount.binary(memory)) of memory" }
        text += "; about \(HumanNumber.fixed(plan["expected_seconds"].number ?? 0, digits: 0)) s.\n"
        for warning in plan["warnings"].strings { text += "Warning: \(warning)\n" }
        for refusal in plan["refusals"].array {
            text += "Refused (\(refusal["subject"].text)): \(refusal["detail"].text)\n"
        }
        return Escaping.lines(text)
    }
}

/// Options of commands that wait for a rollout.
struct WaitOptions {
    var format = RolloutWait.Format.text
    var github = false
    var detach = false
    var endsWithPause = false
    /// Nanoseconds since boot.
    var deadline: Int64?

    init(_ arguments: ParsedArguments) throws {
        format = try RolloutWait.Format(arguments)
        github = arguments.bool("github")
        detach = arguments.bool("detach")
        switch arguments.optionalText("wait") {
        case nil, "end", "true": break
        case "pause": endsWithPause = true
        case let text?: throw CommandError("--wait: \"\(text)\" is none of end, pause", status: 2)
        }
        deadline = try arguments.duration("timeout").map { Clock.boottime() + $0 }
    }

    /// From the answer to a request to what comes of it.
    func follow(_ answer: JSONValue, _ client: EngineClient, _ waiting: Detaching.Waiting) throws -> Int32 {
        guard let id = answer["deploy"].string, answer["outcome"].isNull else {
            var wait = RolloutWait(client: client, rollout: "")
            wait.format = format
            wait.github = github
            if answer["outcome"].isNull {
                try Output.line(format == .text ? "unchanged" : answer.compact)
                return 0
            }
            if format == .ndjson { try Output.line(answer.compact) }
            return try wait.finish(answer)
        }
        waiting.rollout = id
        if detach {
            try Output.line(format == .text ? id : answer.compact)
            return 0
        }
        if let holder = answer["behind"].string { Output.complain("\(id) waits for the end of \(holder)") }
        var wait = RolloutWait(client: client, rollout: id)
        wait.format = format
        wait.github = github
        wait.endsWithPause = endsWithPause
        return try wait.run()
    }
}
