import APIModel
import Basics
import HTTP
import Kernel

/// The daemon and all that it has.
enum SystemCommands {
    static let all: [CommandSpec] = [
        InspectCommand.any, EventsCommand.spec, DiskUsageCommand.spec,
        CommandSpec(
            "version", operands: 0...0, "Show the version of boxctl and boxd", flags: { [.inspectFormat] }, run: version
        ),
        CommandSpec(
            "info", aliases: ["system info"], operands: 0...0, "Display system-wide information",
            flags: { [.inspectFormat] },
            run: info),
        CommandSpec(
            "system prune", operands: 0...0, "Remove unused data",
            flags: {
                [
                    .bool("all", "a", "Remove all unused images not just dangling ones"), .force, .pruneFilter,
                    .bool("volumes", nil, "Prune anonymous volumes"),
                ]
            }, run: prune),
    ]

    private static func version(_ call: Invocation) throws -> Int32 {
        let format = call.arguments.text("format")
        let template = format.isEmpty || format == "json" ? nil : try Template(format)
        let machine =
            (try? Sys.readText("/proc/sys/kernel/arch"))?.split(separator: "\n").first.map(String.init) ?? "x86_64"
        let arch =
            switch machine {
            case "x86_64": "amd64"
            case "aarch64": "arm64"
            default: machine
            }
        var value: JSONValue = [
            "Client": [
                "Platform": ["Name": "Box"], "Version": .string(BoxVersion.current),
                "ApiVersion": .string(APIVersion.current),
                "DefaultAPIVersion": .string(APIVersion.current), "Os": "linux", "Arch": .string(arch),
                "Context": "default",
            ],
            "Server": nil,
        ]
        var failure: (any Error)?
        do {
            let server = try call.client.get("/version")
            if case .object(var object) = value {
                object["Server"] = server
                value = .object(object)
            }
        } catch { failure = error }
        if let template {
            // A template may ask of the server alone: its absence is the reason then.
            if let failure, format.contains("Server") { throw failure }
            try Output.line(try template.render(value))
        } else if format == "json" {
            try Output.line(value.compact)
        } else {
            try Output.write(versionText(value))
        }
        if let failure { throw failure }
        return 0
    }

    static func versionText(_ value: JSONValue) -> String {
        func section(_ title: String, _ part: JSONValue, _ fields: [(String, String)]) -> String {
            var text = title + "\n"
            for (name, member) in fields where !part[member].text.isEmpty {
                text +=
                    " \(name):" + String(repeating: " ", count: max(1, 18 - name.count))
                    + Escaping.visible(part[member].text) + "\n"
            }
            return text
        }
        let client = value["Client"]
        var text = section(
            "Client: Box", client, [("Version", "Version"), ("API version", "ApiVersion"), ("Architecture", "Arch")])
        let server = value["Server"]
        if server.isNull { return text }
        text += "\n"
        text += section(
            "Server: \(Escaping.visible(server["Platform"]["Name"].string ?? "Box"))", server,
            [
                ("Version", "Version"), ("API version", "ApiVersion"), ("Minimum API", "MinAPIVersion"),
                ("Git commit", "GitCommit"),
                ("Built", "BuildTime"), ("Architecture", "Arch"), ("Kernel", "KernelVersion"),
            ])
        for component in server["Components"].array {
            text += " \(Escaping.visible(component["Name"].text)):\n"
            text +=
                "  Version:" + String(repeating: " ", count: 10) + Escaping.visible(component["Version"].text) + "\n"
        }
        return text
    }

    private static func info(_ call: Invocation) throws -> Int32 {
        let format = call.arguments.text("format")
        let template = format.isEmpty || format == "json" ? nil : try Template(format)
        let info = try call.client.get("/info")
        if let template {
            try Output.line(try template.render(info))
        } else if format == "json" {
            try Output.line(info.compact)
        } else {
            try Output.write(infoText(info))
        }
        for warning in info["Warnings"].strings where format.isEmpty {
            Output.complain("WARNING: " + Escaping.visible(warning))
        }
        return 0
    }

