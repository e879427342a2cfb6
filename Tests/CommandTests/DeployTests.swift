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
        for (name, value) in [("image", "web:2"), ("replicas", "3"), ("strategy", "blue-green"), ("env", "A=b=c")] {
            arguments.set(name, to: [value])
        }
        let spec = JSONValue.object(try SpecFlags.overlay(arguments, service: "web"))
        #expect(spec["image"].text == "web:2")
        #expect(spec["scale"]["desired"].integer == 3)
        #expect(spec["deploy"]["strategy"].text == "blue_green")
        #expect(spec["env"]["A"].text == "b=c")
        #expect(spec["ports"].isNull)
    }

    private static let compose = """
        {"name": "p", "services": {"db": {"image": "pg"}, "web": {
          "image": "web:1", "command": ["serve"], "environment": {"A": "1"}, "entrypoint": null,
          "ports": [{"mode": "ingress", "target": 80, "published": "8080", "protocol": "tcp"}],
          "volumes": [{"type": "volume", "source": "data", "target": "/data"}],
          "healthcheck": {"test": ["CMD-SHELL", "true"], "interval": "5s", "retries": 4},
          "deploy": {"replicas": 3, "resources": {"limits": {"cpus": 0.5, "memory": "1048576"}},
            "update_config": {"parallelism": 2, "delay": "10s", "order": "start-first", "failure_action": "pause"}},
          "stop_signal": "SIGQUIT", "stop_grace_period": "1m30s", "cap_add": ["NET_ADMIN"], "networks": {"default": null}
        }}}
        """

    @Test("A service of a compose file as a spec, and what has no counterpart")
    func composed() throws {
        let document = try JSONValue(parsing: Array(Self.compose.utf8))
        #expect(throws: CommandError.self) { try ComposeImport.spec(of: document, service: nil) }
        let (spec, notes) = try ComposeImport.spec(of: document, service: "web")
        let expected = """
            {"schema": 1, "service": "web", "image": "web:1", "command": ["serve"], "env": {"A": "1"},
             "ports": [{"name": "80", "target": 80, "publish": 8080, "protocol": "tcp"}],
             "volumes": [{"name": "data", "at": "/data", "access": "shared"}],
             "health": {"exec": ["/bin/sh", "-c", "true"], "interval": "5s", "unhealthy_threshold": 4},
             "drain": {"stop_signal": "QUIT", "stop_grace": "1m30s"},
             "scale": {"min": 1, "desired": 3, "max": 3}, "resources": {"memory": 1048576, "cpu": 0.5},
             "deploy": {"strategy": "rolling", "batch": 2, "surge": 2, "batch_pause": "10s", "on_failure": "pause"}}
            """
        #expect(try spec == JSONValue(parsing: Array(expected.utf8)), "\(spec.pretty)")
        #expect(notes.contains("cap_add is not taken over"))
        #expect(notes.count == 2)
    }

    @Test(
        "What would not be the same is refused by name",
        arguments: [
            (#"{"build": {"context": "."}}"#, "build: there is no image"),
            (#"{"image": "a", "entrypoint": ["x"]}"#, "entrypoint:"),
            (
                #"{"image": "a", "volumes": [{"type": "bind", "source": "/x", "target": "/y"}]}"#,
                "volumes: /y is a bind"
            ),
            (#"{"image": "a", "ports": [{"target": 80, "published": "80-90"}]}"#, "is a range"),
        ])
    func notComposed(service: String, message: String) throws {
        let document = try JSONValue(parsing: Array("{\"services\": {\"web\": \(service)}}".utf8))
        let error = #expect(throws: CommandError.self) { try ComposeImport.spec(of: document, service: nil) }
        #expect(error?.message.contains(message) == true)
        #expect(error?.status == 2)
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
