import APIModel
import Basics
import Kernel

/// boxctl as a library.
package enum BoxCommand {
    private static let globalFlags: [Flag] = [
        .one("host", "H", "string", "Where boxd listens"),
        .bool("version", "v", "Print the version and quit"),
        .refused("context", "c", "give the host with -H"),
        .refused("config", nil, "boxctl has no configuration files"),
        .refused("debug", "D", takesValue: false),
        .refused("log-level", "l"),
        .refused("tls", nil, takesValue: false, "boxd listens on a unix socket"),
        .refused("tlsverify", nil, takesValue: false, "boxd listens on a unix socket"),
        .refused("tlscacert", nil, "boxd listens on a unix socket"),
        .refused("tlscert", nil, "boxd listens on a unix socket"),
        .refused("tlskey", nil, "boxd listens on a unix socket"),
    ]

    /// Runs one command line (without the program's name); returns what the process exits with.
    package static func run(_ arguments: [String]) -> Int32 {
        // A reader that goes away is an error of write(2), which ends the command quietly.
        Signals.ignorePipe()
        var name: String?
        var usageStatus: Int32?
        do { return try dispatch(arguments, &name, &usageStatus) } catch let error as CommandError where error.isUsage {
            return report(
                CommandError(error.message, status: usageStatus ?? error.status, isUsage: true), command: name)
        } catch {
            return report(error, command: name)
        }
    }

    private static func dispatch(
        _ arguments: [String], _ name: inout String?, _ usageStatus: inout Int32?
    ) throws -> Int32 {
        let global: ParsedArguments
        do {
            global = try CommandLineParser.parse(arguments, flags: globalFlags, interspersed: false)
        } catch is HelpRequested {
            try Output.write(HelpText.overview(of: CommandTable.all, groups: CommandTable.groups))
            return 0
        }
        if global.bool("version") {
            try Output.line("boxctl version \(BoxVersion.current)")
            return 0
        }
        var rest = global.operands[...]
        guard let first = rest.popFirst() else {
            try Output.write(HelpText.overview(of: CommandTable.all, groups: CommandTable.groups))
            return 0
        }
        if first == "help" { return try dispatch(Array(rest) + ["--help"], &name, &usageStatus) }
        var word = first
        if let group = CommandTable.groups.first(where: { $0.name == first }) {
            guard let second = rest.first, !second.hasPrefix("-") else {
                if let option = rest.first, option != "--help", option != "-h" {
                    throw CommandError.usage("unknown flag: \(option)")
                }
                try Output.write(HelpText.overview(of: group, specs: CommandTable.all))
                return 0
            }
            rest = rest.dropFirst()
            word = "\(first) \(second)"
        }
        guard let spec = CommandTable.find(word) else {
            throw CommandError("'\(Escaping.visible(word))' is not a boxctl command.\nSee 'boxctl --help'.", status: 1)
        }
        name = word
        usageStatus = spec.usageStatus
        let host =
            global.optionalText("host") ?? ProcessEnvironment.variable("BOX_HOST").flatMap { $0.isEmpty ? nil : $0 }
        return try call(spec, Array(rest), host: host ?? EngineClient.defaultHost)
    }

    private static func call(_ spec: CommandSpec, _ arguments: [String], host: String) throws -> Int32 {
        if spec.isRefused {
            return try spec.run(
                Invocation(spec: spec, arguments: ParsedArguments(), client: try EngineClient(host: host)))
        }
        let parsed: ParsedArguments
        do {
            parsed = try CommandLineParser.parse(arguments, flags: spec.flags(), interspersed: spec.interspersed)
        } catch is HelpRequested {
            try Output.write(HelpText.of(spec))
            return 0
        }
        try spec.checkOperandCount(parsed.operands.count)
        return try spec.run(Invocation(spec: spec, arguments: parsed, client: try EngineClient(host: host)))
    }

    private static func report(_ error: any Error, command: String?) -> Int32 {
        let isRun = command == "run" || command == "container run"
        switch error {
        case let error as ExitStatus: return error.status
        case let error as CommandError:
            Output.complain("boxctl: " + Escaping.lines(error.message))
            if error.isUsage { Output.complain("See 'boxctl \(command.map { $0 + " " } ?? "")--help'.") }
            return isRun ? max(error.status, 125) : error.status
        case let error as DaemonError:
            Output.complain((isRun ? "boxctl: " : "") + Escaping.lines(error.description))
            return isRun ? 125 : 1
        case let error as Unreachable:
            Output.complain("boxctl: \(error)")
            return isRun ? 125 : 1
        default:
            Output.complain("boxctl: \(error)")
            return isRun ? 125 : 1
        }
    }
}
