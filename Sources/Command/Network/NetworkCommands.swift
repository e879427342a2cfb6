import APIModel
import HTTP

/// What is done with networks.
enum NetworkCommands {
    static let all: [CommandSpec] = [
        NetworkCreateCommand.spec, list, InspectCommand.networks, remove, prune, connect, disconnect,
    ]

    private static let titles: [(member: String, title: String)] = [
        ("ID", "NETWORK ID"), ("Name", "NAME"), ("Driver", "DRIVER"), ("Scope", "SCOPE"), ("IPv4", "IPV4"),
        ("IPv6", "IPV6"), ("Internal", "INTERNAL"), ("Labels", "LABELS"), ("CreatedAt", "CREATED AT"),
    ]

    private static let list = CommandSpec(
        "network ls", aliases: ["network list"], operands: 0...0, "List networks",
        flags: { [.filter, .format, .noTruncation, .bool("quiet", "q", "Only display network IDs")] },
        run: { call in
            var query = Query()
            try query.addFilters(call.arguments.list("filter"))
            let long = call.arguments.bool("no-trunc")
            var listing = Listing(titles: titles, columns: ["ID", "Name", "Driver", "Scope"], quietMember: "ID")
            let networks = try call.client.get("/networks", query).array
            listing.rows = networks.sorted { NaturalOrder.isLess($0["Name"].text, $1["Name"].text) }.map {
                row($0, long: long)
            }
            listing.method = { row, name, arguments throws(TemplateError) in
                guard name == "Label", arguments.count == 1, let label = arguments[0].string else { return nil }
                return .string(row["\u{0}labels"][label].text)
            }
            try Output.write(
                try listing.text(format: call.arguments.text("format"), quiet: call.arguments.bool("quiet")))
            return 0
        })

    private static func row(_ network: JSONValue, long: Bool) -> JSONValue {
        let labels = network["Labels"]
        var row = JSONObject([
            .init("CreatedAt", .string(HumanTime.goTime(network["Created"].text))),
            .init("Driver", .string(network["Driver"].text)),
            .init("ID", .string(PsCommand.shortID(network["Id"].text, long: long))),
            .init("IPv4", .string(network["EnableIPv4"].bool == true ? "true" : "false")),
            .init("IPv6", .string(network["EnableIPv6"].bool == true ? "true" : "false")),
            .init("Internal", .string(network["Internal"].bool == true ? "true" : "false")),
            .init("Labels", .string(labels.sorted.map { "\($0.key)=\($0.value.text)" }.joined(separator: ","))),
            .init("Name", .string(network["Name"].text)),
            .init("Scope", .string(network["Scope"].text)),
        ])
        row.hidden = [JSONObject.Member("\u{0}labels", labels)]
        return .object(row)
    }

    private static let remove = CommandSpec(
        "network rm", aliases: ["network remove"], usage: "NETWORK [NETWORK...]", operands: 1...Int.max,
        "Remove one or more networks",
        flags: { [.bool("force", "f", "Do not mind networks that are not there")] },
        run: { call in
            let force = call.arguments.bool("force")
            return try call.forEach { name in
                do { try call.client.perform(.delete, Path.network(name)) } catch let error as DaemonError {
                    guard force, error.isNotFound else { throw error }
                    throw Invocation.Skip()
                }
            }
        })

    private static let prune = CommandSpec(
        "network prune", operands: 0...0, "Remove all networks that no container uses",
        flags: { [.force, .pruneFilter] },
        run: { call in
            try Prune.confirm(call, "This will remove all custom networks not used by at least one container.")
            var query = Query()
            try query.addFilters(call.arguments.list("filter"))
            try Output.write(try Prune.networks(call.client, query).text)
            return 0
        })

    private static let connect = CommandSpec(
        "network connect", usage: "NETWORK CONTAINER", operands: 2...2, "Connect a container to a network",
        flags: {
            [
                .one("ip", nil, "string", "IPv4 address of the container in the network"),
                .one("ip6", nil, "string", "IPv6 address of the container in the network"),
                .many("alias", nil, "strings", "Another name of the container in the network"),
                .refused("link", nil, ContainerFlags.insteadOfLinks),
                .refused("link-local-ip"),
                .refused("driver-opt"),
                .refused("gw-priority"),
            ]
        },
        run: { call in
            let arguments = call.arguments
            let aliases = arguments.words("alias")
            let addresses = try NetworkFlag.addresses(
                ip: arguments.text("ip").trimmed, ip6: arguments.text("ip6").trimmed)
            let request = NetworkConnectRequest(
                container: arguments.operands[1],
                endpointConfig: EndpointSettings(ipamConfig: addresses, aliases: aliases.isEmpty ? nil : aliases))
            try call.client.perform(
                .post, Path.network(arguments.operands[0], "connect"), body: try JSONValue(encoding: request))
            return 0
        })

    private static let disconnect = CommandSpec(
        "network disconnect", usage: "NETWORK CONTAINER", operands: 2...2, "Disconnect a container from a network",
        flags: { [.bool("force", "f", "Disconnect even what cannot be found")] },
        run: { call in
            let request = NetworkDisconnectRequest(
                container: call.arguments.operands[1], force: call.arguments.bool("force"))
            try call.client.perform(
                .post, Path.network(call.arguments.operands[0], "disconnect"), body: try JSONValue(encoding: request))
            return 0
        })
}
