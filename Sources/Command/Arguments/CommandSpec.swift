/// A command: its names, options and operands, and what it does.
package struct CommandSpec: Sendable {
    /// As typed: `run`, `volume create`.
    package let name: String
    /// Other spellings: `container run`.
    package let aliases: [String]
    /// The operands, for `--help`: `IMAGE [COMMAND] [ARG...]`.
    package let usage: String
    package let summary: String
    /// How many operands it takes.
    package let operands: ClosedRange<Int>
    /// Options may stand behind the first operand.
    package let interspersed: Bool
    package let flags: @Sendable () -> [Flag]
    package let run: @Sendable (Invocation) throws -> Int32
    /// What wrong arguments exit with; nil: as Docker's command line does.
    private(set) var usageStatus: Int32?

    init(
        _ name: String, aliases: [String] = [], usage: String = "", operands: ClosedRange<Int>,
        interspersed: Bool = true,
        _ summary: String, flags: @escaping @Sendable () -> [Flag] = { [] },
        run: @escaping @Sendable (Invocation) throws -> Int32
    ) {
        self.name = name
        self.aliases = aliases
        self.usage = usage
        self.summary = summary
        self.operands = operands
        self.interspersed = interspersed
        self.flags = flags
        self.run = run
    }

    /// A command that Docker does not have: wrong arguments exit with 2, as those of most programs.
    var withOwnStatuses: CommandSpec {
        var copy = self
        copy.usageStatus = 2
        return copy
    }

    /// One that Docker has and Box does not: refused by name, whatever its options.
    static func refused(_ name: String, aliases: [String] = [], _ instead: String) -> CommandSpec {
        CommandSpec(name, aliases: aliases, operands: 0...Int.max, refusedSummary) { _ in
            throw CommandError("\"\(name)\" is not supported yet: \(instead)")
        }
    }
    private static let refusedSummary = ""
    var isRefused: Bool { summary.isEmpty }

    func checkOperandCount(_ count: Int) throws(CommandError) {
        if operands.contains(count) { return }
        let wanted: String
        if operands.lowerBound == operands.upperBound {
            wanted = operands.lowerBound == 0 ? "accepts no arguments" : "requires \(Self.count(operands.lowerBound))"
        } else if count < operands.lowerBound {
            wanted = "requires at least \(Self.count(operands.lowerBound))"
        } else {
            wanted = "requires at most \(Self.count(operands.upperBound))"
        }
        throw CommandError("\"boxctl \(name)\" \(wanted).", status: 1, isUsage: true)
    }
    private static func count(_ number: Int) -> String { "\(number) argument\(number == 1 ? "" : "s")" }
}

/// One call of a command.
package struct Invocation {
    package let spec: CommandSpec
    package let arguments: ParsedArguments
    package let client: EngineClient
}
