import Basics
import HTTP
import Kernel

/// `status`, `service ls`, `service history`, `doctor`.
enum ServiceViews {
    static let specs: [CommandSpec] = [
        CommandSpec(
            "status", usage: "[SERVICE|ROLLOUT]", operands: 0...1, "Show how services and rollouts are doing",
            flags: { [.bool("watch", "w", "Again and again"), DeployCommand.output] },
            run: { call in try call.reporting { try status(call) } }),
        CommandSpec(
            "service ls", aliases: ["service list"], operands: 0...0, "List services",
            flags: { [.format, .bool("quiet", "q", "Only display names")] },
            run: { call in
                try call.reporting {
                    var listing = Listing(
                        titles: [
                            ("Name", "NAME"), ("State", "STATE"), ("Revision", "REVISION"), ("Image", "IMAGE"),
                            ("Instances", "INSTANCES"), ("Ports", "PORTS"), ("Rollout", "ROLLOUT"),
                        ],
                        columns: ["Name", "State", "Revision", "Image", "Instances", "Ports", "Rollout"],
                        quietMember: "Name")
                    listing.rows = try call.client.boxValue(.get, "/services").array.map(row)
                    try Output.write(
                        try listing.text(
                            format: call.arguments.text("format"), quiet: call.arguments.bool("quiet")))
                    return 0
                }
            }),
        CommandSpec(
            "service history", usage: "SERVICE", operands: 1...1, "Show the rollouts of a service, the newest first",
            flags: { [.format, .one("limit", "n", "int", default: "20", "At most so many"), DeployCommand.output] },
            run: { call in try history(call) }),
        CommandSpec(
            "doctor", usage: "SERVICE", operands: 1...1, "Look for what is wrong with a service (exit 4 when there is)",
            flags: { [DeployCommand.output] },
            run: { call in try call.reporting { try doctor(call) } }),
    ]

    // MARK: Status

    private static func status(_ call: Invocation) throws -> Int32 {
        let isJSON = try call.format() != .text
        guard call.arguments.bool("watch") else {
            try Output.write(try picture(call, isJSON, width: 120).text)
            return 0
        }
        while true {
            let size = !isJSON && Terminal.isTerminal(1) ? try? Terminal.size(1) : nil
            let now: (text: String, isOver: Bool)
            do {
                now = try picture(call, isJSON, width: size.map { max(40, Int($0.columns)) } ?? 120)
            } catch let problem as BoxProblem {
                throw problem
            } catch {
                // Services go on without boxd; so does who looks at them.
                now = ("\(error); trying again\n", false)
            }
            if let size { try Output.write(screen(now.text, size)) } else { try Output.write(now.text) }
            if now.isOver { return 0 }
            Clock.sleep(nanoseconds: 1_000_000_000)
        }
    }

    /// What fits on a terminal, from its upper left corner.
    static func screen(_ text: String, _ size: Terminal.Size) -> String {
        let lines = text.split(on: "\n").prefix(max(1, Int(size.rows) - 1))
        return "\u{1b}[H"
            + lines.map { Escaping.ellipsis($0, max(1, Int(size.columns) - 1)) + "\u{1b}[K" }.joined(separator: "\n")
            + "\u{1b}[J"
    }

    /// `isOver`: it is a rollout's, and nothing will change any more.
    private static func picture(_ call: Invocation, _ isJSON: Bool, width: Int) throws -> (text: String, isOver: Bool) {
        guard let name = call.arguments.operands.first else {
            let all = try call.client.boxValue(.get, "/services")
            let parts = all.array.map { text(of: $0, width: width) }
            return (isJSON ? all.compact + "\n" : parts.joined(separator: "\n"), false)
        }
        if try ServiceCommands.isRollout(name, call.client) {
            let rollout = try call.client.boxValue(.get, BoxPath.deploy(name))
            let isDone = rollout["done"].bool == true
            if isJSON { return (rollout.compact + "\n", isDone) }
            if isDone { return (RolloutWait.summary(rollout["result"]) + "\n", true) }
            let service = try call.client.boxValue(.get, BoxPath.service(rollout["service"].text))
            return (LiveView.picture(rollout, service, width: width).joined(separator: "\n") + "\n", false)
        }
        let service = try call.client.boxValue(.get, BoxPath.service(name))
        return (isJSON ? service.compact + "\n" : text(of: service, width: width), false)
    }

