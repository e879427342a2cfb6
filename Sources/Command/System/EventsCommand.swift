import Basics
import HTTP
import Kernel

/// `events`.
package enum EventsCommand {
    static let spec = CommandSpec(
        "events", aliases: ["system events"], operands: 0...0, "Get real time events from boxd",
        flags: {
            [
                .filter, .inspectFormat.renamed(short: nil),
                .one("since", nil, "string", "Show events since a time or a duration ago"),
                .one("until", nil, "string", "Stream events until a time or a duration ago"),
            ]
        }, run: run)

    private static func run(_ call: Invocation) throws -> Int32 {
        let arguments = call.arguments
        let format = arguments.text("format")
        let template = format.isEmpty || format == "json" ? nil : try Template(format)
        let now = Clock.realtime()
        var query = Query()
        for name in ["since", "until"] {
            if let text = arguments.optionalText(name) {
                query.add(name, try TimeArgument.unix(text, flag: name, now: now))
            }
        }
        try query.addFilters(arguments.list("filter"))
        let answer = try call.client.send(.get, "/events", query)
        try call.client.lines(of: answer) { event in
            if let template {
                try Output.line(
                    try template.render(
                        event, optional: ["Attributes"],
                        method: { name, _ throws(TemplateError) in member(event, name) }))
            } else {
                try Output.line(format == "json" ? event.compact : line(event))
            }
            return true
        }
        return 0
    }

    /// Members that a template names otherwise than the wire does.
    private static func member(_ event: JSONValue, _ name: String) -> JSONValue? {
        switch name {
        case "Status": event["status"].isNull ? event["Action"] : event["status"]
        case "ID": event["Actor"]["ID"]
        case "From": event["from"].isNull ? .string("") : event["from"]
        case "Scope": event["scope"]
        case "Time": event["time"]
        case "TimeNano": event["timeNano"]
        default: nil
        }
    }

    /// `2026-11-21T08:00:00.000000000Z container start 1b2c… (image=busybox, name=web)`.
    package static func line(_ event: JSONValue) -> String {
        let time =
            event["timeNano"].integer.flatMap { $0 == 0 ? nil : $0 } ?? (event["time"].integer ?? 0) * 1_000_000_000
        let attributes = event["Actor"]["Attributes"].sorted.map { "\($0.key)=\($0.value.text)" }.joined(
            separator: ", ")
        let parts = [event["Type"].text, event["Action"].text, event["Actor"]["ID"].text].map(Escaping.visible)
        return "\(HumanTime.localFixed(time)) \(parts.joined(separator: " "))"
            + (attributes.isEmpty ? "" : " (\(Escaping.visible(attributes)))")
    }
}
