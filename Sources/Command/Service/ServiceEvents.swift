import Basics
import HTTP
import Kernel

/// What is told of services after the fact or while it happens: `service events`, `logs --failed`.
enum ServiceEvents {
    static let spec = CommandSpec(
        "service events", usage: "SERVICE|ROLLOUT", operands: 1...1, "Show what happened to a service or in a rollout",
        flags: {
            [
                .one("since", nil, "SEQ", "Only what came after the event of this number"),
                .bool("follow", "f", "And what is to come; of a rollout until its end"), DeployCommand.output,
            ]
        },
        run: { call in try call.reporting { try show(call) } })

    private static func show(_ call: Invocation) throws -> Int32 {
        let format = try call.format()
        let name = call.arguments.operands[0]
        let path =
            try ServiceCommands.isRollout(name, call.client)
            ? BoxPath.deploy(name, "events") : BoxPath.service(name, "events")
        var query: Query = ["after": "\(try call.arguments.integer("since") ?? 0)"]
        if !call.arguments.bool("follow") { query.add("follow", "0") }
        try call.client.events(of: try call.client.box(.get, path, query)) { event in
            try Output.line(format == .text ? line(event) : event.compact)
            return true
        }
        return 0
    }

    /// `2026-11-21T08:00:00.000000000Z web-d4 rollback: web-r4-9: exited with 3`.
    static func line(_ event: JSONValue) -> String {
        let subject = event["deploy"].string ?? event["service"].text
        let instance = event["instance"].string.map { "\($0): " } ?? ""
        return Escaping.visible(
            "\(event["seq"].integer ?? 0) \(event["time"].text) \(subject) \(event["kind"].text): \(instance)"
                + event["text"].text)
    }

    /// `logs ROLLOUT --failed`: the last words of the instance for which a rollout failed.
    static func failed(_ call: Invocation) throws -> Int32 {
        try call.reporting {
            let name = call.arguments.operands[0]
            let rollout = try call.client.boxValue(.get, BoxPath.deploy(name))
            let reason = rollout["result"]["reason"].isNull ? rollout["reason"] : rollout["result"]["reason"]
            guard let instance = reason["instance"].string else {
                let why = reason["detail"].string.map { ": \($0)" } ?? ""
                throw CommandError("no instance of \(name) failed\(why)", status: 10)
            }
            Output.complain(Escaping.visible("\(instance): \(reason["detail"].text)"))
            for line in reason["log_tail"].strings { try Output.line(line) }
            return 0
        }
    }
}
