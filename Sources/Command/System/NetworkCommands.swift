import HTTP

/// What can be seen of networks.
enum NetworkCommands {
    static let all: [CommandSpec] = [
        InspectCommand.networks,
        CommandSpec(
            "network ls", aliases: ["network list"], operands: 0...0, "List networks",
            flags: { [.filter, .format, .noTruncation, .bool("quiet", "q", "Only display network IDs")] },
            run: { call in
                var query = Query()
                try query.addFilters(call.arguments.list("filter"))
                let long = call.arguments.bool("no-trunc")
                var listing = Listing(
                    titles: [
                        ("ID", "NETWORK ID"), ("Name", "NAME"), ("Driver", "DRIVER"), ("Scope", "SCOPE"),
                        ("IPv4", "IPV4"),
                        ("IPv6", "IPV6"), ("Internal", "INTERNAL"), ("Labels", "LABELS"), ("CreatedAt", "CREATED AT"),
                    ], columns: ["ID", "Name", "Driver", "Scope"], quietMember: "ID")
                let networks = try call.client.get("/networks", query).array
                listing.rows = networks.sorted { $0["Name"].text < $1["Name"].text }.map { network in
                    [
                        "CreatedAt": .string(network["Created"].text),
                        "Driver": .string(network["Driver"].text),
                        "ID": .string(PsCommand.shortID(network["Id"].text, long: long)),
                        "IPv4": .string(network["EnableIPv4"].bool == false ? "false" : "true"),
                        "IPv6": .string(network["EnableIPv6"].bool == true ? "true" : "false"),
                        "Internal": .string(network["Internal"].bool == true ? "true" : "false"),
                        "Labels": .string(
                            network["Labels"].sorted.map { "\($0.key)=\($0.value.text)" }.joined(separator: ",")),
                        "Name": .string(network["Name"].text),
                        "Scope": .string(network["Scope"].text),
                    ]
                }
                try Output.write(
                    try listing.text(format: call.arguments.text("format"), quiet: call.arguments.bool("quiet")))
                return 0
            }),
    ]
}
