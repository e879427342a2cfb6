/// `--help`, made from the same tables as the parser.
package enum HelpText {
    private static let width = 80

    package static func of(_ spec: CommandSpec) -> String {
        let flags = spec.flags().filter { $0.refusal == nil && $0.original == nil }.sorted { $0.name < $1.name }
        var text = "Usage:  boxctl \(spec.name)"
        if !flags.isEmpty { text += " [OPTIONS]" }
        if !spec.usage.isEmpty { text += " " + spec.usage }
        text += "\n\n\(spec.summary)\n"
        if !spec.aliases.isEmpty {
            text +=
                "\nAliases:\n  " + (spec.aliases + [spec.name]).map { "boxctl " + $0 }.joined(separator: ", ") + "\n"
        }
        return text + options(flags)
    }

    static func options(_ flags: [Flag]) -> String {
        if flags.isEmpty { return "" }
        let rows = flags.map { (left: left($0), right: right($0)) }
        let column = (rows.map { $0.left.count }.max() ?? 0) + 3
        var text = "\nOptions:\n"
        for row in rows {
            let lines = wrap(row.right, max(24, width - column))
            text += row.left + String(repeating: " ", count: column - row.left.count) + (lines.first ?? "") + "\n"
            for line in lines.dropFirst() { text += String(repeating: " ", count: column) + line + "\n" }
        }
        return text
    }

    private static func left(_ flag: Flag) -> String {
        let start = flag.short.map { "  -\($0), --\(flag.name)" } ?? "      --\(flag.name)"
        switch flag.value {
        case .bool: return start
        case .maybe(let placeholder): return "\(start)[=\(placeholder)]"
        case .one(let placeholder, _), .many(let placeholder): return "\(start) \(placeholder)"
        }
    }

    private static func right(_ flag: Flag) -> String {
        switch flag.value {
        case .bool(default: true): flag.help + " (default true)"
        case .one(_, let value) where !value.isEmpty: flag.help + " (default \"\(value)\")"
        default: flag.help
        }
    }

    private static func wrap(_ text: String, _ width: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty, line.count + word.count + 1 > width {
                lines.append(line)
                line = ""
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        return lines + [line]
    }

    /// The list of commands: of all, or of one group such as `volume`.
    package static func overview(of specs: [CommandSpec], groups: [CommandGroup]) -> String {
        var text = """
            Usage:  boxctl [OPTIONS] COMMAND

            Containers on this host, through boxd

            Management Commands:

            """
        text += table(groups.map { ($0.name, $0.summary) })
        text += "\nCommands:\n"
        text += table(specs.filter { !$0.name.contains(" ") && !$0.isRefused }.map { ($0.name, $0.summary) })
        text += """

            Global Options:
              -H, --host string   Where boxd listens (default $BOX_HOST, or "unix:///run/box/box.sock")
              -v, --version       Print the version and quit

            Run 'boxctl COMMAND --help' for more information on a command.

            """
        return text
    }

    package static func overview(of group: CommandGroup, specs: [CommandSpec]) -> String {
        let prefix = group.name + " "
        var rows: [(String, String)] = []
        for spec in specs where !spec.isRefused {
            for name in [spec.name] + spec.aliases where name.hasPrefix(prefix) {
                rows.append((String(name.dropFirst(prefix.count)), spec.summary))
                break
            }
        }
        return "Usage:  boxctl \(group.name) COMMAND\n\n\(group.summary)\n\nCommands:\n"
            + table(rows.sorted { $0.0 < $1.0 })
            + "\nRun 'boxctl \(group.name) COMMAND --help' for more information on a command.\n"
    }

    private static func table(_ rows: [(String, String)]) -> String {
        let column = (rows.map { $0.0.count }.max() ?? 0) + 3
        return rows.map { "  \($0.0)\(String(repeating: " ", count: column - $0.0.count))\($0.1)\n" }.joined()
    }
}

/// A word that commands stand below: `volume`.
package struct CommandGroup: Sendable {
    package let name: String
    package let summary: String
}
