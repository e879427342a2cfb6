import Testing

@testable import Deployment

/// The tree of a spec, as short as it can be, with parts replaced.
func tree(_ parts: [String: JSONValue] = [:]) -> JSONValue {
    var members: [String: JSONValue] = [
        "schema": .number(1), "service": .string("web"), "image": .string("web@sha256:00"),
        "ports": .array([.object(["name": .string("http"), "target": .number(3000), "publish": .number(80)])]),
        "scale": .object(["desired": .number(4), "max": .number(10)]),
    ]
    for (key, value) in parts { members[key] = value }
    return .object(members)
}

func problems(_ parts: [String: JSONValue]) -> String {
    do {
        _ = try ServiceSpec.decode(tree(parts))
        return ""
    } catch { return error.description }
}

@Suite("Spec files")
struct SpecTests {
    @Test("The defaults")
    func defaults() throws {
        let spec = try ServiceSpec.decode(tree())
        #expect(spec.scale.desired == 4)
        #expect(spec.scale.min == 1)
        #expect(spec.deploy.strategy == .rolling)
        #expect(spec.deploy.surge == .count(1))
        #expect(spec.ports == [.init(name: "http", target: 3000, publish: 80)])
        #expect(spec.features.isEmpty)
    }

    @Test(
        "What is wrong is named with its path",
        arguments: [
            (["imagee": JSONValue.string("x")], "imagee: unknown key; did you mean 'image'?"),
            (["schema": .number(2)], "schema: must be a whole number from 1 to 1, not 2.0"),
            (
                ["deploy": .object(["stratgy": .string("rolling")])],
                "deploy.stratgy: unknown key; did you mean 'strategy'?"
            ),
            (
                ["deploy": .object(["strategy": .string("bluegreen")])],
                "deploy.strategy: 'bluegreen' is none of rolling, immutable, canary, recreate, blue_green, "
                    + "all_at_once; did you mean 'blue_green'?"
            ),
            (
                ["health": .object(["interval": .string("1 sec")])],
                "health.interval: '1 sec' is no duration; write for example \"30s\", \"500ms\" or \"2m\""
            ),
            (["health": .object(["http": .object(["port": .string("web")])])], "health: there is no port named 'web'"),
            (
                ["deploy": .object(["batch": .number(2)])],
                "deploy.batch: 2 is more than the surge of 1, which bounds it"
            ),
            (
                ["deploy": .object(["surge": .number(0)])],
                "deploy.max_unavailable: 0 is less than the batch of 1 that surge 0 stops"
            ),
            (
                ["deploy": .object(["surge": .number(0)]), "scale": .object(["desired": .number(1)])],
                "deploy.surge: 0 with one instance means downtime; say strategy: \"recreate\""
            ),
            (
                [
                    "volumes": .array([
                        .object(["name": .string("d"), "at": .string("/d"), "access": .string("exclusive")])
                    ]), "scale": .object(["desired": .number(1)]),
                ],
                "deploy.strategy: 'rolling' has old and new side by side, which an exclusive volume forbids; "
                    + "say \"recreate\""
            ),
            (
                ["deploy": .object(["strategy": .string("canary")])],
                "deploy.steps: must end with weight \"100%\""
            ),
            (
                [
                    "deploy": .object([
                        "strategy": .string("canary"),
                        "steps": .array([
                            .object(["weight": .string("50%")]), .object(["weight": .string("5.5%")]),
                            .object(["weight": .string("100%")]),
                        ]),
                    ])
                ],
                "deploy.steps[1].weight: 5.5% is less than before; weights only grow\n"
                    + "deploy.steps[1].weight: 5.5%: mode l4 has steps of 1%"
            ),
            (["service": .string("Web")], "service: 'Web': use a-z, 0-9, '-', at most 63, beginning with a letter"),
            (
                [
                    "ports": .array([
                        .object(["target": .number(1), "mode": .string("l7"), "router": .string("nftables")])
                    ])
                ],
                "ports[0].router: mode l4 goes with nftables, mode l7 with haproxy or nginx"
            ),
            (
                ["scale": .object(["desired": .number(3), "max": .number(2)])],
                "scale: min 1, desired 3, max 2: must not decrease in this order"
            ),
        ] as [([String: JSONValue], String)])
    func wrong(_ parts: [String: JSONValue], _ text: String) {
        #expect(problems(parts) == text)
    }

    @Test("All problems at once")
    func all() {
        #expect(
            problems(["a1": .null, "health": .number(3), "env": .object(["A": .number(1)])]).split(separator: "\n")
                .count == 3)
    }

    @Test("Variables")
    func variables() throws {
        let value = JSONValue.object(["a": .array([.string("x${A}y$${B}")]), "${A}": .number(1)])
        let done = try value.substituting(["A": "1"])
        #expect(done == .object(["a": .array([.string("x1y${B}")]), "${A}": .number(1)]))
        #expect(throws: SpecProblems(problems: [.init(path: "b[0]", text: "B is not set: say which")])) {
            try JSONValue.object(["b": .array([.string("${B:?say which}")])]).substituting([:])
        }
    }

    @Test("Counts and shares")
    func amounts() {
        #expect(Amount.percent(25).of(3) == 1)
        #expect(Amount.percent(0).of(3) == 0)
        #expect(Share.percent(5).capacity(of: 4) == 1)
        #expect(Share.percent(51).capacity(of: 4) == 3)
        #expect(SpecObject.nearest("helthy_threshold", ["healthy_threshold", "interval"]) == "healthy_threshold")
        #expect(SpecObject.nearest("zzz", ["healthy_threshold", "interval"]) == nil)
    }
}
