import Testing

@testable import Command

@Suite struct CommandLineParserTests {
    private let flags: [Flag] = [
        .bool("detach", "d", ""), .bool("interactive", "i", ""), .bool("tty", "t", ""), .bool("rm", nil, ""),
        .many("publish", "p", "list", ""), .one("name", nil, "string", ""), .many("env", "e", "list", ""),
        .one("memory", "m", "bytes", ""), .one("hostname", "h", "string", ""), .refused("gpus", nil, "no devices"),
    ]

    private func parse(_ words: [String], interspersed: Bool = false) throws -> ParsedArguments {
        try CommandLineParser.parse(words, flags: flags, interspersed: interspersed)
    }

    private static let lines: [([String], [String: [String]])] = [
        (["-itd", "img"], ["interactive": ["true"], "tty": ["true"], "detach": ["true"]]),
        (["-p8080:80", "img"], ["publish": ["8080:80"]]),
        (["-p", "8080:80", "-p=9:9", "img"], ["publish": ["8080:80", "9:9"]]),
        (["-itp80", "img"], ["interactive": ["true"], "tty": ["true"], "publish": ["80"]]),
        (["--name=web", "--rm=false", "img"], ["name": ["web"], "rm": ["false"]]),
        (["--name", "web", "img"], ["name": ["web"]]),
        (["--name=", "img"], ["name": [""]]),
        (["-e", "A=b=c", "--env=X", "img"], ["env": ["A=b=c", "X"]]),
        (["-i=false", "img"], ["interactive": ["false"]]),
        (["-h", "box", "img"], ["hostname": ["box"]]),
    ]

    @Test(arguments: lines)
    func options(_ words: [String], _ expected: [String: [String]]) throws {
        let parsed = try parse(words)
        #expect(Dictionary(uniqueKeysWithValues: parsed.options.map { ($0.name, $0.values) }) == expected)
        #expect(parsed.operands == ["img"])
    }

    @Test func operandsEndOptions() throws {
        #expect(try parse(["-d", "img", "ls", "-l", "--name"]).operands == ["img", "ls", "-l", "--name"])
        #expect(try parse(["-d", "--", "-img", "-d"]).operands == ["-img", "-d"])
        let mixed = try parse(["img", "-d", "other"], interspersed: true)
        #expect(mixed.operands == ["img", "other"])
        #expect(mixed.bool("detach"))
        #expect(try parse(["-"], interspersed: true).operands == ["-"])
    }

    private static let refusalsCases: [([String], String)] = [
        (["--foo", "img"], "unknown flag: --foo"),
        (["-dx"], "unknown shorthand flag: 'x' in -dx"),
        (["--name"], "flag needs an argument: --name"),
        (["-de"], "flag needs an argument: 'e' in -de"),
        (["--detach=maybe"], "invalid argument \"maybe\" for \"--detach\" flag: it is true or false"),
        (["--gpus", "all"], "--gpus is not supported yet: no devices"),
        (["--=x"], "bad flag syntax: --=x"),
    ]

    @Test(arguments: refusalsCases)
    func refusals(_ words: [String], _ message: String) throws {
        let error = #expect(throws: CommandError.self) { _ = try parse(words) }
        #expect(error?.message == message)
        #expect(error?.status == 125)
    }

    @Test func help() {
        #expect(throws: HelpRequested.self) { _ = try parse(["--help"]) }
        #expect(throws: HelpRequested.self) { _ = try CommandLineParser.parse(["-h"], flags: []) }
        // Behind the image it is the program's own.
        #expect(throws: Never.self) { _ = try parse(["img", "--help"]) }
    }

    @Test func typedValues() throws {
        let parsed = try parse(["-m", "512m", "--name", "12x", "img"])
        #expect(try parsed.bytes("memory") == 512 << 20)
        #expect(throws: CommandError.self) { _ = try parsed.integer("name") }
        #expect(throws: CommandError.self) { _ = try parsed.duration("name") }
    }

    @Test func everyCommandHasHelpAndNoDoubleFlags() {
        for spec in CommandTable.all where !spec.isRefused {
            let flags = spec.flags()
            #expect(Set(flags.map(\.name)).count == flags.count, "\(spec.name)")
            let shorts = flags.compactMap(\.short)
            #expect(Set(shorts).count == shorts.count, "\(spec.name)")
            #expect(HelpText.of(spec).hasPrefix("Usage:  boxctl \(spec.name)"))
            for line in HelpText.of(spec).split(separator: "\n") where line.hasPrefix("  ") {
                #expect(line.count <= 100, "\(line)")
            }
        }
        let names = CommandTable.all.flatMap { [$0.name] + $0.aliases }
        #expect(Set(names).count == names.count)
    }

    @Test func operandCounts() {
        for spec in CommandTable.all {
            guard let frequent = CommandTable.frequent(spec.name) else { continue }
            #expect(frequent.name == spec.name && frequent.summary == spec.summary)
        }
        let rename = CommandTable.find("container rename")
        #expect(rename?.name == "rename")
        let error = #expect(throws: CommandError.self) { try rename?.checkOperandCount(1) }
        #expect(error?.message == "\"boxctl rename\" requires 2 arguments.")
    }
}
