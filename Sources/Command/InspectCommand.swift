import Basics
import HTTP

/// `inspect`, and the `inspect` of containers, images, volumes and networks.
enum InspectCommand {
    static let any = CommandSpec(
        "inspect", usage: "NAME|ID [NAME|ID...]", operands: 1...Int.max, "Return low-level information on Box objects",
        flags: {
            [
                .inspectFormat, .bool("size", "s", "Display total file sizes if the type is container"),
                .one("type", nil, "string", "Only inspect objects of the type: container, image, network or volume"),
            ]
        },
        run: { call in
            guard let type = call.arguments.optionalText("type"), !type.isEmpty else {
                return try inspect(call, Kind.allCases, missing: "no such object")
            }
            guard let kind = Kind(rawValue: type) else {
                throw CommandError(
                    "\"\(type)\" is not a valid value for --type: it is container, image, network or volume")
            }
            return try inspect(call, [kind], missing: "No such \(type)")
        })

    static let containers = spec(
        "container inspect", .container, "CONTAINER [CONTAINER...]", "containers",
        [
            .inspectFormat, .bool("size", "s", "Display total file sizes"),
        ])
    static let images = spec(
        "image inspect", .image, "IMAGE [IMAGE...]", "images",
        [
            .inspectFormat, .refused("platform", nil, "images are of this machine's platform"),
        ])
    static let volumes = spec("volume inspect", .volume, "VOLUME [VOLUME...]", "volumes", [.inspectFormat])
    static let networks = spec(
        "network inspect", .network, "NETWORK [NETWORK...]", "networks",
        [
            .inspectFormat, .bool("verbose", "v", "Show all that is known"),
        ])

    private static func spec(_ name: String, _ kind: Kind, _ usage: String, _ objects: String, _ flags: [Flag])
        -> CommandSpec
    {
        CommandSpec(
            name, usage: usage, operands: 1...Int.max, "Display detailed information on one or more \(objects)",
            flags: { flags }, run: { try inspect($0, [kind], missing: "No such \(kind.rawValue)") })
    }

    enum Kind: String, CaseIterable {
        case container, image, network, volume

        func path(_ name: String) -> String {
            switch self {
            case .container: Path.container(name, "json")
            case .image: Path.image(name, "json")
            case .network: Path.network(name)
            case .volume: Path.volume(name)
            }
        }
    }

    /// Members that the daemon leaves out when there is nothing to say; a template may still ask.
    private static let optional: Set<String> = [
        "Health", "Healthcheck", "SizeRw", "SizeRootFs", "ExecIDs", "Annotations", "StopSignal", "StopTimeout", "Shell",
        "OnBuild", "ArgsEscaped", "Init", "Mounts", "Binds", "Tmpfs", "Sysctls", "Runtime", "StorageOpt", "Labels",
        "Options",
        "UsageData", "Status", "Variant", "OsVersion", "Created", "Config", "Entrypoint", "Cmd", "Env", "Volumes",
        "ExposedPorts", "WorkingDir", "User", "MaskedPaths", "ReadonlyPaths", "CreatedAt", "Interval", "Timeout",
        "Retries",
        "StartPeriod", "StartInterval", "Test", "Name", "Driver", "LogPath", "CapAdd", "CapDrop", "Dns", "ExtraHosts",
        "GroupAdd", "SecurityOpt", "PortBindings", "Links", "Devices", "Ulimits", "IPAMConfig", "Aliases", "DNSNames",
        "DriverOpts", "Subnet", "IPRange", "Gateway", "AuxiliaryAddresses", "IPv4Address", "IPv6Address",
    ]

    private static func inspect(_ call: Invocation, _ kinds: [Kind], missing: String) throws -> Int32 {
        let format = call.arguments.text("format")
        let template = format.isEmpty || format == "json" ? nil : try Template(format)
        var found: [JSONValue] = []
        var failures: [String] = []
        for name in call.arguments.operands {
            if let value = try find(call, name, kinds) {
                found.append(value)
            } else {
                failures.append("\(missing): \(Escaping.visible(name))")
            }
        }
        if let template {
            for value in found { try Output.line(try template.render(value, optional: optional)) }
        } else if format == "json" {
            for value in found { try Output.line(value.compact) }
        } else {
            try Output.line(JSONValue.array(found).pretty)
        }
        for failure in failures { Output.complain("Error: " + failure) }
        return failures.isEmpty ? 0 : 1
    }

    private static func find(_ call: Invocation, _ name: String, _ kinds: [Kind]) throws -> JSONValue? {
        // An empty name would ask for the list.
        if name.isEmpty { return nil }
        for kind in kinds {
            let query: Query = kind == .container && call.arguments.bool("size") ? ["size": "1"] : [:]
            do { return try call.client.get(kind.path(name), query) } catch let error as DaemonError {
                // A name that cannot be an image's may still be a volume's.
                guard error.isNotFound || (error.status == 400 && kinds.count > 1) else { throw error }
            }
        }
        return nil
    }
}
