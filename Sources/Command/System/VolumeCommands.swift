import APIModel
import Basics
import HTTP

/// What is done with volumes.
enum VolumeCommands {
    static let all: [CommandSpec] = [
        CommandSpec(
            "volume create", usage: "[VOLUME]", operands: 0...1, "Create a volume",
            flags: {
                [
                    .one("driver", "d", "string", default: "local", "The volume's driver"),
                    .many("label", nil, "list", "Set a label"),
                    .many("opt", "o", "map", "Set an option of the driver"),
                    .one("name", nil, "string", "The volume's name"),
                ]
                    + [
                        "availability", "group", "limit-bytes", "required-bytes", "scope", "secret", "sharing",
                        "topology-preferred",
                        "topology-required", "type",
                    ].map { .refused($0, nil, "it is for clusters") }
            },
            run: { call in
                let arguments = call.arguments
                if arguments.isSet("name"), !arguments.operands.isEmpty {
                    throw CommandError.usage(
                        "conflicting options: cannot specify a volume-name through both --name and as a positional arg")
                }
                let request = VolumeCreateRequest(
                    name: arguments.operands.first ?? arguments.text("name"),
                    driver: arguments.optionalText("driver") ?? "local",
                    driverOptions: try KeyValueFile.map(arguments.list("opt"), flag: "opt"),
                    labels: try KeyValueFile.labels(files: [], options: arguments.list("label")))
                let volume = try call.client.value(.post, "/volumes/create", body: try JSONValue(encoding: request))
                try Output.line(Escaping.visible(volume["Name"].text))
                return 0
            }),
        CommandSpec(
            "volume ls", aliases: ["volume list"], operands: 0...0, "List volumes",
            flags: {
                [
                    .filter, .format, .bool("quiet", "q", "Only display volume names"),
                    .refused("cluster", takesValue: false, "it is for clusters"),
                ]
            },
            run: { call in
                var query = Query()
                try query.addFilters(call.arguments.list("filter"))
                let volumes = try call.client.get("/volumes", query)["Volumes"].array
                var listing = Listing(titles: titles, columns: ["Driver", "Name"], quietMember: "Name")
                listing.rows = volumes.sorted { $0["Name"].text < $1["Name"].text }.map(row)
                listing.method = label
                try Output.write(
                    try listing.text(format: call.arguments.text("format"), quiet: call.arguments.bool("quiet")))
                return 0
            }),
        InspectCommand.volumes,
        CommandSpec(
            "volume rm", aliases: ["volume remove"], usage: "VOLUME [VOLUME...]", operands: 1...Int.max,
            "Remove one or more volumes that no container uses",
            flags: { [.bool("force", "f", "Do not mind volumes that are not there")] },
            run: { call in
                let query: Query = call.arguments.bool("force") ? ["force": "1"] : [:]
                return try call.forEach { try call.client.perform(.delete, Path.volume($0), query) }
            }),
        CommandSpec(
            "volume prune", operands: 0...0, "Remove unused local volumes",
            flags: { [.bool("all", "a", "Remove all unused volumes, not just anonymous ones"), .force, .pruneFilter] },
            run: { call in
                let all = call.arguments.bool("all")
                try Prune.confirm(
                    call,
                    "This will remove \(all ? "all" : "anonymous") local volumes not used by at least one container.")
                var query = Query()
                try query.addFilters(call.arguments.list("filter") + (all ? ["all=1"] : []))
                let result = try Prune.volumes(call.client, query)
                try Output.write(result.text + Prune.total(result.bytes))
                return 0
            }),
    ]

    static let titles: [(member: String, title: String)] = [
        ("Driver", "DRIVER"), ("Name", "VOLUME NAME"), ("Scope", "SCOPE"), ("Mountpoint", "MOUNTPOINT"),
        ("Labels", "LABELS"),
        ("Links", "LINKS"), ("Size", "SIZE"), ("Status", "STATUS"), ("Availability", "AVAILABILITY"),
        ("Group", "GROUP"),
    ]

    static func row(_ volume: JSONValue) -> JSONValue {
        let usage = volume["UsageData"]
        let size = usage["Size"].integer ?? -1
        let links = usage["RefCount"].integer ?? -1
        var row = JSONObject([
            .init("Availability", "N/A"), .init("Driver", .string(volume["Driver"].text)), .init("Group", "N/A"),
            .init(
                "Labels", .string(volume["Labels"].sorted.map { "\($0.key)=\($0.value.text)" }.joined(separator: ","))),
            .init("Links", .string(links < 0 ? "N/A" : "\(links)")),
            .init("Mountpoint", .string(volume["Mountpoint"].text)),
            .init("Name", .string(volume["Name"].text)), .init("Scope", .string(volume["Scope"].text)),
            .init("Size", .string(size < 0 ? "N/A" : ByteCount.decimal(size))), .init("Status", "N/A"),
        ])
        row.hidden = [JSONObject.Member("\u{0}labels", volume["Labels"])]
        return .object(row)
    }

    @Sendable private static func label(_ row: JSONValue, _ name: String, _ arguments: [JSONValue])
        throws(TemplateError) -> JSONValue?
    {
        guard name == "Label", arguments.count == 1, let label = arguments[0].string else { return nil }
        return .string(row["\u{0}labels"][label].text)
    }
}