    static func text(of service: JSONValue, width: Int = 120) -> String {
        var lines = "\(service["service"].text): \(service["state"].text), \(service["stable"].string ?? "no revision")"
        lines += ", \(pooled(service)) of \(service["desired"].integer ?? 0) instances in the pool\n"
        let window = service["window"]
        if !window.isNull {
            let left = HumanNumber.fixed(window["seconds_left"].number ?? 0, digits: 0)
            lines += "  \(window["revision"].text) is kept for a rollback, \(left) s more"
            let missing = window["to_start"].integer ?? 0
            lines += missing > 0 ? ", which has to start \(missing) instances\n" : "\n"
        }
        if !service["rollout"].isNull {
            for line in LiveView.picture(service["rollout"], service, width: width - 2) { lines += "  \(line)\n" }
        }
        var table = "NAME\tREVISION\tSTATE\tFOR\tADDRESS\tLAST PROBE\n"
        for one in service["instances"].array {
            let seconds = Int64(one["seconds"].number ?? 0)
            let detail = one["failure"]["detail"].string ?? one["probe"]["detail"].text
            let state = one["state"].text + (one["set_aside"].bool == true ? " (set aside)" : "")
            table +=
                [
                    one["name"].text, one["revision"].text, state, GoDuration.format(seconds * 1_000_000_000),
                    one["address"].string ?? "-", Escaping.ellipsis(detail, 60),
                ].map { Escaping.visible($0) }.joined(separator: "\t") + "\n"
        }
        return Escaping.lines(lines) + TabWriter.align(table)
    }

    private static func pooled(_ service: JSONValue) -> Int64 {
        service["serving"].members.reduce(0) { $0 + ($1.value.integer ?? 0) }
    }

    private static func row(_ service: JSONValue) -> JSONValue {
        let revision = service["revisions"].array.first { $0["stable"].bool == true } ?? .null
        let ports = service["ports"].array.compactMap { port -> String? in
            port["publish"].integer.map { "\($0)->\(port["target"].integer ?? 0)/\(port["protocol"].text)" }
        }
        return [
            "Name": service["service"], "State": service["state"], "Revision": .string(service["stable"].text),
            "Image": .string(revision["image"].text),
            "Instances": .string("\(pooled(service))/\(service["desired"].integer ?? 0)"),
            "Ports": .string(ports.joined(separator: ", ")),
            "Rollout": .string(service["rollout"]["deploy"].text),
        ]
    }

    // MARK: History

    static func history(_ call: Invocation) throws -> Int32 {
        try call.reporting {
            let name = call.arguments.operands[0]
            let limit = call.arguments.optionalText("limit") ?? "20"
            let all = try call.client.boxValue(.get, BoxPath.service(name, "history"), ["limit": limit])
            if try call.format() != .text {
                try Output.line(all.compact)
                return 0
            }
            var listing = Listing(
                titles: [
                    ("Rollout", "ROLLOUT"), ("Ended", "ENDED"), ("Outcome", "OUTCOME"), ("From", "FROM"), ("To", "TO"),
                    ("Seconds", "SECONDS"), ("Reason", "REASON"),
                ],
                columns: ["Rollout", "Ended", "Outcome", "From", "To", "Seconds", "Reason"], quietMember: "Rollout")
            listing.rows = all.array.map { one in
                [
                    "Rollout": one["deploy"], "Ended": .string(ago(one["ended"].text)), "Outcome": one["outcome"],
                    "From": .string(one["from"].string ?? "-"), "To": .string(one["to"].string ?? "-"),
                    "Seconds": .string(HumanNumber.fixed(one["timings"]["total"].number ?? 0, digits: 1)),
                    "Reason": .string(Escaping.ellipsis(one["reason"]["detail"].text, 70)),
                ]
            }
            try Output.write(try listing.text(format: call.arguments.text("format"), quiet: false))
            return 0
        }
    }

    private static func ago(_ time: String) -> String {
        Timestamp(time).map { HumanTime.ago(Int64($0.seconds), now: Clock.realtime() / 1_000_000_000) } ?? time
    }

    // MARK: Doctor

    private static func doctor(_ call: Invocation) throws -> Int32 {
        let report = try call.client.boxValue(.get, BoxPath.service(call.arguments.operands[0], "doctor"))
        let isFine = report["ok"].bool == true
        if try call.format() != .text {
            try Output.line(report.compact)
            return isFine ? 0 : 4
        }
        var text = ""
        for one in report["findings"].array {
            text += "\(one["ok"].bool == true ? "ok  " : "BAD ") \(one["subject"].text): \(one["detail"].text)\n"
            if !one["advice"].text.isEmpty { text += "     \(one["advice"].text)\n" }
        }
        try Output.write(Escaping.lines(text))
        return isFine ? 0 : 4
    }
}