    static func infoText(_ info: JSONValue) -> String {
        func line(_ indent: Int, _ name: String, _ value: String) -> String {
            String(repeating: " ", count: indent) + "\(name): \(Escaping.visible(value))\n"
        }
        func number(_ member: String) -> String { "\(info[member].integer ?? 0)" }
        var text = "Client: Box\n Version: \(BoxVersion.current)\n\nServer:\n"
        text += line(1, "Containers", number("Containers"))
        text += line(2, "Running", number("ContainersRunning"))
        text += line(2, "Paused", number("ContainersPaused"))
        text += line(2, "Stopped", number("ContainersStopped"))
        text += line(1, "Images", number("Images"))
        text += line(1, "Server Version", info["ServerVersion"].text)
        text += line(1, "Storage Driver", info["Driver"].text)
        for pair in info["DriverStatus"].array.map(\.strings) where pair.count == 2 {
            text += line(2, pair[0], pair[1])
        }
        text += line(1, "Logging Driver", info["LoggingDriver"].text)
        text += line(1, "Cgroup Driver", info["CgroupDriver"].text)
        text += line(1, "Cgroup Version", info["CgroupVersion"].text)
        text += line(1, "Runtimes", info["Runtimes"].sorted.map(\.key).joined(separator: " "))
        text += line(1, "Default Runtime", info["DefaultRuntime"].text)
        text += " Security Options:\n"
        for option in info["SecurityOptions"].strings {
            for (index, part) in option.split(separator: ",").enumerated() {
                let pair = part.split(separator: "=", maxSplits: 1).map(String.init)
                if pair.count == 2 {
                    text +=
                        index == 0
                        ? "  \(Escaping.visible(pair[1]))\n"
                        : line(3, pair[0] == "profile" ? "Profile" : pair[0], pair[1])
                }
            }
        }
        text += line(1, "Kernel Version", info["KernelVersion"].text)
        text += line(1, "Operating System", info["OperatingSystem"].text)
        text += line(1, "Architecture", info["Architecture"].text)
        text += line(1, "CPUs", number("NCPU"))
        text += line(1, "Total Memory", ByteCount.binary(info["MemTotal"].integer ?? 0))
        text += line(1, "Name", info["Name"].text)
        text += line(1, "ID", info["ID"].text)
        text += line(1, "Data Root", info["DockerRootDir"].text)
        text += line(1, "Live Restore Enabled", info["LiveRestoreEnabled"].bool == true ? "true" : "false")
        return text
    }

    private static func prune(_ call: Invocation) throws -> Int32 {
        let all = call.arguments.bool("all")
        let volumes = call.arguments.bool("volumes")
        let filters = call.arguments.list("filter")
        if volumes, filters.contains(where: { $0.hasPrefix("until=") }) {
            throw CommandError("the \"until\" filter is not supported with \"--volumes\"")
        }
        var what = ["  - all stopped containers", "  - all networks not used by at least one container"]
        if volumes { what.append("  - all anonymous volumes not used by at least one container") }
        what.append(
            all ? "  - all images without at least one container associated to them" : "  - all dangling images")
        try Prune.confirm(call, "This will remove:\n\(what.joined(separator: "\n"))\n")
        func query(_ more: [String] = []) throws -> Query {
            var query = Query()
            try query.addFilters(filters + more)
            return query
        }
        var parts = [try Prune.containers(call.client, query())]
        parts.append(try Prune.networks(call.client, query()))
        if volumes { parts.append(try Prune.volumes(call.client, query())) }
        parts.append(try Prune.images(call.client, query(["dangling=\(!all)"])))
        try Output.write(parts.map(\.text).joined() + Prune.total(parts.reduce(0) { $0 + $1.bytes }))
        return 0
    }
}
