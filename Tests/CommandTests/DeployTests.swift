import Testing

@testable import Command

@Suite struct DeployTests {
    @Test(arguments: [
        ("80", 80, 80, "tcp"), ("8080:80", 8080, 80, "tcp"), ("53:5353/udp", 53, 5353, "udp"),
    ]) func ports(text: String, publish: Int64, target: Int64, transport: String) throws {
        let port = try SpecFlags.port(text)
        #expect(port["publish"].integer == publish)
        #expect(port["target"].integer == target)
        #expect(port["protocol"].text == transport)
    }

    @Test(arguments: ["", "x", "0", "80:", ":80", "1:2:3", "70000", "80/tcp/udp"]) func badPorts(text: String) {
        #expect(throws: CommandError.self) { try SpecFlags.port(text) }
    }

    @Test(
        "The form of a rollout's identifier",
        arguments: [
            ("web-d42", true), ("my-web-d1", true), ("web", false), ("web-d", false), ("web-d4x", false),
            ("d42", false),
        ]) func rollouts(text: String, isOne: Bool)
    { #expect(BoxPath.isRollout(text) == isOne) }

    @Test("Only variables that the text names leave the process")
    func variables() {
        let found = DeployCommand.variables(in: "{ image: \"${PATH}\", env: { A: \"${BOX_SURELY_NOT_SET:?why}\" } }")
        #expect(found.members.map(\.key) == ["PATH"])
    }

    @Test("--wait stands alone, or with a value behind the sign")
    func wait() throws {
        let flags = [Flag.maybe("wait", nil, "pause", "")]
        #expect(try CommandLineParser.parse(["--wait", "web"], flags: flags).operands == ["web"])
        let parsed = try CommandLineParser.parse(["--wait=pause", "web"], flags: flags)
        #expect(parsed.optionalText("wait") == "pause")
        #expect(try WaitOptions(parsed).endsWithPause)
    }

    @Test("Options are laid over the spec that there is")
    func overlay() throws {
        var arguments = ParsedArguments()
        arguments.values = ["image": ["web:2"], "replicas": ["3"], "strategy": ["blue-green"], "env": ["A=b=c"]]
        let spec = JSONValue.object(try SpecFlags.overlay(arguments, service: "web"))
        #expect(spec["image"].text == "web:2")
        #expect(spec["scale"]["desired"].integer == 3)
        #expect(spec["deploy"]["strategy"].text == "blue_green")
        #expect(spec["env"]["A"].text == "b=c")
        #expect(spec["ports"].isNull)
    }

    @Test("What a rollout came to, in words")
    func summary() {
        let result: JSONValue = [
            "deploy": "web-d4", "outcome": "rolled_back", "changed": true, "from": "r3", "to": "r4",
            "serving": ["r3": 2], "timings": ["total": .double(1.5)],
            "reason": ["detail": "exited with 3", "instance": "web-r4-9", "log_tail": ["boom"]],
        ]
        #expect(
            RolloutWait.summary(result)
                == "web-d4: rolled back in 1.5 s, r3 -> r4, serving r3: 2\n  because web-r4-9: exited with 3\n  | boom")
    }
}
