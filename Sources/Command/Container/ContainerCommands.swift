import APIModel
import Basics
import HTTP
import Kernel

/// What is done with containers: the table, and the commands that are one request for each name.
enum ContainerCommands {
    static let all: [CommandSpec] =
        RunCommand.specs + [
            ExecCommand.spec, PsCommand.spec, PortCommand.spec, LogsCommand.spec, StatsCommand.spec, CopyCommand.spec,
            StartCommand.start,
            StartCommand.attach, InspectCommand.containers,
        ] + lifecycle + content + [prune]

    /// One name, some names.
    private static let several = 1...Int.max

    private static let stopFlags: [Flag] = [
        .one("signal", "s", "string", "Signal to send to the container"),
        .one("timeout", "t", "int", "Seconds to wait before killing the container; -1 to wait for ever"),
        .one("time", nil, "int", "As --timeout"),
    ]

    private static let lifecycle: [CommandSpec] = [
        CommandSpec(
            "stop", aliases: ["container stop"], usage: "CONTAINER [CONTAINER...]", operands: several,
            "Stop one or more running containers", flags: { stopFlags }, run: { try stop($0, "stop") }),
        CommandSpec(
            "restart", aliases: ["container restart"], usage: "CONTAINER [CONTAINER...]", operands: several,
            "Restart one or more containers", flags: { stopFlags }, run: { try stop($0, "restart") }),
        CommandSpec(
            "kill", aliases: ["container kill"], usage: "CONTAINER [CONTAINER...]", operands: several,
            "Kill one or more running containers",
            flags: { [.one("signal", "s", "string", default: "KILL", "Signal to send to the container")] },
            run: { call in
                let signal = call.arguments.optionalText("signal") ?? "KILL"
                return try call.forEach {
                    try call.client.perform(.post, Path.container($0, "kill"), ["signal": signal])
                }
            }),
        CommandSpec(
            "pause", aliases: ["container pause"], usage: "CONTAINER|ROLLOUT [CONTAINER|ROLLOUT...]", operands: several,
            "Pause all processes within one or more containers, or a rollout, which is named as in web-d42",
            run: { call in
                try call.reporting {
                    try call.forEach(printsName: false) { name in
                        if try ServiceCommands.isRollout(name, call.client) {
                            return try ServiceCommands.pause(call, name)
                        }
                        try call.client.perform(.post, Path.container(name, "pause"))
                        try Output.line(name)
                    }
                }
            }),
        CommandSpec(
            "unpause", aliases: ["container unpause"], usage: "CONTAINER [CONTAINER...]", operands: several,
            "Unpause all processes within one or more containers",
            run: { call in try call.forEach { try call.client.perform(.post, Path.container($0, "unpause")) } }),
        CommandSpec(
            "wait", aliases: ["container wait"], usage: "CONTAINER [CONTAINER...] | ROLLOUT", operands: several,
            "Block until one or more containers stop, then print their exit codes; or until a rollout, which is named "
                + "as in web-d42, has ended",
            flags: { ServiceCommands.waitFlags },
            run: { call in
                if let name = call.arguments.operands.first, call.arguments.operands.count == 1,
                    try call.reporting({ try ServiceCommands.isRollout(name, call.client) ? 1 : 0 }) == 1
                {
                    return try ServiceCommands.wait(call, for: name)
                }
                for flag in ServiceCommands.waitFlags where call.arguments.isSet(flag.name) {
                    throw CommandError.usage("--\(flag.name) is for rollouts, and this is a container")
                }
                return try call.forEach(printsName: false) { name in
                    let answer = try call.client.send(.post, Path.container(name, "wait")).bytes()
                    try Output.line(String(try AttachedContainer.status(answer)))
                }
            }),
        CommandSpec(
            "rm", aliases: ["container rm", "container remove"], usage: "CONTAINER [CONTAINER...]", operands: several,
            "Remove one or more containers",
            flags: {
                [
                    .bool("force", "f", "Kill and remove a running container too"),
                    .bool("volumes", "v", "Remove its anonymous volumes too"),
                    .refused("link", "l", takesValue: false, "containers have no links"),
                ]
            }, run: remove),
        CommandSpec(
            "rename", aliases: ["container rename"], usage: "CONTAINER NEW_NAME", operands: 2...2, "Rename a container",
            run: { call in
                let names = call.arguments.operands
                try call.client.perform(.post, Path.container(names[0], "rename"), ["name": names[1]])
                return 0
            }),
        CommandSpec(
            "update", aliases: ["container update"], usage: "CONTAINER [CONTAINER...]", operands: several,
            "Update configuration of one or more containers",
            flags: { ResourceFlags.flags + [.one("restart", nil, "string", "When to restart")] }, run: update),
    ]

