/// Docker's flag grammar: `--flag value`, `--flag=value`, `-f value`, `-fvalue`, bundled shorts `-itd`, booleans alone
/// or as `--flag=false`, `--` before operands that begin with a dash.
package struct CommandLineParser {
    private let flags: [Flag]
    private let interspersed: Bool
    private var parsed = ParsedArguments()

    /// - Parameter interspersed: options may stand behind operands; if not, the first operand ends them (`run`, `exec`).
    package init(flags: [Flag], interspersed: Bool) {
        self.flags = flags
        self.interspersed = interspersed
    }

    /// Throws `HelpRequested` for `--help`, and `CommandError` for what is wrong.
    package static func parse(_ arguments: some Collection<String>, flags: [Flag], interspersed: Bool = true) throws
        -> ParsedArguments
    {
        var parser = CommandLineParser(flags: flags, interspersed: interspersed)
        return try parser.parse(Array(arguments)[...])
    }

    private mutating func parse(_ arguments: ArraySlice<String>) throws -> ParsedArguments {
        var rest = arguments
        while let argument = rest.popFirst() {
            if argument == "--" {
                parsed.operands += rest
                break
            }
            if argument.hasPrefix("--") {
                try long(argument.dropFirst(2), &rest)
            } else if argument.hasPrefix("-"), argument != "-" {
                try shorts(argument.dropFirst(), &rest)
            } else {
                parsed.operands.append(argument)
                if !interspersed {
                    parsed.operands += rest
                    break
                }
            }
        }
        return parsed
    }

    private mutating func long(_ text: Substring, _ rest: inout ArraySlice<String>) throws {
        let name = text.prefix { $0 != "=" }
        if name == "help", !flags.contains(where: { $0.name == "help" }) { throw HelpRequested() }
        guard let flag = flags.first(where: { $0.name == name }) else {
            throw name.isEmpty || name.hasPrefix("-")
                ? CommandError.usage("bad flag syntax: --\(text)") : CommandError.usage("unknown flag: --\(name)")
        }
        try refuse(flag)
        if name.count < text.count {
            try store(flag, String(text.dropFirst(name.count + 1)))
        } else if flag.takesValue {
            guard let value = rest.popFirst() else { throw CommandError.usage("flag needs an argument: --\(name)") }
            try store(flag, value)
        } else {
            try store(flag, "true")
        }
    }

    private mutating func shorts(_ bundle: Substring, _ rest: inout ArraySlice<String>) throws {
        var left = bundle
        while let letter = left.popFirst() {
            guard let flag = flags.first(where: { $0.short == letter }) else {
                if letter == "h", bundle == "h" { throw HelpRequested() }
                throw CommandError.usage("unknown shorthand flag: '\(letter)' in -\(bundle)")
            }
            try refuse(flag)
            if !flag.takesValue {
                if left.first == "=" {
                    try store(flag, String(left.dropFirst()))
                    return
                }
                try store(flag, "true")
                continue
            }
            if !left.isEmpty {
                try store(flag, String(left.first == "=" ? left.dropFirst() : left))
            } else {
                guard let value = rest.popFirst() else {
                    throw CommandError.usage("flag needs an argument: '\(letter)' in -\(bundle)")
                }
                try store(flag, value)
            }
            return
        }
    }

    private func refuse(_ flag: Flag) throws {
        guard let instead = flag.refusal else { return }
        throw CommandError.usage("--\(flag.name) is not supported yet" + (instead.isEmpty ? "" : ": " + instead))
    }

    private mutating func store(_ flag: Flag, _ value: String) throws {
        guard case .bool = flag.value else {
            parsed.set(flag.key, to: parsed.list(flag.key) + [value])
            return
        }
        switch value {
        case "true", "1", "t", "T", "TRUE", "True": parsed.set(flag.name, to: ["true"])
        case "false", "0", "f", "F", "FALSE", "False": parsed.set(flag.name, to: ["false"])
        default:
            throw CommandError.usage("invalid argument \"\(value)\" for \"--\(flag.name)\" flag: it is true or false")
        }
    }
}

/// `--help` was given.
package struct HelpRequested: Error {}
