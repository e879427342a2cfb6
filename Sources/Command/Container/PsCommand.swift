import Basics
import HTTP
import Kernel

/// `ps`.
package enum PsCommand {
    static let spec = CommandSpec(
        "ps", aliases: ["container ls", "container list", "container ps"], operands: 0...0, "List containers",
        flags: {
            [
                .bool("all", "a", "Show all containers (default shows just running)"), .filter, .format,
                .one("last", "n", "int", default: "-1", "Show n last created containers (includes all states)"),
                .bool("latest", "l", "Show the latest created container (includes all states)"), .noTruncation,
                .bool("quiet", "q", "Only display container IDs"), .bool("size", "s", "Display total file sizes"),
            ]
        },
        run: { call in
            let arguments = call.arguments
            let format = arguments.text("format")
            // A template that shows sizes needs them as `--size` does.
            let size = arguments.bool("size") || format.contains(".Size")
            var query = Query()
            if arguments.bool("all") { query.add("all", "1") }
            let last = arguments.bool("latest") ? 1 : try arguments.integer("last") ?? -1
            if last > 0 { query.add("limit", "\(last)") }
            if size { query.add("size", "1") }
            try query.addFilters(arguments.list("filter"))
            let long = arguments.bool("no-trunc")
            if arguments.bool("quiet"), format.isEmpty {
                // The most frequent call of scripts: no table is built for it, nor is more of the answer read.
                let containers = try call.client.get("/containers/json", query, keeping: "Id").array
                try Output.write(containers.map { shortID($0["Id"].text, long: long) + "\n" }.joined())
                return 0
            }
            let containers = try call.client.get("/containers/json", query).array
            let now = Clock.realtime() / 1_000_000_000
            var listing = Listing(
                titles: titles,
                columns: ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"] + (size ? ["Size"] : []),
                quietMember: "ID")
            listing.rows = containers.map { row($0, now: now, long: long) }
            listing.method = { row, name, arguments throws(TemplateError) in
                guard name == "Label", arguments.count == 1, let label = arguments[0].string else { return nil }
                return .string(row["\u{0}labels"][label].text)
            }
            try Output.write(try listing.text(format: format, quiet: arguments.bool("quiet")))
            return 0
        })

    private static let titles: [(member: String, title: String)] = [
        ("ID", "CONTAINER ID"), ("Image", "IMAGE"), ("Command", "COMMAND"), ("CreatedAt", "CREATED AT"),
        ("RunningFor", "CREATED"), ("Ports", "PORTS"), ("State", "STATE"), ("Status", "STATUS"), ("Size", "SIZE"),
        ("Names", "NAMES"), ("Labels", "LABELS"), ("Mounts", "MOUNTS"), ("LocalVolumes", "LOCAL VOLUMES"),
        ("Networks", "NETWORKS"),
    ]

    static func shortID(_ id: String, long: Bool) -> String {
        let plain = id.hasPrefix("sha256:") ? String(id.dropFirst(7)) : id
        return long ? id : String(plain.prefix(12))
    }

    /// What a template may name of a container, as `docker ps` has it.
    package static func row(_ container: JSONValue, now: Int64, long: Bool) -> JSONValue {
        let created = container["Created"].integer ?? 0
        let command = container["Command"].text
        let names = container["Names"].strings.map { $0.hasPrefix("/") ? String($0.dropFirst()) : $0 }.filter {
            !$0.contains("/")
        }
        let mounts = container["Mounts"].array.map { mount in
            let name = mount["Name"].text.isEmpty ? mount["Source"].text : mount["Name"].text
            return long ? name : Escaping.ellipsis(name, 15)
        }
        let volumes = container["Mounts"].array.filter {
            $0["Type"].string == "volume" && $0["Driver"].string == "local"
        }
        var image = container["Image"].text
        if image.hasPrefix("sha256:") { image = shortID(image, long: long) }
        let members: [(String, String)] = [
            ("Command", Escaping.quoted(long ? command : Escaping.ellipsis(command, 20))),
            ("CreatedAt", HumanTime.local(created)),
            ("ID", shortID(container["Id"].text, long: long)),
            ("Image", image.isEmpty ? "<no image>" : image),
            ("Labels", container["Labels"].sorted.map { "\($0.key)=\($0.value.text)" }.joined(separator: ",")),
            ("LocalVolumes", "\(volumes.count)"),
            ("Mounts", mounts.joined(separator: ",")),
            ("Names", names.joined(separator: ",")),
            ("Networks", container["NetworkSettings"]["Networks"].sorted.map(\.key).joined(separator: ",")),
            ("Ports", PortText.summary(container["Ports"].array)),
            ("RunningFor", HumanTime.ago(created, now: now)),
            ("Size", size(container)),
            ("State", container["State"].text),
            ("Status", container["Status"].text),
        ]
        var row = JSONObject(members.map { JSONObject.Member($0.0, .string($0.1)) })
        row.hidden = [JSONObject.Member("\u{0}labels", container["Labels"])]
        return .object(row)
    }

    private static func size(_ container: JSONValue) -> String {
        let own = ByteCount.decimal(container["SizeRw"].integer ?? 0)
        guard let total = container["SizeRootFs"].integer, total > 0 else { return own }
        return "\(own) (virtual \(ByteCount.decimal(total)))"
    }
}