    private static let content: [CommandSpec] = [
        CommandSpec(
            "top", aliases: ["container top"], usage: "CONTAINER [ps OPTIONS]", operands: 1...Int.max,
            interspersed: false,
            "Display the running processes of a container", run: top),
        CommandSpec(
            "diff", aliases: ["container diff"], usage: "CONTAINER", operands: 1...1,
            "Inspect changes to files or directories on a container's filesystem",
            run: { call in
                var text = ""
                for change in try call.client.get(Path.container(call.arguments.operands[0], "changes")).array {
                    let kind = change["Kind"].integer.flatMap { Int(exactly: $0) }.flatMap(FilesystemChangeKind.init)
                    let letter = kind.map { $0 == .modified ? "C" : $0 == .added ? "A" : "D" } ?? "?"
                    text += "\(letter) \(Escaping.visible(change["Path"].text))\n"
                }
                try Output.write(text)
                return 0
            }),
        CommandSpec(
            "export", aliases: ["container export"], usage: "CONTAINER", operands: 1...1,
            "Export a container's filesystem as a tar archive",
            flags: { [.one("output", "o", "string", "Write to a file, instead of STDOUT")] },
            run: { call in
                let file = try ArchiveOutput(call.arguments.text("output"), verb: "export")
                let answer = try call.client.send(.get, Path.container(call.arguments.operands[0], "export"))
                try call.client.copy(answer) { try file.write($0) }
                try file.finish()
                return 0
            }),
        CommandSpec(
            "commit", aliases: ["container commit"], usage: "CONTAINER [REPOSITORY[:TAG]]", operands: 1...2,
            "Create a new image from a container's changes",
            flags: {
                [
                    .one("author", "a", "string", "Author (e.g., \"Jane Doe <jane@example.com>\")"),
                    .many("change", "c", "list", "Apply a Dockerfile instruction to the created image"),
                    .one("message", "m", "string", "Commit message"),
                    .bool("pause", "p", default: true, "Pause the container during the commit"),
                ]
            }, run: commit),
    ]

    private static let prune = CommandSpec(
        "container prune", operands: 0...0, "Remove all stopped containers", flags: { [.force, .pruneFilter] },
        run: { call in
            try Prune.confirm(call, "This will remove all stopped containers.")
            var query = Query()
            try query.addFilters(call.arguments.list("filter"))
            let result = try Prune.containers(call.client, query)
            try Output.write(result.text + Prune.total(result.bytes))
            return 0
        })

    // MARK: What they do

    private static func stop(_ call: Invocation, _ action: String) throws -> Int32 {
        var query = Query()
        if let signal = call.arguments.optionalText("signal") { query.add("signal", signal) }
        if let seconds = try call.arguments.integer("timeout") ?? call.arguments.integer("time") {
            query.add("t", "\(seconds)")
        }
        return try call.forEach { try call.client.perform(.post, Path.container($0, action), query) }
    }

    private static func remove(_ call: Invocation) throws -> Int32 {
        var query = Query()
        let force = call.arguments.bool("force")
        if force { query.add("force", "1") }
        if call.arguments.bool("volumes") { query.add("v", "1") }
        return try call.forEach { name in
            do { try call.client.perform(.delete, Path.container(name), query) } catch let error as DaemonError {
                guard force, error.isNotFound else { throw error }
                Output.complain(Escaping.lines(error.description))
                throw Invocation.Skip()
            }
        }
    }

    private static func update(_ call: Invocation) throws -> Int32 {
        if call.arguments.options.isEmpty {
            throw CommandError.usage("you must provide one or more flags when using this command")
        }
        let update = UpdateConfig(
            resources: try ResourceFlags.resources(call.arguments),
            restartPolicy: try call.arguments.optionalText("restart").map { text throws(CommandError) in
                try RestartFlag.parse(text)
            }
                ?? RestartPolicy())
        let body = try JSONValue(encoding: update)
        return try call.forEach { name in
            let answer = try call.client.value(.post, Path.container(name, "update"), body: body)
            for warning in answer["Warnings"].strings { Output.complain("WARNING: " + Escaping.visible(warning)) }
        }
    }

    private static func top(_ call: Invocation) throws -> Int32 {
        let options = call.arguments.operands.dropFirst().joined(separator: " ")
        var query = Query()
        if !options.isEmpty { query.add("ps_args", options) }
        let answer = try call.client.get(Path.container(call.arguments.operands[0], "top"), query)
        let rows = [answer["Titles"].strings] + answer["Processes"].array.map(\.strings)
        let text = rows.map { $0.map(Escaping.visible).joined(separator: "\t") + "\n" }.joined()
        try Output.write(TabWriter.align(text, minimum: 20))
        return 0
    }

    private static func commit(_ call: Invocation) throws -> Int32 {
        let arguments = call.arguments
        var query: Query = ["container": arguments.operands[0]]
        if arguments.operands.count == 2 {
            let (repository, tag) = try ImageName.split(arguments.operands[1])
            query.add("repo", repository)
            if let tag { query.add("tag", tag) }
        }
        if let author = arguments.optionalText("author") { query.add("author", author) }
        if let message = arguments.optionalText("message") { query.add("comment", message) }
        for change in arguments.list("change") { query.add("changes", change) }
        query.add("pause", arguments.bool("pause", default: true) ? "1" : "0")
        try Output.line(try call.client.value(.post, "/commit", query, body: [:])["Id"].text)
        return 0
    }
}

extension Invocation {
    /// A name for which there is nothing to print.
    struct Skip: Error {}

    /// Does something for each operand and prints its name; one that fails does not stop the others.
    func forEach(printsName: Bool = true, _ body: (String) throws -> Void) throws -> Int32 {
        var status: Int32 = 0
        for name in arguments.operands {
            do {
                try body(name)
                if printsName { try Output.line(name) }
            } catch is Skip {
            } catch let error as DaemonError {
                Output.complain(Escaping.lines(error.description))
                status = 1
            }
        }
        return status
    }
}
