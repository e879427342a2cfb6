import FoundationEssentials
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
                "ports[0].router: mode l4 goes with nftables, mode l7 with haproxy or nginx\n"
                    + "ports[0].mode: \"l7\" with nftables comes later; there is \"l4\""
            ),
            (
                [
                    "ports": .array([
                        .object([
                            "target": .number(1),
                            "sticky": .object(["by": .string("address"), "ttl": .string("1h")]),
                        ])
                    ])
                ],
                "ports[0].sticky.ttl: is for cookies; an address sticks while members and shares stay"
            ),
            (
                ["health": .object(["slow_start": .string("10s")])],
                "health.slow_start: needs a router that sees requests (mode \"l7\"), which comes later"
            ),
            (
                [
                    "scale": .object([
                        "desired": .number(2), "max": .number(4), "target": .object(["cpu": .string("70%")]),
                        "to_zero_after": .string("5m"),
                    ])
                ],
                "scale.target: the number of instances does not change by itself yet; use boxctl scale\n"
                    + "scale.to_zero_after: the last instance cannot be woken yet"
            ),
            (
                [
                    "deploy": .object([
                        "analysis": .object([
                            "metrics": .array([
                                .object(["name": .string("crashes"), "max": .number(0)]),
                                .object(["name": .string("p95"), "max": .string("800ms")]),
                            ])
                        ])
                    ])
                ],
                "deploy.analysis.metrics[1]: p95 needs a router that sees requests (mode \"l7\"), which comes later"
            ),
            (
                ["scale": .object(["desired": .number(3), "max": .number(2)])],
                "scale: min 1, desired 3, max 2: must not decrease in this order"
            ),
        ] as [([String: JSONValue], String)])
    func wrong(_ parts: [String: JSONValue], _ text: String) {
        #expect(problems(parts) == text)
    }

    @Test("A file with everything: what is not to be had yet is refused by name, the rest is read")
    func everything() throws {
        let value = try parsed(Self.example)
        do {
            _ = try ServiceSpec.decode(value)
            Issue.record("it was accepted")
        } catch {
            #expect(
                error.problems.map(\.path) == [
                    "deploy.preview", "ports[0].mode", "scale.target", "health.slow_start", "deploy.match",
                    "deploy.preview.host",
                    "deploy.analysis.metrics[0]", "deploy.analysis.metrics[1]",
                ])
        }
        guard case .object(var members) = value else { return }
        members["ports"] = try parsed(
            "[{ name: 'http', target: 3000, publish: 80, sticky: { by: 'address' } }]")
        members["scale"] = try parsed("{ min: 2, desired: 3, max: 10 }")
        members["health"] = try parsed("{ http: { path: '/up', port: 'http', host: null }, warmup: ['/'] }")
        members["deploy"] = try parsed(
            "{ strategy: 'canary', steps: [{ weight: '5%' }, { pause: '2m' }, { weight: '100%' }], bake: '2m' }")
        let spec = try ServiceSpec.decode(.object(members))
        #expect(spec.scale.desired == 3)
        #expect(spec.deploy.bake == .minutes(2))
        #expect(spec.drain.lameDuck == .signal("USR1"))
        #expect(spec.hooks[.beforeDeploy]?.run == ["bin/migrate"])
        #expect(spec.hooks[.beforeTraffic] == nil)
        #expect(spec.resources.memory == 512 << 20)
        #expect(spec.ports[0].sticky?.by == .address)
    }

    private func parsed(_ text: String) throws -> JSONValue {
        let decoder = JSONDecoder()
        decoder.allowsJSON5 = true
        return try decoder.decode(JSONValue.self, from: Data(text.utf8))
    }

    private static let example = """
        { schema: 1, service: "web", image: "reg/web@sha256:00", command: [], env: { RAILS_ENV: "production" },
          user: "app", volumes: [{ name: "data", at: "/data", access: "shared" }],
          scale: { min: 2, desired: 3, max: 10, target: { cpu: "70%" }, to_zero_after: null },
          ports: [{ name: "http", target: 3000, publish: 80, mode: "l7", router: "haproxy", host: "a.example.com",
                    sticky: { by: "cookie", name: "box", ttl: "1h" }, timeout: "30s" }],
          health: { http: { path: "/up", port: "http", host: null, expect: "200-299", follow_redirects: false },
                    interval: "1s", timeout: "2s", healthy_threshold: 2, unhealthy_threshold: 3,
                    start_timeout: "30s", healthy_deadline: "2m", stable_for: "5s", warmup: ["/", "/login"],
                    slow_start: "10s" },
          drain: { timeout: "30s", long_lived: "5m", lame_duck: { signal: "USR1" }, stop_signal: "TERM",
                   stop_grace: "20s" },
          deploy: { strategy: "canary", batch: 1, surge: 1, max_unavailable: 0, batch_pause: "10s",
                    steps: [{ weight: "5%" }, { analysis: "2m" }, { weight: "50%" },
                            { gate: "manual", timeout: "1h" }, { weight: "100%" }],
                    match: [{ header: "X-Canary", equals: "1" }, { cookie: "beta", equals: "1" }],
                    preview: { port: 8081, host: "preview.example.com" }, baseline: "stable",
                    analysis: { interval: "10s", min_requests: 200, on_inconclusive: "extend",
                                metrics: [{ name: "error_rate", max: "1%", max_vs_control: 1.5 },
                                          { name: "p95", max: "800ms", max_vs_control: 1.3 },
                                          { name: "crashes", max: 0 }],
                                webhooks: [{ url: "http://127.0.0.1:9/check", every: "30s" }] },
                    progress_deadline: "10m", bake: "2m", on_failure: "rollback", rollback_window: "10m",
                    rollback_keep: "frozen", revisions: 5 },
          hooks: { before_deploy: { run: ["bin/migrate"], in: "new", timeout: "5m" }, before_traffic: {} },
          resources: { memory: "512MiB", cpu: 1.0 } }
        """

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
