import APIModel
import OCI
import Testing

@testable import Engine

@Suite struct SpecConfigMergeTests {
    /// What runs, by Docker's rules.
    @Test(
        arguments: [
            // container's entrypoint, command; image's entrypoint, command; result
            (nil, nil, ["e"], ["c"], ["e", "c"]),
            (nil, ["x"], ["e"], ["c"], ["e", "x"]),
            (["y"], nil, ["e"], ["c"], ["y"]),
            (["y"], ["x"], ["e"], ["c"], ["y", "x"]),
            ([""], ["x"], ["e"], ["c"], ["x"]),
            ([""], nil, ["e"], ["c"], nil),
            ([], nil, ["e"], ["c"], ["c"]),
            (nil, nil, nil, ["c"], ["c"]),
            (nil, nil, ["e"], nil, ["e"]),
            (nil, nil, nil, nil, nil),
            (nil, [], nil, [], nil),
        ] as [([String]?, [String]?, [String]?, [String]?, [String]?)])
    func command(_ row: ([String]?, [String]?, [String]?, [String]?, [String]?)) throws {
        var image = ExecutionConfig()
        (image.entrypoint, image.cmd) = (row.2, row.3)
        let own = ContainerConfig(cmd: row.1, entrypoint: row.0)
        guard let expected = row.4 else {
            #expect(refusal { _ = try ConfigMerge.merge(own, over: image) } == "no command specified")
            return
        }
        let merged = try ConfigMerge.merge(own, over: image)
        #expect((merged.entrypoint ?? []) + (merged.cmd ?? []) == expected)
    }

    @Test func theContainersWordWins() throws {
        var image = ExecutionConfig()
        image.cmd = ["sh"]
        image.user = "app"
        image.env = ["PATH=/bin", "A=1", "B=2"]
        image.workingDir = "srv"
        image.labels = ["a": "image", "b": "image"]
        image.volumes = ["/data"]
        image.exposedPorts = ["80/tcp"]
        image.stopSignal = "SIGINT"
        let merged = try ConfigMerge.merge(
            ContainerConfig(
                exposedPorts: ["81/tcp": EmptyObject()], env: ["A=9", "B"], volumes: ["/more": EmptyObject()],
                labels: ["a": "own"]), over: image)
        #expect(merged.user == "app")
        #expect(merged.env == ["A=9", "B", "PATH=/bin"])
        #expect(merged.workingDir == "/srv")
        #expect(merged.labels == ["a": "own", "b": "image"])
        #expect(merged.volumes?.keys.sorted() == ["/data", "/more"])
        #expect(merged.exposedPorts?.keys.sorted() == ["80/tcp", "81/tcp"])
        #expect(merged.stopSignal == "SIGINT")
        #expect(try ConfigMerge.merge(ContainerConfig(user: "root", stopSignal: "9"), over: image).stopSignal == "9")
    }

    @Test func healthChecks() {
        var image = Healthcheck(test: ["CMD", "true"])
        image.interval = 5
        image.retries = 2
        #expect(ConfigMerge.healthcheck(nil, over: nil) == nil)
        #expect(ConfigMerge.healthcheck(nil, over: image)?.test == ["CMD", "true"])
        let own = ConfigMerge.healthcheck(HealthConfig(interval: 7, retries: 0), over: image)
        #expect(own == HealthConfig(test: ["CMD", "true"], interval: 7, retries: 2))
        #expect(ConfigMerge.healthcheck(HealthConfig(test: ["NONE"]), over: image) == HealthConfig(test: ["NONE"]))
    }

    @Test func environments() {
        #expect(EnvironmentVariables.override(["A=1", "B=2"], with: ["B=3", "A", "C="]) == ["B=3", "C="])
        #expect(EnvironmentVariables.override([], with: ["A=1", "A=2"]) == ["A=2"])
        #expect(EnvironmentVariables.override(["A=1"], with: ["A", "A=2"]) == ["A=2"])
        #expect(
            EnvironmentVariables.ofContainer(["X=1"], hostname: "h", terminal: true, home: "/root") == [
                "PATH=" + EnvironmentVariables.defaultPath, "HOSTNAME=h", "TERM=xterm", "X=1", "HOME=/root",
            ])
        #expect(
            EnvironmentVariables.ofContainer(["PATH=/x", "HOME=/y"], hostname: "h", terminal: false, home: "/root") == [
                "PATH=/x", "HOSTNAME=h", "HOME=/y",
            ])
    }
}
